"""The joins of a plan that share the rows of another contract: how these are packed into blocks, and read again."""

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from andon.expressions.events import ENTER, EVENT, KNOWN, ages, in_order, key_names, read_events, value_names
from andon.expressions.frame import dtype_of
from andon.expressions.functions import EXTREMES, SUMS, TIME
from andon.expressions.joins import Join, Rows
from andon.expressions.literals import HIGHEST, LOWEST
from andon.expressions.online.block import Block, Numbers, Section, is_long, pack, place_texts
from andon.expressions.online.key import PREFIX_BYTES, block_key
from andon.expressions.online.members import Distinct, Extremes
from andon.expressions.online.newest import Last, Versions
from andon.expressions.online.sums import Sums
from andon.expressions.row import Value
from andon.expressions.tree import SEMANTICS, Node, to_json
from andon.kernel.canonical import Json
from andon.kernel.digest import Digest, hex_of, of_value

ROWS_AT_ONCE: Final = 500_000
SPAN: Final = "_span"
_FORMAT: Final = 1
_DAY_NS: Final = 86_400 * 1_000_000_000
_LONGEST_NS: Final = 2**62


class Group:
    """Joins over the same rows.

    A block holds what questions about one key within one stretch of time can see: the rows that enter before its end
    and are not too old at its beginning. So one block answers a question, whatever is asked; rows stand in two or
    three blocks; and what happened long ago changes no block that is read now.

    Args:
        rows: The rows that the joins share.
        joins: The joins, by the name of their result.
    """

    def __init__(self, rows: Rows, joins: Mapping[str, Join]) -> None:
        ordered = dict(sorted(joins.items(), key=lambda each: repr(_told(each[1]))))
        self.rows = rows
        self.contract = rows.contract
        self.digest: Digest = of_value(_described(rows, ordered))
        self.prefix = bytes.fromhex(hex_of(self.digest))[:PREFIX_BYTES]
        self._values = value_names(tuple(dict.fromkeys(join.value for join in ordered.values())))
        self._texts = [name for value, name in self._values.items() if is_long(value.type)]
        self._lives = [_end(join) for join in dict.fromkeys(ordered.values()) if join.op != "lookup"]
        lengths = [join.length_ns + join.hop_ns for join in joins.values() if join.op != "lookup"]
        self._longest_ns = max(lengths, default=0)
        self.span_ns = min(max(_DAY_NS, self._longest_ns), _LONGEST_NS) if lengths else 0
        self._parts = _parts(ordered, self._values)
        self._nothing = Block(next(self._blocks(self._no_events(), np.zeros(1, dtype=np.int64))))

    def key(self, row: Mapping[str, Value], asked_ns: int) -> bytes | None:
        """Under which bytes the block of a question is kept; `None` where a key is null, which matches nothing."""
        parts = [row[name] for name in self.rows.ours]
        if None in parts:
            return None
        return block_key(self.prefix, parts, asked_ns // self.span_ns if self.span_ns else 0)

    def answer(self, block: Block | None, asked_ns: int, results: dict[str, Value]) -> None:
        """Put the results of the joins under their names.

        Args:
            block: What is kept for the question; `None` where nothing is.
            asked_ns: When it asks.
            results: Where the results go.

        Raises:
            InputError: A sum does not fit into 64 bits.
        """
        found = self._nothing if block is None else block
        for part in self._parts:
            part.answer(found, asked_ns, results)

    def touched(self, table: pl.LazyFrame) -> pl.DataFrame:
        """The keys and stretches of time whose blocks these rows stand in.

        Raises:
            InputError: A column is missing or of another type.
        """
        return self._spread(self._read(table)).select(self._block_names).unique()

    def pack(self, table: pl.LazyFrame, only: pl.DataFrame | None = None) -> Iterator[tuple[bytes, bytes]]:
        """The blocks of these rows, with the bytes they are kept under, in the order of their keys.

        Args:
            table: All published rows of the contract, with `_known_at`, `_object` and `_row`.
            only: Which blocks, as `touched` says; all by default.

        Raises:
            InputError: A column is missing or of another type, or a value is too large to be squared.
        """
        names = self._block_names
        events = self._read(table if only is None else self._near(table, only))
        if only is not None:
            events = events.join(only.select(names[:-1]).unique(), on=names[:-1], how="semi", nulls_equal=False)
        events = self._spread(events)
        if only is not None:
            events = events.join(only, on=names, how="semi")
        blocks = events.group_by(names).len().sort(names)
        numbered = blocks.select(names).with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias("_key"))
        events = events.join(numbered, on=names, how="left").drop(names)
        events = events.sort("_key", EVENT, KNOWN, *in_order(events))
        counts = blocks["len"].cast(pl.Int64).to_numpy()
        for low, high in _pieces(counts):
            begin, rows = int(counts[:low].sum()), int(counts[low:high].sum())
            piece = events.slice(begin, rows).with_columns(pl.col("_key") - low)
            keys = blocks.slice(low, high - low).select(names).rows()
            for (*parts, span), block in zip(keys, self._blocks(piece, counts[low:high]), strict=True):
                yield block_key(self.prefix, parts, span), block

    @property
    def _block_names(self) -> list[str]:
        return [*key_names(self.rows), SPAN]

    def _read(self, table: pl.LazyFrame) -> pl.DataFrame:
        return read_events(self.rows, tuple(self._values), {self.contract: table})

    def _near(self, table: pl.LazyFrame, only: pl.DataFrame) -> pl.LazyFrame:
        """The rows that could stand in these blocks by their event time, so that older objects need not be read."""
        if not self.span_ns or only.is_empty():
            return table
        first, last = int(only[SPAN].min()), int(only[SPAN].max())  # type: ignore[arg-type]  # whole numbers
        low = max(first * self.span_ns - self._longest_ns, LOWEST)
        high = min((last + 1) * self.span_ns, HIGHEST)
        return table.filter(pl.col(self.rows.event_time).is_between(*pl.Series([low, high]).cast(dtype_of(TIME))))

    def _spread(self, events: pl.DataFrame) -> pl.DataFrame:
        """Each row once for every stretch of time in which a question can see it."""
        if not self.span_ns:
            return events.with_columns(pl.lit(0, dtype=pl.Int64).alias(SPAN))
        first = (pl.col(ENTER).clip(upper_bound=HIGHEST - 1) + 1) // self.span_ns
        end = (pl.max_horizontal(self._lives) - 1) // self.span_ns + 1
        spans = pl.int_ranges(first, pl.max_horizontal(first, end))
        return events.with_columns(spans.alias(SPAN)).filter(pl.col(SPAN).list.len() > 0).explode(SPAN)

    def _blocks(self, events: pl.DataFrame, counts: Numbers) -> Iterator[bytes]:
        """The blocks of rows that are numbered by `_key`."""
        events, texts = place_texts(events, self._texts, len(counts))
        sections: list[Section] = []
        wide: NDArray[np.bool_] = np.zeros(len(counts), dtype=np.bool_)
        for part in self._parts:
            if isinstance(part, Sums):
                found, wide = part.pack(events, counts)
                sections += found
            else:
                sections += part.pack(events, counts)
        return pack(sections, wide, texts)

    def _no_events(self) -> pl.DataFrame:
        texts = dict.fromkeys(self._texts, pl.String())
        floats = {name: pl.Float64() for value, name in self._values.items() if value.type.kind == "float"}
        bools = {name: pl.Boolean() for value, name in self._values.items() if value.type.kind == "bool"}
        whole = dict.fromkeys(["_key", "_known", EVENT, ENTER, "_row", *self._values.values()], pl.Int64())
        return pl.DataFrame(schema={**whole, "_object": pl.String(), **texts, **floats, **bools})


