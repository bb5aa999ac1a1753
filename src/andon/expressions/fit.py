"""Learns what a plan has to learn, from rows to fit on only, and makes it constants of the plan."""

from collections.abc import Mapping

import polars as pl

from andon.expressions.evaluate import evaluate
from andon.expressions.plan import FeaturePlan
from andon.expressions.tree import Node, fitted, is_fitted, substitute, walk


def fit(plan: FeaturePlan, spine: pl.DataFrame, tables: Mapping[str, pl.LazyFrame]) -> FeaturePlan:
    """The plan with its vocabularies learned; what was learned before is kept.

    Args:
        plan: What to learn for.
        spine: The rows to fit on, and no others.
        tables: Published datasets by contract, with `_known_at`, `_object` and `_row`.

    Returns:
        A plan that can be evaluated: every `codes` has the sorted texts that occur at least `min_count` times.

    Raises:
        InputError: A column is missing or of another type.
    """
    while not plan.is_fitted:
        ready = _ready(plan)
        inputs = {f"input{number}": node.args[0] for number, node in enumerate(ready)}
        texts = evaluate(FeaturePlan(plan.spine, plan.asked, tuple(inputs.items())), spine, tables)
        learned = {
            node: fitted(node, _vocabulary(texts[name], node.number("min_count")))
            for name, node in zip(inputs, ready, strict=True)
        }
        features = tuple((name, substitute(node, learned.get)) for name, node in plan.features)
        plan = FeaturePlan(plan.spine, plan.asked, features)
    return plan


def _ready(plan: FeaturePlan) -> list[Node]:
    """The unlearned codes whose input needs nothing unlearned, each once."""
    found = [each for _, node in plan.features for each in walk(node) if each.op == "codes" and not is_fitted(each)]
    return [each for each in dict.fromkeys(found) if not each.has("vocabulary") and is_fitted(each.args[0])]


def _vocabulary(texts: pl.Series, min_count: int) -> list[str]:
    counts = texts.drop_nulls().value_counts()
    return sorted(counts.filter(pl.col("count") >= min_count)[texts.name].to_list())
