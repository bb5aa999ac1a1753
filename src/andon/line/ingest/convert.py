"""One raw column to one kind, as a Polars expression: null wherever a value has no exact counterpart."""

import json
from collections.abc import Callable, Mapping
from typing import Final

import polars as pl

from andon.contracts.dataset import LONGEST_BYTES, Column, Kind
from andon.expressions.frame import dtype_of
from andon.expressions.functions import type_of
from andon.kernel.errors import InputError

_LARGEST_EXACT: Final = 2**53  # beyond it neighbouring integers share a double
_LARGEST_INT: Final = 2**63 - 1
_SPLIT: Final = 2.0**27 + 1.0  # Veltkamp's constant for doubles
_FIRST_YEAR, _LAST_YEAR = 1678, 2261  # whole years that int64 nanoseconds can hold
_INTEGER: Final = r"^\+?(-?[0-9]+)(?:\.0*)?$"
_DECIMAL: Final = r"^[+-]?[0-9]+(?:\.[0-9]*)?$"
_MOMENT: Final = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9}0*)?)?"
    r"\s?(?:[Zz]|[+-](?:0[0-9]|1[0-4])(?::?[0-5][0-9])?)?)?$"
)
_NUMBER: Final = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_NUMBERS: Final = rf"^\[\s*{_NUMBER}(?:\s*,\s*{_NUMBER})*\s*\]$"
_UTC: Final = pl.Datetime("ns", "UTC")


def value_of(column: Column, dtype: pl.DataType) -> pl.Expr:
    """The column's raw values in its physical type; null where a value does not convert.

    Raises:
        InputError: No value of that type can become the declared kind.
    """
    if dtype == pl.Null:
        return pl.col(column.name).cast(dtype_of(type_of(column)))
    expression = _CONVERTERS[column.kind](column, dtype)
    if expression is None:
        raise _refuse(column, dtype)
    return expression


def is_present(name: str, dtype: pl.DataType) -> pl.Expr:
    """Whether a raw value is there at all: NaN is not."""
    present = pl.col(name).is_not_null()
    return present & pl.col(name).is_not_nan() if dtype.is_float() else present


def is_text(dtype: pl.DataType) -> bool:
    """Whether a raw column holds text."""
    return dtype == pl.String or isinstance(dtype, pl.Categorical | pl.Enum)


def as_text(rows: pl.DataFrame) -> pl.DataFrame:
    """Raw rows as text from which each can be corrected: lists as JSON has them, bytes as base64, other values as such.

    A list of numbers, and its text, become the same vector.
    """
    return pl.DataFrame([_as_text(column) for column in rows.iter_columns()])


def _as_text(column: pl.Series) -> pl.Series:
    if column.dtype == pl.Binary:
        return column.bin.encode("base64")
    if isinstance(column.dtype, pl.List | pl.Array):
        texts = [None if value is None else json.dumps(value, default=str) for value in column.to_list()]
        return pl.Series(column.name, texts, dtype=pl.String)
    return column.cast(pl.String)


def _integer(column: Column, dtype: pl.DataType) -> pl.Expr | None:
    raw = pl.col(column.name)
    if dtype == pl.Int64:
        return raw
    if dtype.is_integer():
        return raw.cast(pl.Int64, strict=False)
    if dtype.is_float():
        number = raw.cast(pl.Float64)
        is_whole = (number == number.round(0)) & (number.abs() <= _LARGEST_EXACT)
        return pl.when(is_whole).then(number).cast(pl.Int64, strict=False)
    if dtype.is_decimal() or is_text(dtype):
        return _text(raw).str.extract(_INTEGER, 1).cast(pl.Int64, strict=False)
    return None


def _fixed(column: Column, dtype: pl.DataType) -> pl.Expr | None:
    raw = pl.col(column.name)
    if dtype.is_integer():
        power = 10**column.scale
        whole = raw.cast(pl.Int64, strict=False)
        limit = _LARGEST_INT // power
        return pl.when(whole.is_between(-limit, limit)).then(whole * power)
    if dtype.is_float():
        return _fixed_from_float(raw.cast(pl.Float64), column.scale)
    if dtype.is_decimal() or is_text(dtype):
        scale = column.scale
        return _valid(raw, _DECIMAL).map_batches(lambda text: _fixed_from_text(text, scale), return_dtype=pl.Int64())
    return None


