"""The compiler to Polars: an expression over the columns of a frame, for training, checks and batches."""

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Final

import numpy as np
import polars as pl
from polars.expr.datetime import ExprDateTimeNameSpace

from andon.expressions.functions import CALENDAR, LEARNED, Type
from andon.expressions.tree import Node, means_of, refuse, unlearned
from andon.expressions.zones import require

_SECOND_NS: Final = 1_000_000_000
Name = Callable[[str, str], str]


def compile_frame(node: Node, name: Name) -> pl.Expr:
    """The expression as a Polars expression over a frame that holds its columns.

    Equal bits with the row compiler, for every input, one row or many: NaN becomes null on the way in and after each
    step; a comparison with null is null; `x / 0` is infinite, `0 / 0` null; an int result that does not fit into 64
    bits is null. `fixed` values are their scaled ints; a `time` that comes out is a `Datetime("ns", "UTC")`.

    Args:
        node: A tree without joins, and with everything learned that has to be.
        name: Gives the frame's column for a contract and one of its columns.

    Raises:
        InputError: The tree holds a join or unlearned codes, or its time zone has changed its rules.
    """
    expression = _compile(node, name)
    return expression.cast(pl.Datetime("ns", "UTC")) if node.type.kind == "time" else expression


def dtype_of(type_: Type) -> pl.DataType:
    """The dtype in which a frame holds values of a type."""
    match type_.kind:
        case "int" | "fixed":
            return pl.Int64()
        case "float":
            return pl.Float64()
        case "bool":
            return pl.Boolean()
        case "category" | "text":
            return pl.String()
        case "time":
            return pl.Datetime("ns", "UTC")
        case "vector":
            return pl.Array(pl.Float32, type_.size)
        case "blob":
            return pl.Binary()


def _compile(node: Node, name: Name) -> pl.Expr:
    if node.op == "column":
        return _column(node, name)
    if node.op == "literal":
        physical = pl.Int64() if node.type.kind == "time" else dtype_of(node.type)
        return pl.lit(node.value, dtype=physical)
    args = [_compile(arg, name) for arg in node.args]
    kind = node.args[0].type.kind
    if node.op in _FLOATS and node.type.kind == "float":
        return _arithmetic(node, args).fill_nan(None)
    if node.op in _INTS:
        return _exact(node.op, args)
    if node.op in _LOGIC:
        return _LOGIC[node.op](args)
    match node.op:
        case "bucket":
            return reduce(pl.Expr.__add__, [(args[0] >= edge).cast(pl.Int64) for edge in args[1:]])
        case "is_in":
            return args[0].is_in([literal.value for literal in node.args[1:]])
        case op if op in CALENDAR:
            return _calendar(node, args[0])
        case "sign":
            return (args[0] > 0).cast(pl.Int64) - (args[0] < 0).cast(pl.Int64)
        case "head":
            return args[0].str.head(node.number("number"))
        case "to_int":
            return args[0].cast(pl.Int64, strict=False)
        case "len_chars":
            return args[0].str.len_chars().cast(pl.Int64)
        case "to_float":
            cast = args[0].cast(pl.Float64)
            return cast * (1.0 / 10 ** node.args[0].type.scale) if kind == "fixed" else cast
        case "codes":
            return _codes(node, args[0])
        case "target_mean":
            return _target_mean(node, args[0])
        case _:
            pass
    if node.op in LEARNED:
        raise unlearned(node)
    raise refuse("join", f"{node.op} joins another contract.", node.op, "a join", "Evaluate it through a feature plan.")


def _column(node: Node, name: Name) -> pl.Expr:
    found = pl.col(name(node.text("contract"), node.text("name")))
    if node.type.kind == "float":
        return found.fill_nan(None)
    return found.to_physical() if node.type.kind == "time" else found


_UNARY: Final[dict[str, Callable[[pl.Expr], pl.Expr]]] = {
    "sin": pl.Expr.sin,
    "cos": pl.Expr.cos,
    "tanh": pl.Expr.tanh,
    "floor": pl.Expr.floor,
    "ceil": pl.Expr.ceil,
    "round": lambda value: value.round(0, mode="half_to_even"),
}
_FLOATS: Final = frozenset({"add", "sub", "mul", "div", "neg", "abs", "log", "log1p", "sqrt", "exp", *_UNARY})
_INTS: Final = frozenset({"add", "sub", "mul", "neg", "abs", "floordiv", "mod"})
_LOGIC: Final[dict[str, Callable[[list[pl.Expr]], pl.Expr]]] = {
    "eq": lambda a: a[0] == a[1],
    "ne": lambda a: a[0] != a[1],
    "gt": lambda a: a[0] > a[1],
    "ge": lambda a: a[0] >= a[1],
    "lt": lambda a: a[0] < a[1],
    "le": lambda a: a[0] <= a[1],
    "and": lambda a: a[0] & a[1],
    "or": lambda a: a[0] | a[1],
    "not": lambda a: ~a[0],
    "is_null": lambda a: a[0].is_null(),
    "fill_null": lambda a: pl.when(a[0].is_null()).then(a[1]).otherwise(a[0]),
    "where": lambda a: pl.when(a[0].fill_null(False)).then(a[1]).otherwise(a[2]),
    "starts_with": lambda a: a[0].str.starts_with(a[1]),
    "ends_with": lambda a: a[0].str.ends_with(a[1]),
    "contains": lambda a: a[0].str.contains(a[1], literal=True),
    "clip": lambda a: pl.when(a[0] < a[1]).then(a[1]).when(a[0] > a[2]).then(a[2]).otherwise(a[0]),
}


