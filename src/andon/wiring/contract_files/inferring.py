"""A contract guessed from a table: what its columns hold, with room to spare, what names a row, and what says when."""

from pathlib import Path
from typing import Final

import polars as pl

from andon.contracts.dataset import Column, DatasetContract, Kind
from andon.expressions.functions import CATEGORY, Type
from andon.expressions.own_rules import Own, identity_rule, rules_of
from andon.expressions.tree import literal
from andon.kernel.errors import InputError
from andon.wiring.from_csv.csv_file import read_csv
from andon.wiring.from_csv.guessing import NAMES_OF_KEYS, Seen, columns_of
from andon.wiring.from_csv.spelling import identifiers
from andon.wiring.from_csv.writing import null_share, range_of

_FEW: Final = 12
_KEYS: Final = ("int", "category")


def infer_contract(path: Path) -> tuple[DatasetContract, tuple[str, ...]]:
    """The contract that a CSV or Parquet file seems to keep, and the guesses in words.

    Raises:
        InputError: The file cannot be read, has no rows, or no column that could name a row.
    """
    frame = _read(path)
    seen = {name: each for name, each in columns_of(frame).items() if each.kind != "empty"}
    (name,) = identifiers([path.stem]).values()
    name = name.title().replace("_", "")
    event = next((each for each in seen.values() if each.kind == "time" and not each.nulls), None)
    key = _key(frame, list(seen.values()), event, path)
    columns = tuple(_column(each, is_key=each is key, is_event=each is event) for each in seen.values())
    contract = DatasetContract(name, columns, known_after_ns=None)
    rules = [identity_rule(contract)]
    for column, each in zip(columns, seen.values(), strict=True):
        rules += rules_of(name, column, _own(column, each))
    notes = [
        f"guessed from {frame.height} rows of {path.name}: read the ranges and sets once, they have room to spare",
        f"{key.source!r} names a row" + (f", together with {event.source!r}" if event else ""),
    ]
    if event:
        notes.append(f"{event.source!r} says when a row happened; known_after= says how long until it is known")
        notes += [f"moments of {each.source!r} are written as {each.format}" for each in seen.values() if each.format]
    notes += [f"{each!r} has no values and is left out" for each in frame.columns if each not in seen]
    return DatasetContract(name, columns, tuple(rules)), tuple(notes)


def _read(path: Path) -> pl.DataFrame:
    if path.suffix.lower() not in (".parquet", ".pq"):
        return read_csv(path)[0]
    try:
        frame = pl.read_parquet(path, hive_partitioning=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _refuse("unreadable", "This file cannot be read as Parquet.", path, str(error)[:300]) from error
    if frame.is_empty():
        raise _refuse("no-rows", "There is nothing to guess from in this file.", path, "0 rows")
    texts = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.Categorical | pl.Enum)]
    decimals = [name for name, dtype in frame.schema.items() if dtype.is_decimal()]
    return frame.with_columns(pl.col(texts).cast(pl.String), pl.col(decimals).cast(pl.Float64))


def _key(frame: pl.DataFrame, seen: list[Seen], event: Seen | None, path: Path) -> Seen:
    """The column that names a row, alone or at its moment; those that are named like a key come first."""
    fit = [each for each in seen if each.kind in _KEYS and not each.nulls and each is not event]
    fit.sort(key=lambda each: each.name.split("_")[-1] not in NAMES_OF_KEYS and not each.name.endswith("id"))
    for each in fit:
        if each.distinct == frame.height:
            return each
    for each in fit if event else ():
        if frame.select(each.source, event.source if event else "").n_unique() == frame.height:
            return each
    found = ", ".join(f"{each.source}: {each.distinct} different" for each in fit) or "no texts or whole numbers"
    raise _refuse("no-key", "No column names a row.", path, found)


def _column(seen: Seen, *, is_key: bool, is_event: bool) -> Column:
    kind: Kind = "int" if seen.kind == "empty" else seen.kind
    role = "key" if is_key else "event_time" if is_event else "value"
    return Column(seen.name, kind, role, nullable=bool(seen.nulls))  # type: ignore[arg-type]  # one of three roles


def _own(column: Column, seen: Seen) -> Own:
    if column.role != "value":
        return Own()
    share = null_share(seen) if seen.nulls else 1.0
    most = share if share < 1 else None
    if column.kind in ("int", "float"):
        type_ = Type(column.kind)
        bounds = [float(text) if column.kind == "float" else int(text) for text in range_of(seen)]
        return Own(tuple((op, literal(bound, type_)) for op, bound in zip(("ge", "le"), bounds, strict=True)), (), most)
    if column.kind == "category" and 0 < seen.distinct <= _FEW and seen.values:
        return Own((), tuple(literal(value, CATEGORY) for value in seen.values), most)
    return Own(max_null_share=most)


def _refuse(what: str, message: str, path: Path, found: str) -> InputError:
    fix = "Give a CSV or Parquet file of rows, with a column that names each of them."
    return InputError(f"infer.{what}", message, place=str(path), found=found, fix=fix)
