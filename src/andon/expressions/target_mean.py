"""The mean label of a category: of all rows to fit on for every other row, of the other folds for those themselves."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import polars as pl

from andon.expressions.frame import compile_frame
from andon.expressions.functions import CATEGORY, LEARNED, Type
from andon.expressions.plan import FeaturePlan
from andon.expressions.tree import Node, apply, column, fitted, refuse, walk

FOLDS: Final = 5


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels of the rows to fit on, row by row; a row without one, or with one that is not finite, does not count.

    Attributes:
        values: As `evaluate_label` gives them: bools, ints, scaled ints, floats or texts.
        type: What they are.
    """

    values: pl.Series
    type: Type


def target_means(node: Node) -> tuple[Node, ...]:
    """The `target_mean` nodes in an expression, each once, in order of reading."""
    return tuple(dict.fromkeys(each for each in walk(node) if each.op == "target_mean"))


def check_label(plan: FeaturePlan, label: Node) -> None:
    """Refuse a label that learns itself, or that a `target_mean` of the plan can have no mean of.

    Raises:
        InputError: The label learns; or it is a text and no class is named, or the other way round.
    """
    if any(each.op in LEARNED for each in walk(label)):
        raise refuse("label", "A label learns nothing.", "label", label.op, "Compute it from columns alone.")
    is_class = label.type.kind == "category"
    for name, node in plan.features:
        for each in target_means(node):
            if is_class and not each.has("of"):
                fix = "Name a class, and write one feature for each that matters: .target_mean(of='late')."
                raise refuse("target-mean", f"{name}: a class has no mean.", name, "a label of classes", fix)
            if each.has("of") and not is_class:
                message = f"{name}: of= names a class, and this label has none."
                raise refuse("target-mean", message, name, f"a {label.type} label", "Leave out of=.")


def folds_of(asked: pl.Series, counts: pl.Series) -> pl.Series:
    """The fold of each row: a stretch of time, by the moment of the question and nothing else.

    The stretches hold equally many rows that count, as far as rows of one moment, which are never parted, allow. Rows
    near in time share what happened then, and often the very thing that was asked about: in another fold they would
    tell a row its own label. A server never has them either, because its labels lie in the past.

    Args:
        asked: When each row asks, in nanoseconds since 1970.
        counts: Whether each row counts.
    """
    ordered = asked.filter(counts).sort()
    edges = sorted({ordered[len(ordered) * step // FOLDS] for step in range(1, FOLDS)}) if len(ordered) else []
    return pl.Series(edges, dtype=pl.Int64).search_sorted(asked, side="right").alias("fold")


def learn(node: Node, texts: pl.Series, asked: pl.Series, labels: Labels) -> tuple[Node, pl.Series]:
    """What a `target_mean` learns, and the values of the rows that it learned from, each without its own fold.

    The mean of a category is `(sum + smoothing * overall) / (rows + smoothing)`, where `overall` is the mean of all
    rows (Micci-Barreca 2001). Sums are exact, of floats `math.fsum`, and each mean is rounded once: the same rows give
    the same bits in any order.

    Args:
        node: The `target_mean`, not learned yet.
        texts: Its argument, for each row to fit on.
        asked: When each row asks, in nanoseconds since 1970.
        labels: Their labels.

    Returns:
        The node with its constants; and one float for each row, null where its text is null.

    Raises:
        InputError: Too few rows have a label, no row has the named class, or a sum is beyond floats.
    """
    number = _number(node, labels)
    rows = pl.DataFrame({"text": texts, "label": number, "fold": folds_of(asked, number.is_not_null())})
    counted = rows.drop_nulls("label")
    folds = counted["fold"].unique()
    if len(folds) < 2:
        message = "A target_mean learns from labelled rows of different moments."
        found = f"{counted.height} of {rows.height} rows have a label, in {len(folds)} stretches of time"
        raise refuse("target-mean", message, node.op, found, "Fit on more rows, or leave the feature out.")
    if node.has("of") and not number.sum():
        raise refuse("target-mean", "No row to fit on has this class.", node.op, node.text("of"), "Correct of=.")
    unit = 10**labels.type.scale
    own = apply(node.op, column("", "text", CATEGORY), **dict(node.params))
    values = []
    for fold in folds.sort():
        others = fitted(own, **_means(node, counted.filter(pl.col("fold") != fold), unit))
        values.append(pl.when(pl.col("fold") == fold).then(compile_frame(others, _same)))
    return fitted(node, **_means(node, counted, unit)), rows.select(pl.coalesce(values).alias("own"))["own"]


def _number(node: Node, labels: Labels) -> pl.Series:
    """Labels as numbers that can be added up: exactly, or by `fsum`; null for a row that does not count."""
    if node.has("of"):
        return (labels.values == node.text("of")).cast(pl.Int128)
    if labels.type.kind == "float":
        return pl.select(pl.when(labels.values.is_finite()).then(labels.values)).to_series()
    return labels.values.cast(pl.Int128)


def _means(node: Node, rows: pl.DataFrame, unit: int) -> dict[str, str | tuple[str, ...]]:
    """What is learned from rows that all have a label; `unit` is 10 to the decimals of one that is `fixed`."""
    is_exact = rows.schema["label"] == pl.Int128
    add: Callable[..., int | Fraction] = int if is_exact else _fsum
    gathered = pl.col("label").sum() if is_exact else pl.col("label").implode()
    total, count, extra = add(rows.select(gathered).item()), rows.height, node.number("smoothing")
    found = (
        rows.drop_nulls("text")
        .group_by("text")
        .agg(pl.col("label").sum() if is_exact else pl.col("label"), pl.len().alias("rows"))
    )
    means = {
        text: (add(labels) * count + extra * total) / (count * (number + extra) * unit)
        for text, labels, number in found.rows()
    }
    words = tuple(sorted(means))
    return {
        "vocabulary": words,
        "means": tuple(float(means[word]).hex() for word in words),
        "overall": float(total / (count * unit)).hex(),
    }


def _fsum(values: "pl.Series | list[float]") -> Fraction:
    try:
        return Fraction(math.fsum(values))
    except OverflowError as error:
        fix = "Scale the label, or predict its logarithm."
        raise refuse("target-mean", "A sum of labels is beyond what a float holds.", "label", "inf", fix) from error


def _same(contract: str, name: str) -> str:  # noqa: ARG001  # one frame, whose columns have their own names
    return name
