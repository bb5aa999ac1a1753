"""Learns what a plan has to learn, from rows to fit on only, and makes it constants of the plan."""

import math
from collections.abc import Callable, Mapping
from typing import Final

import polars as pl

from andon.expressions.evaluate import evaluate
from andon.expressions.functions import FLOAT, LEARNED
from andon.expressions.plan import FeaturePlan
from andon.expressions.tree import Node, apply, fitted, is_fitted, literal, refuse, substitute, walk


def fit(plan: FeaturePlan, spine: pl.DataFrame, tables: Mapping[str, pl.LazyFrame]) -> FeaturePlan:
    """The plan with everything learned that it has to learn; what was learned before is kept.

    Args:
        plan: What to learn for.
        spine: The rows to fit on, and no others.
        tables: Published datasets by contract, with `_known_at`, `_object` and `_row`.

    Returns:
        A plan that can be evaluated. Every `codes` has the sorted texts that occur at least `min_count` times; every
        `standardised` is `(x - mean) * (1 / deviation)` and every `bins` a `bucket` of quantiles, with constants.

    Raises:
        InputError: A column is missing or of another type.
    """
    while not plan.is_fitted:
        ready = _ready(plan)
        inputs = {f"input{number}": node.args[0] for number, node in enumerate(ready)}
        rows = evaluate(FeaturePlan(plan.spine, plan.asked, tuple(inputs.items())), spine, tables)
        learned = {node: _LEARN[node.op](node, rows[name]) for name, node in zip(inputs, ready, strict=True)}
        features = tuple((name, substitute(node, learned.get)) for name, node in plan.features)
        plan = FeaturePlan(plan.spine, plan.asked, features)
    return plan


def _ready(plan: FeaturePlan) -> list[Node]:
    """What is to be learned and needs nothing unlearned itself, each once."""
    found = [each for _, node in plan.features for each in walk(node) if each.op in LEARNED and not is_fitted(each)]
    return [each for each in dict.fromkeys(found) if not each.has("vocabulary") and is_fitted(each.args[0])]


def _codes(node: Node, texts: pl.Series) -> Node:
    counts = texts.drop_nulls().value_counts()
    common = counts.filter(pl.col("count") >= node.number("min_count"))
    return fitted(node, sorted(common[texts.name].to_list()))


def _standardised(node: Node, values: pl.Series) -> Node:
    """The value less the mean of the fit rows, in sample deviations of them; sums are exact, whatever the order."""
    finite = [value for value in values.drop_nulls().to_list() if math.isfinite(value)]
    mean = math.fsum(finite) / len(finite) if finite else 0.0
    squares = math.fsum((value - mean) ** 2 for value in finite)
    deviation = math.sqrt(squares / (len(finite) - 1)) if len(finite) > 1 else 0.0
    if not math.isfinite(mean) or not 0.0 < deviation < math.inf or math.isinf(1.0 / deviation):
        fix = "Leave the feature out, or clip it before."
        raise refuse("spread", "There is no spread to standardise by.", node.op, f"deviation {deviation!r}", fix)
    centred = apply("sub", node.args[0], literal(mean, FLOAT))
    return apply("mul", centred, literal(1.0 / deviation, FLOAT))


def _bins(node: Node, values: pl.Series) -> Node:
    """A bucket between as many quantiles of the fit rows, each of them a value that occurs, none of them twice."""
    ordered = values.drop_nulls().sort()
    number = node.number("number")
    places = [len(ordered) * step // number for step in range(1, number)]
    edges = sorted({ordered[place] + 0 for place in places}) if len(ordered) else []
    if not edges:
        raise refuse("spread", "There are no values to make bins of.", node.op, "no rows", "Leave the feature out.")
    return apply("bucket", node.args[0], *(literal(edge, node.args[0].type) for edge in edges))


_LEARN: Final[Mapping[str, Callable[[Node, pl.Series], Node]]] = {
    "codes": _codes,
    "standardised": _standardised,
    "bins": _bins,
}
