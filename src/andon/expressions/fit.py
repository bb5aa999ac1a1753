"""Learns what a plan has to learn, from rows to fit on only, and makes it constants of the plan."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import polars as pl

from andon.expressions.evaluate import evaluate
from andon.expressions.functions import FLOAT
from andon.expressions.plan import FeaturePlan
from andon.expressions.target_mean import Labels, learn, target_means
from andon.expressions.tree import Node, apply, column, fitted, is_fitted, literal, refuse, substitute, walk


@dataclass(frozen=True, slots=True)
class Learned:
    """What was learned, and how the features of the rows it was learned from differ from those of all others.

    Attributes:
        plan: The plan with everything learned that it has to learn: for every row that was not learned from.
        cross: The plan for frames that hold rows to fit on too: a `target_mean` is taken from `own` where that has one.
        own: One row for each row to fit on; for each `target_mean` a column with its value out of fold.
    """

    plan: FeaturePlan
    cross: FeaturePlan
    own: pl.DataFrame

    def features(self, spine: pl.DataFrame, is_fit: pl.Series, tables: Mapping[str, pl.LazyFrame]) -> pl.DataFrame:
        """The features of rows of a spine, as `evaluate` gives them; none has seen its own label.

        Args:
            spine: The rows that ask, with all rows that were fit on, in the order in which they were.
            is_fit: Which rows those are.
            tables: Published datasets by contract, with `_known_at`, `_object` and `_row`.
        """
        if self.own.width:
            place = pl.select(pl.when(is_fit).then(is_fit.cum_sum().cast(pl.Int64) - 1)).to_series()
            spine = spine.with_columns(self.own.select(pl.all().gather(place)))
        return evaluate(self.cross, spine, tables)

    def served(self, spine: pl.DataFrame, tables: Mapping[str, pl.LazyFrame]) -> pl.DataFrame:
        """The features that learned from labels, as a server would compute them for rows that were fit on."""
        names = {name for name, node in self.plan.features if target_means(node)}
        features = tuple((name, node) for name, node in self.plan.features if name in names)
        return evaluate(replace(self.plan, features=features), spine, tables) if features else pl.DataFrame()


def fit(
    plan: FeaturePlan, spine: pl.DataFrame, tables: Mapping[str, pl.LazyFrame], labels: Labels | None = None
) -> FeaturePlan:
    """The plan with everything learned that it has to learn; what was learned before is kept.

    Args:
        plan: What to learn for.
        spine: The rows to fit on, and no others.
        tables: Published datasets by contract, with `_known_at`, `_object` and `_row`.
        labels: Their labels, for what learns from labels.

    Returns:
        A plan that can be evaluated. Every `codes` has the sorted texts that occur at least `min_count` times; every
        `standardised` is `(x - mean) * (1 / deviation)` and every `bins` a `bucket` of quantiles, with constants; every
        `target_mean` has the mean of each text.

    Raises:
        InputError: A column is missing or of another type, or there is nothing to learn from.
    """
    return learn_all(plan, spine, tables, labels).plan


def learn_all(
    plan: FeaturePlan, spine: pl.DataFrame, tables: Mapping[str, pl.LazyFrame], labels: Labels | None
) -> Learned:
    """What a plan has to learn, learned; see `fit`.

    Raises:
        InputError: A column is missing or of another type, or there is nothing to learn from.
    """
    while ready := _ready(plan):
        rows = _inputs(plan, ready, spine, tables)
        pairs = zip(rows.columns, ready, strict=True)
        plan = _with(plan, {node: _LEARN[node.op](node, rows[name]) for name, node in pairs})
    unlearned = (each for _, node in plan.features for each in target_means(node) if not is_fitted(each))
    means = list(dict.fromkeys(unlearned))
    if not means:
        return Learned(plan, plan, pl.DataFrame())
    if labels is None:
        fix = "Give the labels of the rows to fit on."
        raise refuse("target-mean", "A target_mean learns from labels.", means[0].op, "no labels", fix)
    rows = _inputs(plan, means, spine, tables)
    asked = spine[plan.asked].to_physical()
    found = [learn(node, rows[name], asked, labels) for name, node in zip(rows.columns, means, strict=True)]
    whole = dict(zip(means, (node for node, _ in found), strict=True))
    own = pl.DataFrame([values.alias(f"_own{number}") for number, (_, values) in enumerate(found)])
    crossed = {
        node: apply("fill_null", column(plan.spine, name, FLOAT), whole[node])
        for node, name in zip(means, own.columns, strict=True)
    }
    return Learned(_with(plan, whole), _with(plan, crossed), own)


def _inputs(
    plan: FeaturePlan, nodes: Sequence[Node], spine: pl.DataFrame, tables: Mapping[str, pl.LazyFrame]
) -> pl.DataFrame:
    """The arguments of nodes for every row, a column each."""
    inputs = tuple((f"input{number}", node.args[0]) for number, node in enumerate(nodes))
    return evaluate(replace(plan, features=inputs), spine, tables)


def _with(plan: FeaturePlan, learned: Mapping[Node, Node]) -> FeaturePlan:
    return replace(plan, features=tuple((name, substitute(node, learned.get)) for name, node in plan.features))


def _ready(plan: FeaturePlan) -> list[Node]:
    """What is to be learned without labels and needs nothing unlearned itself, each once."""
    found = [each for _, node in plan.features for each in walk(node) if each.op in _LEARN and not is_fitted(each)]
    return [each for each in dict.fromkeys(found) if not each.has("vocabulary") and is_fitted(each.args[0])]


def _codes(node: Node, texts: pl.Series) -> Node:
    counts = texts.drop_nulls().value_counts()
    common = counts.filter(pl.col("count") >= node.number("min_count"))
    return fitted(node, vocabulary=tuple(sorted(common[texts.name].to_list())))


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