def _fixed_from_float(number: pl.Expr, scale: int) -> pl.Expr:
    """The double's exact value times 10**scale, rounded half to even once.

    The product is rounded already, which matters only where it lands on a tie: there the sign of its error, found
    exactly by Dekker's product (T. J. Dekker, Numerische Mathematik 18, 1971), decides.
    """
    power = float(10**scale)
    product = number * power
    rounded = product.round(0, mode="half_to_even")
    high = number * _SPLIT - (number * _SPLIT - number)
    low = number - high
    power_high = power * _SPLIT - (power * _SPLIT - power)
    power_low = power - power_high
    error = low * power_low - (((product - high * power_high) - low * power_high) - high * power_low)
    is_tie = (product - product.floor()) == 0.5
    settled = (
        pl.when(is_tie & (error > 0))
        .then(product.floor() + 1)
        .when(is_tie & (error < 0))
        .then(product.floor())
        .otherwise(rounded)
    )
    return pl.when(product.abs() <= _LARGEST_EXACT).then(settled).cast(pl.Int64, strict=False)


def _fixed_from_text(text: pl.Series, scale: int) -> pl.Series:
    """Whole batches in steps, because the engine would work out a shared part once for each of its uses."""
    body = text.str.strip_chars_start("+-").str.split_exact(".", 1)
    frame = pl.DataFrame({"text": text, "whole": body.struct[0], "fraction": body.struct[1].fill_null("")})
    kept = pl.col("fraction").str.slice(0, scale).str.pad_end(scale, "0")
    frame = frame.with_columns(
        magnitude=pl.concat_str("whole", kept).cast(pl.Int64, strict=False),
        rest=pl.col("fraction").str.slice(scale).str.strip_chars_end("0"),
    )
    magnitude, rest = pl.col("magnitude"), pl.col("rest")
    is_up = (rest > "5") | ((rest == "5") & (magnitude % 2 == 1))
    frame = frame.with_columns(rounded=pl.when(magnitude < _LARGEST_INT).then(magnitude + is_up.cast(pl.Int64)))
    is_negative = pl.col("text").str.starts_with("-")
    signed = pl.when(is_negative).then(-pl.col("rounded")).otherwise("rounded")
    return frame.select(signed).to_series()


def _float(column: Column, dtype: pl.DataType) -> pl.Expr | None:
    raw = pl.col(column.name)
    if dtype.is_numeric():
        return raw.cast(pl.Float64)
    return _text(raw).cast(pl.Float64, strict=False) if is_text(dtype) else None


def _boolean(column: Column, dtype: pl.DataType) -> pl.Expr | None:
    raw = pl.col(column.name)
    if dtype == pl.Boolean:
        return raw
    if dtype.is_integer() or dtype.is_float():
        return pl.when((raw == 0) | (raw == 1)).then(raw == 1)
    if is_text(dtype):
        word = _text(raw).str.to_lowercase()
        return pl.when(word.is_in(["true", "false", "1", "0"])).then(word.is_in(["true", "1"]))
    return None


def _category(column: Column, dtype: pl.DataType) -> pl.Expr | None:
    raw = pl.col(column.name)
    if dtype.is_float():
        return raw.fill_nan(None).cast(pl.String)
    is_scalar = dtype.is_numeric() or is_text(dtype) or dtype in (pl.Boolean, pl.Date, pl.Time)
    return raw.cast(pl.String) if is_scalar or isinstance(dtype, pl.Datetime) else None


def _free_text(column: Column, dtype: pl.DataType) -> pl.Expr | None:
    text = pl.col(column.name).cast(pl.String)
    return pl.when(text.str.len_bytes() <= LONGEST_BYTES).then(text) if is_text(dtype) else None


def _blob(column: Column, dtype: pl.DataType) -> pl.Expr | None:
    raw = pl.col(column.name)
    return pl.when(raw.bin.size() <= LONGEST_BYTES).then(raw) if dtype == pl.Binary else None


def _vector(column: Column, dtype: pl.DataType) -> pl.Expr | None:
    """Lists of exactly so many finite numbers, or texts that are such lists in JSON's form."""
    raw = pl.col(column.name)
    if is_text(dtype):
        numbers = _valid(raw, _NUMBERS).str.strip_chars("[]").str.split(",")
        return _of_size(numbers.list.eval(pl.element().str.strip_chars().cast(pl.Float64, strict=False)), column.size)
    inner = dtype.inner if isinstance(dtype, pl.List | pl.Array) else None
    if inner is None or not (inner.is_numeric() or inner == pl.Null):
        return None
    return _of_size(raw.arr.to_list() if isinstance(dtype, pl.Array) else raw, column.size)


def _of_size(lists: pl.Expr, size: int) -> pl.Expr:
    numbers = lists.cast(pl.List(pl.Float32), strict=False)
    is_finite = numbers.list.eval(pl.element().is_finite().fill_null(value=False)).list.all()
    return pl.when((numbers.list.len() == size) & is_finite).then(numbers).list.to_array(size)


