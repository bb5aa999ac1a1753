"""Raw columns to a contract's physical types, without losing a row: what does not convert is marked, never dropped."""

import difflib
from collections.abc import Collection
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl

from andon.contracts.dataset import Column, DatasetContract
from andon.expressions.frame import dtype_of
from andon.expressions.functions import type_of
from andon.kernel.errors import InputError
from andon.line.ingest import convert


def cast_landed(frame: pl.DataFrame | pl.LazyFrame, contract: DatasetContract) -> tuple[pl.LazyFrame, tuple[str, ...]]:
    """Bring landed rows to the contract's types.

    Returns:
        The typed rows, and the names of their reason columns. All rows that came in, in their order: the contract's
        columns in its order, a Boolean reason column `<column>.type` for each column with values that may not convert
        (true where one did not; the typed value is then null), and `_row` (Int64, from 0). NaN becomes null. A number
        becomes a `fixed` value by rounding half to even, once, from its exact value. Times without a zone are read in
        the column's zone: an hour that comes twice is the earlier one, an hour that the clocks skip does not convert. A
        vector does not convert where it has another length, or a number that is missing or not finite; a text or blob
        where it is longer than 16 MiB.

    Raises:
        InputError: A declared column is missing, a column is not declared, there are no columns at all, or a column's
            type can never become the declared kind.
    """
    lazy = frame.lazy()
    schema = lazy.collect_schema()
    _check_names(schema.names(), contract)
    values = {column: convert.value_of(column, schema[column.name]) for column in contract.columns}
    unsure = tuple(column.name for column in contract.columns if not _is_sure(column, schema[column.name]))
    reasons = tuple(f"{name}.type" for name in unsure)
    present = [convert.is_present(name, schema[name]).alias(f"{name}.type") for name in unsure]
    typed = lazy.select(*[value.alias(column.name) for column, value in values.items()], *present)
    typed = typed.with_columns(
        (pl.col(reason) & pl.col(name).is_null()).alias(reason) for name, reason in zip(unsure, reasons, strict=True)
    )
    floats = [pl.col(column.name).fill_nan(None) for column in contract.columns if column.kind == "float"]
    numbered = typed.with_columns(floats).with_row_index("_row").with_columns(pl.col("_row").cast(pl.Int64))
    names = [column.name for column in contract.columns]
    return numbered.select(*names, *reasons, "_row"), reasons


def physical_schema(contract: DatasetContract) -> pl.Schema:
    """Names and physical types of a contract's columns, in order."""
    return pl.Schema({column.name: dtype_of(type_of(column)) for column in contract.columns})


def _is_sure(column: Column, dtype: pl.DataType) -> bool:
    """Whether every value of that type converts."""
    if column.kind == "fixed":
        return dtype == pl.Null
    if column.kind == "float":
        return dtype.is_numeric() or dtype == pl.Null
    if column.kind == "category":
        return True
    if column.kind in ("text", "vector", "blob"):
        return dtype == pl.Null
    return dtype in (dtype_of(type_of(column)), pl.Null)


def _check_names(found: Collection[str], contract: DatasetContract) -> None:
    if not found:
        raise InputError(
            "ingest.no-columns",
            f"The source of {contract.name} brought a table without columns.",
            place=contract.name,
            found="no columns",
            fix="Return the declared columns, with no rows where there is nothing new.",
        )
    declared = [column.name for column in contract.columns]
    for name in declared:
        if name not in found:
            raise _missing(name, found, contract)
    for name in found:
        if name not in declared:
            raise _unknown(name, declared, contract)
    for column in contract.columns:
        _check_zone(column, contract)


def _missing(name: str, found: Collection[str], contract: DatasetContract) -> InputError:
    free = [other for other in found if other not in {column.name for column in contract.columns}]
    near = difflib.get_close_matches(name, free or found, n=1, cutoff=0.5)
    hint = f"Rename {near[0]!r} to {name!r}" if near else f"Return a column {name!r}"
    return InputError(
        "ingest.missing-column",
        f"The source of {contract.name} brought no column {name!r}.",
        place=f"{contract.name}.{name}",
        found=", ".join(found),
        fix=f"{hint} in the source function, or take it out of the contract.",
    )


def _unknown(name: str, declared: Collection[str], contract: DatasetContract) -> InputError:
    near = difflib.get_close_matches(name, declared, n=1, cutoff=0.6)
    hint = f" (is it {near[0]!r}?)" if near else ""
    return InputError(
        "ingest.unknown-column",
        f"The source of {contract.name} brought a column {name!r} that the contract does not declare.",
        place=f"{contract.name}.{name}",
        found=f"{name}{hint}",
        fix="Declare it in the contract, or drop it in the source function.",
    )


def _check_zone(column: Column, contract: DatasetContract) -> None:
    try:
        ZoneInfo(column.tz)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InputError(
            "ingest.unknown-zone",
            f"The time zone of {column.name!r} does not exist.",
            place=f"{contract.name}.{column.name}",
            found=repr(column.tz),
            fix="Name a zone of the IANA database, such as UTC or America/New_York.",
        ) from error
