"""Blocks: the rows behind one key and one stretch of time, as columns of eight bytes that bisection reads in place.

A block is `checksum, is_wide, (begin, rows) of each section, columns of each section, texts`: whole numbers of eight
bytes in the byte order of the machine, but for the texts, bytes and vectors at its end, each once. A section is a table
in one order. Where sums of a block could leave 64 bits it is wide: its running sums are then the values themselves,
added up when asked.
"""

import struct
import sys
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from andon.contracts.dataset import LONGEST_BYTES
from andon.expressions.functions import Type
from andon.expressions.row import Value
from andon.kernel.errors import IntegrityError

Numbers = NDArray[np.int64]
WIDE: Final = 1
ORDER: Final = sys.byteorder
_FIRST: Final = 2
_LENGTH_BITS: Final = LONGEST_BYTES.bit_length()
_SINGLE_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class Section:
    """A table that every block has, for all blocks at once.

    Attributes:
        columns: Each holds the rows of all blocks, block after block.
        counts: How many rows each block has.
    """

    columns: Sequence[Numbers]
    counts: Numbers


@dataclass(frozen=True, slots=True)
class Texts:
    """The different texts of each block, bytes and vectors too, one after the other.

    Attributes:
        data: Those of all blocks.
        ends: Where those of each block end.
    """

    data: bytes
    ends: Sequence[int]


class Block:
    """A block as it is read.

    Args:
        data: The bytes that `pack` wrote, of which `check` has seen every bit; they are not copied.
    """

    __slots__ = ("_bytes", "_floats", "numbers")

    def __init__(self, data: bytes | memoryview) -> None:
        self._bytes = memoryview(data)
        self._floats: memoryview[float] | None = None
        end = len(self._bytes) // 8 * 8
        self.numbers = (self._bytes if end == len(self._bytes) else self._bytes[:end]).cast("q")

    def value(self, place: int, kind: str) -> Value:
        """The value in the place of a number, as `encoded` put it there."""
        match kind:
            case "float":
                if self._floats is None:
                    self._floats = self._bytes[: len(self.numbers) * 8].cast("d")
                return float(self._floats[place])
            case "category" | "text":
                return str(self._piece(self.numbers[place]), "utf-8")
            case "blob":
                return bytes(self._piece(self.numbers[place]))
            case "vector":
                piece = self._piece(self.numbers[place])
                return struct.unpack(f"{len(piece) // _SINGLE_BYTES}f", piece)
            case "bool":
                return bool(self.numbers[place])
            case _:
                return int(self.numbers[place])

    def _piece(self, where: int) -> memoryview:
        begin = len(self._bytes) - (where >> _LENGTH_BITS)
        return self._bytes[begin : begin + (where & LONGEST_BYTES)]


def place_of(section: int) -> int:
    """Where a block says at which number a section begins; how many rows it has stands behind it."""
    return _FIRST + 2 * section


def pack(sections: Sequence[Section], wide: NDArray[np.bool_], texts: Texts) -> Iterator[bytes]:
    """The bytes of each block.

    Args:
        sections: The same tables for all blocks.
        wide: Of each block, whether its sums could leave 64 bits.
        texts: What `encoded` refers to.
    """
    places = [list(accumulate(section.counts.tolist(), initial=0)) for section in sections]
    columns = [[np.ascontiguousarray(one).data.cast("B") for one in each.columns] for each in sections]
    head = _FIRST + 2 * len(sections)
    begun = 0
    for number, ended in enumerate(texts.ends):
        header, parts, at = [int(wide[number])], [], head
        for place, found in zip(places, columns, strict=True):
            low, high = place[number], place[number + 1]
            header += [at, high - low]
            at += (high - low) * len(found)
            parts += [column[8 * low : 8 * high] for column in found]
        body = b"".join([np.array(header, dtype=np.int64).tobytes(), *parts, texts.data[begun:ended]])
        begun = ended
        yield zlib.crc32(body).to_bytes(8, ORDER) + body


def check(data: bytes | memoryview, place: str) -> None:
    """Refuse a block of which a bit is not as it was written.

    Args:
        data: The block.
        place: What it is read for.

    Raises:
        IntegrityError: It is damaged.
    """
    view = memoryview(data)
    if len(view) < 16 or zlib.crc32(view[8:]) != int.from_bytes(view[:8], ORDER):
        raise IntegrityError(
            "online.damaged",
            f"What the online store holds for {place} is not what was written.",
            place=place,
            found=f"{len(view)} bytes with another checksum",
            fix="Make the store again from the datasets: andon feature rebuild",
        )


def encoded(series: pl.Series) -> tuple[Numbers, Numbers]:
    """Values as whole numbers of eight bytes, and whether each is there."""
    present = series.is_not_null().cast(pl.Int64).to_numpy()
    if series.dtype == pl.Float64:
        return np.ascontiguousarray(series.fill_null(0.0).to_numpy()).view(np.int64), present
    return series.cast(pl.Int64).fill_null(0).to_numpy(), present


def is_long(type_: Type) -> bool:
    """Whether values of a type stand among the texts of a block: they are no numbers of eight bytes."""
    return type_.kind in ("category", "text", "vector", "blob")


def place_texts(events: pl.DataFrame, names: Sequence[str], count: int) -> tuple[pl.DataFrame, Texts]:
    """Texts replaced by numbers that say where in its block each stands: how far from the end, and how long it is.

    Args:
        events: Rows with `_key`, the number of their block.
        names: The columns of texts, bytes and vectors.
        count: How many blocks there are.
    """
    if not names:
        return events, Texts(b"", [0] * count)
    events = events.with_columns(_data(events[name]) for name in names)
    rows = [events.select("_key", pl.col(name).alias("_text")) for name in names]
    found = pl.concat(rows).drop_nulls().unique().sort("_key", "_text")
    found = found.with_columns(pl.col("_text").bin.size().cast(pl.Int64).alias("_size"))
    behind = pl.col("_size").cum_sum(reverse=True).over("_key")
    found = found.with_columns((behind * 2**_LENGTH_BITS + pl.col("_size")).alias("_place"))
    for name in names:
        asked = events.select("_key", pl.col(name).alias("_text"))
        placed = asked.join(found, on=["_key", "_text"], how="left", maintain_order="left")["_place"]
        events = events.with_columns(placed.alias(name))
    sizes = np.zeros(count, dtype=np.int64)
    np.add.at(sizes, found["_key"].to_numpy(), found["_size"].to_numpy())
    return events, Texts(b"".join(found["_text"]), np.cumsum(sizes).tolist())


def _data(column: pl.Series) -> pl.Series:
    """Texts, bytes or vectors as bytes."""
    if not isinstance(column.dtype, pl.Array):
        return column.cast(pl.Binary)
    rows = zip(column.to_numpy(), column.is_not_null(), strict=True)
    return pl.Series(column.name, [row.tobytes() if is_there else None for row, is_there in rows], dtype=pl.Binary)