def _arithmetic(node: Node, args: list[pl.Expr]) -> pl.Expr:
    if node.op in _UNARY:
        return _UNARY[node.op](args[0])
    match node.op:
        case "add":
            return args[0] + args[1]
        case "sub":
            return args[0] - args[1]
        case "mul":
            return args[0] * args[1]
        case "div" if node.args[1].op == "literal":
            return args[0] * (1.0 / float(node.args[1].value))
        case "div":
            return divide(args[0], args[1])
        case "neg":
            return -args[0]
        case "abs":
            return args[0].abs()
        case "log":
            return args[0].log()
        case "log1p":
            return args[0].log1p()
        case "sqrt":
            return args[0].sqrt()
        case _:
            return args[0].exp()


def divide(above: pl.Expr, below: pl.Expr) -> pl.Expr:
    """One float column divided by another, correctly rounded; nulls come out as NaN.

    Polars multiplies by the reciprocal wherever it knows that all values of `below` are one, which gives other bits.
    """
    return pl.map_batches([above, below], _quotient, return_dtype=pl.Float64, is_elementwise=True)


def _quotient(series: Sequence[pl.Series]) -> pl.Series:
    above, below = (each.to_numpy() for each in series)
    with np.errstate(all="ignore"):
        return pl.Series(np.divide(above, below), dtype=pl.Float64)


def _exact(op: str, args: list[pl.Expr]) -> pl.Expr:
    """Int arithmetic in 128 bits, so that what does not fit into 64 becomes null and never wraps."""
    wide = [arg.cast(pl.Int128) for arg in args]
    match op:
        case "add":
            result = wide[0] + wide[1]
        case "sub":
            result = wide[0] - wide[1]
        case "mul":
            result = wide[0] * wide[1]
        case "floordiv":
            result = wide[0] // wide[1]
        case "mod":
            result = wide[0] % wide[1]
        case "neg":
            result = 0 - wide[0]
        case _:
            result = wide[0].abs()
    return result.cast(pl.Int64, strict=False)


def _codes(node: Node, values: pl.Expr) -> pl.Expr:
    if not node.has("vocabulary"):
        raise unlearned(node)
    words = node.texts("vocabulary")
    numbers = values.replace_strict(list(words), list(range(len(words))), default=-1, return_dtype=pl.Int64)
    return pl.when(values.is_not_null()).then(numbers if words else pl.lit(-1, dtype=pl.Int64))


def _target_mean(node: Node, values: pl.Expr) -> pl.Expr:
    means, overall = means_of(node)
    numbers = values.replace_strict(list(means), list(means.values()), default=overall, return_dtype=pl.Float64)
    return pl.when(values.is_not_null()).then(numbers if means else pl.lit(overall, dtype=pl.Float64))


def _calendar(node: Node, time: pl.Expr) -> pl.Expr:
    local = _local_seconds(node, time)
    match node.op:
        case "second":
            return local % 60
        case "minute":
            return local // 60 % 60
        case "hour":
            return local // 3_600 % 24
        case "weekday":
            return (local // 86_400 + 3) % 7 + 1
        case _:
            return _DATES[node.op]((local // 86_400).cast(pl.Int32).cast(pl.Date).dt).cast(pl.Int64)


_DATES: Final[dict[str, Callable[[ExprDateTimeNameSpace], pl.Expr]]] = {
    "year": ExprDateTimeNameSpace.year,
    "month": ExprDateTimeNameSpace.month,
    "day": ExprDateTimeNameSpace.day,
    "week": ExprDateTimeNameSpace.week,
    "ordinal_day": ExprDateTimeNameSpace.ordinal_day,
}


def _local_seconds(node: Node, time: pl.Expr) -> pl.Expr:
    table = require(node.text("tz"), node.text("table"))
    seconds = time // _SECOND_NS
    if len(table.starts_s) == 1:
        return seconds + table.offsets_s[0]
    starts = pl.lit(pl.Series(table.starts_s, dtype=pl.Int64))
    offsets = pl.lit(pl.Series(table.offsets_s, dtype=pl.Int64))
    index = starts.search_sorted(seconds.fill_null(0), side="right").cast(pl.Int64) - 1
    return seconds + offsets.gather(index)