def _parts(joins: Mapping[str, Join], values: Mapping[Node, str]) -> list[Sums | Last | Versions | Extremes | Distinct]:
    """What answers these joins, each beginning at its section."""
    parts: list[Sums | Last | Versions | Extremes | Distinct] = []
    section = 0
    for ops, make in ((SUMS, Sums), ({"last"}, Last), ({"lookup"}, Versions)):
        mine = {name: join for name, join in joins.items() if join.op in ops}
        if mine:
            parts.append(make(mine, values, section))
            section += 1
    whole = {name: join for name, join in joins.items() if join.op in EXTREMES}
    for column in sorted({values[join.value] for join in whole.values()}):
        mine = {name: join for name, join in whole.items() if values[join.value] == column}
        parts.append(Extremes(mine, values, section))
        section += 2
    for name, join in joins.items():
        if join.op == "distinct":
            parts.append(Distinct(name, join, values[join.value], section))
            section += 1
    return parts


def _pieces(counts: Numbers) -> Iterator[tuple[int, int]]:
    """Blocks that are packed together: about so many rows, and at least one block."""
    ends = np.cumsum(counts)
    low = 0
    while low < len(counts):
        before = int(ends[low - 1]) if low else 0
        high = max(low + 1, int(np.searchsorted(ends, before + ROWS_AT_ONCE, side="right")))
        yield low, high
        low = high


def _end(join: Join) -> pl.Expr:
    """From when on no question can see a row any more."""
    if join.op == "last":
        return pl.col(EVENT).clip(upper_bound=HIGHEST - join.length_ns - 1) + join.length_ns + 1
    return ages(join.length_ns, join.hop_ns)


def _described(rows: Rows, joins: Mapping[str, Join]) -> Json:
    """All that the bytes of blocks depend on, but for the rows."""
    return {
        "format": _FORMAT,
        "semantics": SEMANTICS,
        "contract": rows.contract,
        "keys": list(rows.theirs),
        "types": [str(type_) for type_ in rows.types],
        "where": None if rows.where is None else to_json(rows.where),
        "event_time": rows.event_time,
        "joins": [_told(join) for join in dict.fromkeys(joins.values())],
    }


def _told(join: Join) -> list[Json]:
    return [join.op, str(join.length_ns), to_json(join.value)]
