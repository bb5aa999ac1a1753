"""The rows that questions are about: packed by their keys, so that a question may name an entity by its key alone."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from typing import Final

import polars as pl

from andon.contracts.dataset import DatasetContract
from andon.expressions.events import EVENT, KNOWN, check_columns, in_order
from andon.expressions.frame import dtype_of
from andon.expressions.functions import TIME, type_of
from andon.expressions.online.block import Block, Section, encoded, is_long, pack, place_of, place_texts
from andon.expressions.online.key import PREFIX_BYTES, block_key
from andon.expressions.row import Value
from andon.kernel.canonical import Json
from andon.kernel.digest import Digest, hex_of, of_value

_FORMAT: Final = 1
_RANK: Final = "_rank"


class SpineBlocks:
    """The published rows of a contract, found by their keys.

    Args:
        contract: The contract.
    """

    def __init__(self, contract: DatasetContract) -> None:
        self.contract = contract.name
        self._keys = contract.of_role("key")
        self._types = {column.name: type_of(column) for column in contract.columns}
        self._event = contract.event_time
        columns: Json = {name: str(type_) for name, type_ in self._types.items()}
        told: Json = {"format": _FORMAT, "rows": contract.name, "keys": list(self._keys), "columns": columns}
        self.digest: Digest = of_value([told, self._event or ""])
        self.prefix = bytes.fromhex(hex_of(self.digest))[:PREFIX_BYTES]
        self._place = place_of(0)

    def key(self, values: Mapping[str, Value]) -> bytes:
        """Under which bytes the rows of an entity are kept, by its key columns, none of them null."""
        return block_key(self.prefix, [values[name] for name in self._keys], 0)

    def newest(self, block: Block | None, asked_ns: int) -> dict[str, Value] | None:
        """The row of the latest event that was known when the question was asked; `None` when there is none.

        A spine row is the question itself, so it is visible from the very moment it is known.
        """
        if block is None:
            return None
        numbers = block.numbers
        begin, rows = numbers[self._place], numbers[self._place + 1]
        found = bisect_right(numbers, asked_ns, begin, begin + rows) - 1
        if found < begin:
            return None
        row: dict[str, Value] = {}
        for number, (name, type_) in enumerate(self._types.items()):
            place = found + (1 + 2 * number) * rows
            row[name] = block.value(place, type_.kind) if numbers[place + rows] else None
        return row

    def touched(self, table: pl.LazyFrame) -> pl.DataFrame:
        """The keys of these rows.

        Raises:
            InputError: A column is missing or of another type.
        """
        return self._read(table).select(self._keys).unique()

    def pack(self, table: pl.LazyFrame, only: pl.DataFrame | None = None) -> Iterator[tuple[bytes, bytes]]:
        """The blocks of these rows, with the bytes they are kept under, in the order of their keys.

        Args:
            table: All published rows of the contract, with `_known_at`, `_object` and `_row`.
            only: Which keys, as `touched` says; all by default.

        Raises:
            InputError: A column is missing or of another type.
        """
        keys = list(self._keys)
        rows = self._read(table).drop_nulls(keys)
        if only is not None:
            rows = rows.join(only, on=keys, how="semi")
        blocks = rows.group_by(keys).len().sort(keys)
        numbered = blocks.select(keys).with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias("_key"))
        rows = rows.join(numbered, on=keys, how="left").sort("_key", EVENT, KNOWN, *in_order(rows))
        counts = blocks["len"].cast(pl.Int64).to_numpy()
        rows, texts = place_texts(rows, [name for name, type_ in self._types.items() if is_long(type_)], len(counts))
        ranked = rows.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias(_RANK))
        known = ranked.select("_key", KNOWN, _RANK).sort("_key", KNOWN, _RANK)
        newest = rows.select(pl.all().gather(known[_RANK].cum_max()))  # ranks grow from block to block
        columns = [known[KNOWN].to_numpy()]
        for name in self._types:
            columns += encoded(newest[name])
        found = pack([Section(columns, counts)], counts < 0, texts)
        for parts, block in zip(blocks.select(keys).rows(), found, strict=True):
            yield block_key(self.prefix, parts, 0), block

    def _read(self, table: pl.LazyFrame) -> pl.DataFrame:
        needed = {name: dtype_of(type_) for name, type_ in self._types.items()}
        check_columns(self.contract, table.collect_schema(), {**needed, "_known_at": dtype_of(TIME)})
        known = pl.col("_known_at").to_physical().alias(KNOWN)
        event = (pl.col(self._event) if self._event else pl.col("_known_at")).to_physical().alias(EVENT)
        columns = [pl.col(name).to_physical() if type_ == TIME else pl.col(name) for name, type_ in self._types.items()]
        return table.select(*columns, known, event, "_object", "_row").collect()