def _time(column: Column, dtype: pl.DataType) -> pl.Expr | None:
    raw = pl.col(column.name)
    if dtype == _UTC:
        return raw
    if isinstance(dtype, pl.Datetime):
        moment = _within_years(raw).cast(pl.Datetime("ns", dtype.time_zone))
        return moment.dt.convert_time_zone("UTC") if dtype.time_zone else _in_zone(moment, column.tz)
    if dtype == pl.Date:
        return _in_zone(_within_years(raw.cast(pl.Datetime("us"))).cast(pl.Datetime("ns")), column.tz)
    if not is_text(dtype):
        return None
    return _valid(raw, _MOMENT).map_batches(lambda text: _time_from_text(text, column.tz), return_dtype=_UTC)


def _time_from_text(text: pl.Series, tz: str) -> pl.Series:
    """Whole batches in steps, because the engine would work out a shared part once for each of its uses."""
    raw = pl.col("text").str
    minute = pl.when(raw.len_bytes() > 10).then(raw.slice(11, 5)).otherwise(pl.lit("00:00"))
    second = pl.when(raw.slice(16, 1) == ":").then(raw.slice(17, 2)).otherwise(pl.lit("00"))
    frame = pl.DataFrame({"text": text}).select(
        clock=pl.concat_str(raw.slice(0, 10), minute, pl.lit(":"), second),
        nanoseconds=raw.slice(19).str.extract(r"^[.,]([0-9]{1,9})").fill_null("0").str.pad_end(9, "0").cast(pl.Int64),
        zone=raw.slice(16).str.extract(r"([Zz]|[+-][0-9:]+)$"),
    )
    whole = _within_years(pl.col("clock").str.to_datetime("%Y-%m-%d%H:%M:%S", time_unit="us", strict=False))
    moment = whole.cast(pl.Datetime("ns")) + pl.col("nanoseconds").cast(pl.Duration("ns"))
    digits = pl.col("zone").str.replace_all(r"[^0-9]", "").str.pad_end(4, "0").cast(pl.Int64)
    minutes = digits // 100 * 60 + digits % 100
    signed = pl.when(pl.col("zone").str.starts_with("-")).then(-minutes).otherwise(minutes)
    frame = frame.select("zone", moment=moment, offset=(signed * 60_000_000_000).cast(pl.Duration("ns")))
    absolute = (pl.col("moment") - pl.col("offset")).dt.replace_time_zone("UTC")
    local = _in_zone(pl.when(pl.col("zone").is_null()).then("moment"), tz)
    return frame.select(absolute.fill_null(local)).to_series()


def _within_years(moment: pl.Expr) -> pl.Expr:
    """Null outside the years that nanoseconds can hold, where Polars would wrap around."""
    return pl.when(moment.dt.year().is_between(_FIRST_YEAR, _LAST_YEAR)).then(moment)


def _in_zone(moment: pl.Expr, tz: str) -> pl.Expr:
    local = moment.dt.replace_time_zone(tz, ambiguous="earliest", non_existent="null")
    return local.dt.convert_time_zone("UTC")


def _text(raw: pl.Expr) -> pl.Expr:
    return raw.cast(pl.String).str.strip_chars()


def _valid(raw: pl.Expr, form: str) -> pl.Expr:
    """Trimmed text; null where it is not of that form."""
    text = _text(raw)
    return pl.when(text.str.contains(form)).then(text)


def _refuse(column: Column, dtype: pl.DataType) -> InputError:
    if column.kind == "time" and dtype.is_numeric():
        return InputError(
            "ingest.time-from-number",
            f"Column {column.name!r} is declared as a time, but holds numbers whose unit nobody can know.",
            place=column.name,
            found=str(dtype),
            fix=f"Say the unit in the source function: pl.from_epoch({column.name!r}, time_unit='s'), or ms, us, ns.",
        )
    return InputError(
        "ingest.wrong-type",
        f"Column {column.name!r} is declared as {column.kind}, and no value of its type can become one.",
        place=column.name,
        found=str(dtype),
        fix=f"Convert it to {column.kind} in the source function, or declare another kind in the contract.",
    )


_CONVERTERS: Final[Mapping[Kind, Callable[[Column, pl.DataType], pl.Expr | None]]] = {
    "int": _integer,
    "fixed": _fixed,
    "float": _float,
    "bool": _boolean,
    "category": _category,
    "time": _time,
    "text": _free_text,
    "vector": _vector,
    "blob": _blob,
}
