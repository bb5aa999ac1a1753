"""The rows of another contract as joins need them: keys, moments and values, read once for all joins that share."""

from collections.abc import Mapping, Sequence
from typing import Final

import polars as pl

from andon.expressions.frame import compile_frame, dtype_of
from andon.expressions.functions import TIME, Type
from andon.expressions.joins import Rows
from andon.expressions.tree import Node, refuse, walk

KNOWN: Final = "_known"
EVENT: Final = "_event"
ENTER: Final = "_enter"
_FOREVER: Final = 2**63 - 1


def key_names(rows: Rows) -> list[str]:
    """Names of the key columns in a frame of events, in the order of `rows.theirs`."""
    return [f"_k{number}" for number in range(len(rows.theirs))]


def value_names(values: Sequence[Node]) -> dict[Node, str]:
    """Names of the columns that hold the values in a frame of events."""
    return {value: f"_v{number}" for number, value in enumerate(values)}


def read_events(rows: Rows, values: Sequence[Node], tables: Mapping[str, pl.LazyFrame]) -> pl.DataFrame:
    """The rows that may match, with the moment from which each can be seen.

    An event enters when it has happened and is known, whichever is later (`_enter`); a null key matches nothing.

    Args:
        rows: Whose rows, their keys and filter.
        values: What is taken of them.
        tables: Published datasets by contract, with `_known_at`, `_object` and `_row`.

    Returns:
        Columns `_k0`.., `_known`, `_event`, `_enter` (nanoseconds), `_object`, `_row`, `_v0`...

    Raises:
        InputError: The table or a column is missing or of another type, or a moment is null.
    """
    table = tables.get(rows.contract)
    if table is None:
        found = ", ".join(sorted(tables)) or "no tables"
        fix = f"Give the published rows of {rows.contract}."
        raise refuse("no-table", f"There is no table of {rows.contract}.", rows.contract, found, fix)
    check_columns(rows.contract, table.collect_schema(), _columns(rows, values))
    if rows.where is not None:
        table = table.filter(compile_frame(rows.where, _own))
    keys = [_physical(name, type_).alias(f"_k{number}") for number, (name, type_) in enumerate(_keys(rows))]
    known = pl.col("_known_at").to_physical().alias(KNOWN)
    event = pl.col(rows.event_time).to_physical().alias(EVENT) if rows.event_time else known.alias(EVENT)
    taken = [compile_frame(value, _own).to_physical().alias(name) for value, name in value_names(values).items()]
    events = table.select(*keys, known, event, "_object", "_row", *taken).drop_nulls(
        [f"_k{n}" for n in range(len(keys))]
    )
    read = events.with_columns(pl.max_horizontal(KNOWN, EVENT).alias(ENTER)).collect()
    if read[KNOWN].null_count() or read[EVENT].null_count():
        fix = "Publish rows through the data gate, which sets aside rows without a time."
        raise refuse("no-time", "A row has no time.", rows.contract, "null", fix)
    return read


def check_columns(place: str, schema: Mapping[str, pl.DataType], needed: Mapping[str, pl.DataType]) -> None:
    """Refuse a frame that lacks a column or holds it in another type.

    Raises:
        InputError: It does.
    """
    for name, dtype in needed.items():
        if schema.get(name) != dtype:
            found = str(schema[name]) if name in schema else f"only {', '.join(schema)}"
            fix = f"Give {name} as {dtype}."
            raise refuse("frame", f"{name} of {place} must be {dtype}.", f"{place}.{name}", found[:300], fix)


def _columns(rows: Rows, values: Sequence[Node]) -> dict[str, pl.DataType]:
    """The columns that are read, with the dtypes they must have."""
    needed = {"_known_at": dtype_of(TIME), "_object": pl.String(), "_row": pl.Int64()}
    needed |= {name: dtype_of(type_) for name, type_ in _keys(rows)}
    if rows.event_time:
        needed[rows.event_time] = dtype_of(TIME)
    for tree in (*values, *((rows.where,) if rows.where is not None else ())):
        needed |= {each.text("name"): dtype_of(each.type) for each in walk(tree) if each.op == "column"}
    return needed


def _keys(rows: Rows) -> list[tuple[str, Type]]:
    return list(zip(rows.theirs, rows.types, strict=True))


def _physical(name: str, type_: Type) -> pl.Expr:
    return pl.col(name).to_physical() if type_ == TIME else pl.col(name)


def _own(contract: str, column: str) -> str:  # noqa: ARG001  # a filter reads one contract only
    return column


def in_order(events: pl.DataFrame) -> list[pl.Expr]:
    """What makes the order of rows total where their moments are equal: their object's digest and their row in it.

    The digests are compared as numbers of their sorted list, which is faster than as text; not at all where all rows
    stand in one object.
    """
    row = pl.col("_row")
    return [pl.col("_object").rank("dense"), row] if events["_object"].n_unique() > 1 else [row]


def leaves(over_ns: int, hop_ns: int) -> pl.Expr:
    """When each event leaves a window, which is at once where it enters too late.

    The far end of the window at `t` is `t - over` rounded down to a whole hop, so an event leaves when the end of its
    own hop is `over` old. Events beyond the end of time are held there: no question comes after them.
    """
    return pl.max_horizontal(ages(over_ns, hop_ns), pl.col(ENTER).clip(upper_bound=_FOREVER - 1) + 1)


def ages(over_ns: int, hop_ns: int) -> pl.Expr:
    """When each event becomes too old for a window, whether it ever enters or not; an older event never later."""
    event = pl.col(EVENT).clip(upper_bound=_FOREVER - over_ns - 2 * hop_ns)
    return (event // hop_ns + 1) * hop_ns + over_ns
