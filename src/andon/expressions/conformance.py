"""Whether features come out bit for bit alike: by both compilers, and on the machine that serves as on the one before.

Elementary functions come from the mathematics library of the machine, calendars from its time zones, and a new version
of Polars may compute in another order. So a plan is asked about a fixed table of odd values by both compilers: they
have to agree, and the digest of what they said is kept with the model and asked for again wherever it is loaded.
"""

import struct
from collections.abc import Iterator, Mapping
from hashlib import sha256
from itertools import count
from typing import Final

import polars as pl

from andon.expressions.frame import compile_frame, dtype_of
from andon.expressions.functions import TIME, Type
from andon.expressions.literals import HIGHEST, LOWEST
from andon.expressions.plan import FeaturePlan, hidden, without_joins
from andon.expressions.row import Value, compile_row
from andon.expressions.tree import walk
from andon.kernel.digest import Digest, of_value
from andon.kernel.errors import IntegrityError

ROWS: Final = 256
_NULL_EVERY: Final = 11
_SECOND_NS: Final = 1_000_000_000
_EDGES: Final[Mapping[str, tuple[Value, ...]]] = {
    "float": (0.0, -0.0, 1.0, -1.0, 0.5, 2.5, 0.1, 1e-308, 5e-324, -1e300, float("inf"), -float("inf"), 709.8, 1e15),
    "int": (0, 1, -1, 2, 7, -7, 100, 2**31, 2**53 + 1, HIGHEST, LOWEST),
    "bool": (True, False),
    "category": ("", "a", "\u00e9", "zz"),
    "text": ("", "a\nb", "\u00e9", "\0"),
    "blob": (b"", b"\0", b"\xff\xfe"),
    # The clocks of New York change, a leap day, the ends of a year and of time.
    "time": (0, -1, 1362898799 * _SECOND_NS, 1362898800 * _SECOND_NS, 951782400 * _SECOND_NS, 1704067199 * _SECOND_NS),
}


_SINGLES: Final = struct.unpack("8f", struct.pack("8f", 0.0, -0.0, 1.0, -0.1, 0.3, 1e-45, -3.4e38, 16777217.0))


def conformance(plan: FeaturePlan) -> Digest:
    """Digest of what a plan's features are for a fixed table of odd values, after both compilers agreed on it.

    Results of joins are taken as given columns; the windows themselves are whole numbers, which no machine rounds.

    Args:
        plan: Features with everything learned that has to be.

    Raises:
        IntegrityError: The compilers differ in a bit (`features.not-conformant`).
        InputError: The plan is not fitted.
    """
    names = hidden(plan.joins)
    nodes = {name: without_joins(node, names) for name, node in plan.features}
    row = compile_row(nodes, _column)
    texts = sorted({str(each.value) for node in nodes.values() for each in walk(node) if each.op == "literal"})
    columns = {
        name: [value for value, _ in zip(_values(name, type_, texts), range(ROWS), strict=False)]
        for name, type_ in row.columns.items()
    }
    frame = pl.DataFrame(
        [pl.Series(name, values, _physical(row.columns[name])) for name, values in columns.items()]
    ).with_columns(pl.col(name).cast(dtype_of(TIME)) for name, type_ in row.columns.items() if type_ == TIME)
    whole = frame.select(compile_frame(node, _column).to_physical().alias(name) for name, node in nodes.items())
    alone = [row.call({name: values[number] for name, values in columns.items()}) for number in range(ROWS)]
    for name in nodes:
        for number, (one, other) in enumerate(zip(alone, _values_in(whole[name]), strict=True)):
            value = one[name]
            if _bits(value) != _bits(other):
                asked = {column: columns[column][number] for column in columns}
                raise IntegrityError(
                    "features.not-conformant",
                    "A feature comes out otherwise for a single row than for a frame.",
                    place=name,
                    found=f"{value!r} and {other!r} for {asked}"[:400],
                    fix="Report it with the versions of andon and Polars; until then, leave this feature out.",
                )
    return of_value([[_bits(value) for value in one.values()] for one in alone])


def _values(name: str, type_: Type, texts: list[str]) -> Iterator[Value]:
    """Values of a column: odd ones first, then bits that look random and are always the same."""
    kind = "int" if type_.kind == "fixed" else type_.kind
    edges = (*_EDGES[kind], *texts) if kind == "category" else _EDGES.get(kind, ())
    for number in count():
        bits = sha256(f"{name}/{number}".encode()).digest()
        if number % _NULL_EVERY == _NULL_EVERY - 1:
            yield None
        elif kind == "vector":
            yield tuple(_SINGLES[(bits[place % len(bits)] + place) % len(_SINGLES)] for place in range(type_.size))
        elif number < 2 * len(edges) or kind in ("bool", "category", "text", "blob"):
            yield edges[bits[0] % len(edges)]
        else:
            yield _random(kind, bits)


def _random(kind: str, bits: bytes) -> Value:
    """A number of ordinary size, or of any size."""
    whole = int.from_bytes(bits[:8], "big", signed=True)
    if kind == "float":
        return whole / 2**50 if bits[8] % 2 else struct.unpack(">d", bits[16:24])[0]
    return whole % 10**6 if bits[8] % 2 and kind != "time" else whole


def _bits(value: Value) -> str:
    """A value as text that keeps every bit; NaN is null."""
    match value:
        case float():
            return "null" if value != value else value.hex()
        case None:
            return "null"
        case bytes():
            return f"bytes {value.hex()}"
        case tuple():
            return f"vector {' '.join(each.hex() for each in value)}"
        case _:
            return f"{type(value).__name__} {value}"


def _values_in(column: pl.Series) -> list[Value]:
    values = column.to_list()
    return [tuple(value) if isinstance(value, list) else value for value in values]


def _physical(type_: Type) -> pl.DataType:
    return pl.Int64() if type_ == TIME else dtype_of(type_)


def _column(contract: str, column: str) -> str:  # noqa: ARG001  # names of joins begin with _, of columns never
    return column
