"""Makes a snapshot: labels what has matured, splits it by time, learns from the fit rows, computes the features."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import polars as pl

from andon.contracts.model import Feature, Task
from andon.expressions.evaluate import evaluate_label
from andon.expressions.fit import learn_all
from andon.expressions.plan import FeaturePlan
from andon.expressions.target_mean import Labels, check_label
from andon.expressions.tree import Node
from andon.kernel.canonical import Json
from andon.kernel.errors import InputError
from andon.line.features.snapshot import ROW_ID, SERVED, Columns, Snapshot, classes_of, snapshot
from andon.line.features.split import LABEL, PARTS, Split, SplitSpec, split
from andon.line.matrix import features_of, inputs_of


@dataclass(frozen=True, slots=True)
class Definition:
    """What a snapshot is made by.

    Attributes:
        plan: Features, not fitted yet.
        label: The label's expression.
        spec: How rows are split; its `asked` is the plan's.
        columns: Spine columns that go along.
    """

    plan: FeaturePlan
    label: Node
    spec: SplitSpec
    columns: Columns


@dataclass(frozen=True, slots=True)
class Built:
    """A snapshot, and what a model needs to know of it.

    Attributes:
        plan: The plan with everything learned from the fit rows.
        classes: Names of the classes in the order of their numbers, for a label that is a category.
        parts: Where every row of the spine went, and when the parts begin.
        holdout_spine: The spine's holdout rows with `_row_id`, in the order of the frames, for a champion with its own
            features.
    """

    snapshot: Snapshot
    holdout_spine: pl.DataFrame
    plan: FeaturePlan
    features: tuple[Feature, ...]
    task: Task
    classes: tuple[str, ...]
    parts: Split

    def facts(self) -> dict[str, Json]:
        """Facts of the snapshot's manifest: counts, times, task, classes and the fitted plan."""
        return {
            **self.parts.facts(),
            "task": self.task,
            "classes": list(self.classes),
            "plan": self.plan.to_json(),
            "columns": [feature.name for feature in self.features],
        }


def build(definition: Definition, spine: pl.DataFrame, tables: Mapping[str, pl.LazyFrame]) -> Built:
    """The snapshot of a definition.

    Spine rows that were not known before `as_of` are not there. Rows that no part takes are counted, and left
    out before features are computed.

    Args:
        definition: What to make.
        spine: The rows that ask, with `_known_at`, `_object` and `_row`.
        tables: Published datasets by contract, with the same columns.

    Raises:
        InputError: No model can be made of these rows, a feature is not a number, or a column is missing or of another
            type; see `split`, `fit` and `evaluate`.
    """
    plan, spec = definition.plan, definition.spec
    _check(definition)
    features = features_of(plan)
    spine = visible(spine, spec.as_of_ns)
    labels = evaluate_label(definition.label, plan.spine, spine, tables, spec.as_of_ns)
    parts = split(spine, labels, spec)
    is_fit, kept = parts.parts == "fit", parts.parts.is_in(PARTS)
    fit_rows = spine.filter(is_fit)
    learned = learn_all(plan, fit_rows, tables, Labels(labels.filter(is_fit)[LABEL], definition.label.type))
    rows = spine.filter(kept)
    made = snapshot(
        rows,
        inputs_of(learned.features(rows, is_fit.filter(kept), tables)),
        labels.filter(kept),
        replace(parts, parts=parts.parts.filter(kept)),
        spec,
        definition.columns,
    )
    served = learned.served(_ordered(fit_rows, made.fit), tables)
    made = replace(made, fit=made.fit.with_columns(served.rename(lambda name: f"{SERVED}{name}")))
    held = _ordered(spine.filter(parts.parts == "holdout"), made.holdout)
    return Built(made, held, learned.plan, features, task_of(definition.label.type.kind), classes_of(made.fit), parts)


def visible(spine: pl.DataFrame, as_of_ns: int) -> pl.DataFrame:
    """The rows of a spine that were known before `as_of_ns`."""
    return spine.filter(pl.col("_known_at").to_physical() < as_of_ns)


def _ordered(spine: pl.DataFrame, frame: pl.DataFrame) -> pl.DataFrame:
    """The rows of a spine in the order of a frame of the snapshot."""
    row_id = pl.format("{}:{}", pl.col("_object"), pl.col("_row")).alias(ROW_ID)
    rows = spine.with_columns(row_id)
    return frame.select(ROW_ID).join(rows, on=ROW_ID, how="left", maintain_order="left").select(rows.columns)


def task_of(kind: str) -> Task:
    """What a label of a kind asks of a model: `bool` two outcomes, `category` many classes, a number a value.

    Raises:
        InputError: No model can be made for such a label.
    """
    if kind == "bool":
        return "binary"
    if kind == "category":
        return "classes"
    if kind in ("int", "fixed", "float"):
        return "regression"
    raise InputError(
        "features.label-kind",
        "A model cannot predict this kind of label.",
        place="label",
        found=kind,
        fix="Compare it (> 15), or take a number, a bool or a category.",
    )


def _check(definition: Definition) -> None:
    task_of(definition.label.type.kind)
    check_label(definition.plan, definition.label)
    if definition.spec.asked != definition.plan.asked:
        raise InputError(
            "features.other-question-time",
            "Rows are split by another time than the features are computed for.",
            place=definition.plan.spine,
            found=f"{definition.spec.asked}, not {definition.plan.asked}",
            fix="Split by the plan's own time of the question.",
        )
