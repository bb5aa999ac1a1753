"""Features and label of any questions, to be looked at: one row out for each row in, and nothing to release."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from andon.expressions.evaluate import evaluate_label
from andon.expressions.fit import learn_all
from andon.expressions.plan import FeaturePlan
from andon.expressions.target_mean import Labels
from andon.expressions.tree import Node
from andon.line.features.snapshot import KEY
from andon.line.features.split import LABEL

NO_LABEL = "_no_label"


@dataclass(frozen=True, slots=True)
class Looked:
    """What is looked at.

    Attributes:
        plan: Features, not fitted yet.
        label: The label's expression.
        label_within_ns: How long after the question it is waited for.
        keys: The spine's columns that name a row.
    """

    plan: FeaturePlan
    label: Node
    label_within_ns: int
    keys: tuple[str, ...]


def rows_of(looked: Looked, spine: pl.DataFrame, tables: Mapping[str, pl.LazyFrame], as_of_ns: int) -> pl.DataFrame:
    """The features and the label of questions, from what was known before `as_of_ns`.

    What has to be learned is learned from those of the rows that have a label, as if they were all there is to fit on.

    Args:
        looked: What to compute.
        spine: The rows that ask.
        tables: Published datasets by contract, with `_known_at`, `_object` and `_row`.
        as_of_ns: Nanoseconds since 1970.

    Returns:
        In the order of the spine: its keys (`_key.<name>` where a feature has that name), when each row asks, the
        features, `label`, and `_no_label`: why a row has none, `immature` while it is waited for, however early it
        came, or `unlabelled` where it did not come.

    Raises:
        InputError: A column is missing or of another type, or there is nothing to learn from.
    """
    plan = looked.plan
    known = {name: table.filter(pl.col("_known_at").to_physical() < as_of_ns) for name, table in tables.items()}
    found = evaluate_label(looked.label, plan.spine, spine, known, as_of_ns)[LABEL]
    waited = spine[plan.asked].to_physical() + looked.label_within_ns
    why = pl.when(waited >= as_of_ns).then(pl.lit("immature")).when(found.is_null()).then(pl.lit("unlabelled"))
    no_label = pl.select(why.alias(NO_LABEL)).to_series()
    has_label = no_label.is_null()
    label = pl.select(pl.when(has_label).then(found).alias(LABEL)).to_series()
    learned = learn_all(plan, spine.filter(has_label), known, Labels(label.filter(has_label), looked.label.type))
    features = learned.features(spine, has_label, known)
    keys = [spine[name].alias(f"{KEY}{name}" if name in features.columns else name) for name in looked.keys]
    asked = [] if plan.asked in (*looked.keys, *features.columns) else [spine[plan.asked]]
    return pl.DataFrame([*keys, *asked, *features.get_columns(), label, no_label])
