"""Columns as a contract declares them: numbers, texts, moments, what passes through, and when things happened.

`pii=True` marks a column whose values are about a person who can be told by them, `protected=True` one by which people
are protected from being treated. Features that are computed from such columns carry their marks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Final

from andon.api.categories import Category
from andon.api.lift import constant
from andon.api.passing import Blob, Text, Vector
from andon.api.times import Time
from andon.api.typed import Bool, Expr, Fixed, Float, Home, Int
from andon.contracts.dataset import WIDEST, Column, Role, Severity
from andon.expressions import tree
from andon.expressions.functions import BLOB, BOOL, CATEGORY, FLOAT, INT, TEXT, TIME, Type, type_of
from andon.expressions.tree import Node
from andon.expressions.zones import zone
from andon.kernel.clock import duration_ns
from andon.kernel.errors import UsageError

Bound = int | float | None

_numbers = count()
_COMPARE: Final = ("ge", "gt", "le", "lt")


@dataclass(frozen=True, slots=True)
class Declared:
    """What a column was declared to be, before its contract gives it a name.

    Attributes:
        column: The column, with an empty name.
        number: What its node is called until the contract gives it a name.
        bounds: Comparisons (`ge gt le lt`) and constants that its values must satisfy.
        one_of: Constants of which its values must be one; empty for no such rule.
        max_null_share: The share of rows that may be null in a batch; `None` for no such rule.
        known_after_ns: How long after this event time its row becomes known.
    """

    column: Column
    number: str
    bounds: tuple[tuple[str, Node], ...] = ()
    one_of: tuple[Node, ...] = ()
    max_null_share: float | None = None
    known_after_ns: int | None = None


@dataclass(frozen=True, slots=True)
class RowRule:
    """A rule across the columns of a contract, as its body says it."""

    condition: Bool
    severity: Severity
    tolerance: float
    text: str


def integer(
    *,
    ge: int | None = None,
    le: int | None = None,
    gt: int | None = None,
    lt: int | None = None,
    key: bool = False,
    segment: bool = False,
    nullable: bool = False,
    unit: str = "",
    max_null_share: float | None = None,
    pii: bool = False,
    protected: bool = False,
) -> Int:
    """A column of 64-bit whole numbers.

    Raises:
        UsageError: A bound is not a whole number, or a key is nullable.
    """
    column = Column("", "int", _role(key), nullable, unit, segment=segment, pii=pii, protected=protected)
    return Int(*_declare(column, INT, _bounds(INT, ge, gt, le, lt), (), max_null_share))


def number(
    *,
    ge: float | None = None,
    le: float | None = None,
    gt: float | None = None,
    lt: float | None = None,
    nullable: bool = False,
    unit: str = "",
    max_null_share: float | None = None,
    pii: bool = False,
    protected: bool = False,
) -> Float:
    """A column of 64-bit floating point numbers; NaN counts as null.

    Raises:
        UsageError: A bound is not a number.
    """
    column = Column("", "float", "value", nullable, unit, pii=pii, protected=protected)
    return Float(*_declare(column, FLOAT, _bounds(FLOAT, ge, gt, le, lt), (), max_null_share))


def fixed(
    *,
    scale: int,
    ge: float | None = None,
    le: float | None = None,
    gt: float | None = None,
    lt: float | None = None,
    nullable: bool = False,
    unit: str = "",
    max_null_share: float | None = None,
    pii: bool = False,
    protected: bool = False,
) -> Fixed:
    """A column of decimals, kept exactly as whole numbers of `scale` decimals (1 to 18).

    Raises:
        UsageError: The scale is not possible, or a bound has more decimals.
    """
    if not 1 <= scale <= 18:
        raise UsageError("contract.scale", "A scale is 1 to 18 decimals.", found=str(scale), fix="Use integer() for 0.")
    type_ = Type("fixed", scale)
    column = Column("", "fixed", "value", nullable, unit, scale=scale, pii=pii, protected=protected)
    return Fixed(*_declare(column, type_, _bounds(type_, ge, gt, le, lt), (), max_null_share))


def boolean(
    *,
    segment: bool = False,
    nullable: bool = False,
    max_null_share: float | None = None,
    pii: bool = False,
    protected: bool = False,
) -> Bool:
    """A column of true and false."""
    column = Column("", "bool", "value", nullable, segment=segment, pii=pii, protected=protected)
    return Bool(*_declare(column, BOOL, (), (), max_null_share))


def category(
    *,
    key: bool = False,
    segment: bool = False,
    one_of: Sequence[str] = (),
    nullable: bool = False,
    max_null_share: float | None = None,
    pii: bool = False,
    protected: bool = False,
) -> Category:
    """A column of texts.

    Raises:
        UsageError: `one_of` holds something else than text, or a key is nullable.
    """
    if isinstance(one_of, str):
        raise UsageError("contract.one-of", "one_of= takes several texts.", found=one_of, fix='one_of=("EWR", "JFK")')
    column = Column("", "category", _role(key), nullable, segment=segment, pii=pii, protected=protected)
    allowed = tuple(constant(value, CATEGORY) for value in one_of)
    return Category(*_declare(column, CATEGORY, (), allowed, max_null_share))


def text(
    *, nullable: bool = False, max_null_share: float | None = None, pii: bool = False, protected: bool = False
) -> Text:
    """A column of texts as somebody wrote them, up to 16 MiB each, that pass through unchanged.

    Texts from a set of texts, which are compared and numbered, are a `category`.
    """
    column = Column("", "text", "value", nullable, pii=pii, protected=protected)
    return Text(*_declare(column, TEXT, (), (), max_null_share))


def vector(
    size: int,
    *,
    nullable: bool = False,
    max_null_share: float | None = None,
    pii: bool = False,
    protected: bool = False,
) -> Vector:
    """A column of vectors, such as embeddings, that pass through unchanged: `size` finite 32-bit floats each.

    Numbers of more than 32 bits are rounded to the nearest, once, when they land. A model takes a vector as so many
    numbers, `name_0`, `name_1` and so on.

    Raises:
        UsageError: The size is not a whole number from 1 to 16,384.
    """
    given: object = size  # a caller without a type checker may give anything
    if not isinstance(given, int) or isinstance(given, bool) or not 0 < given <= WIDEST:
        fix = "Say how many numbers each vector has: vector(384)."
        raise UsageError("contract.size", f"A vector has 1 to {WIDEST} numbers.", found=repr(size)[:100], fix=fix)
    column = Column("", "vector", "value", nullable, pii=pii, protected=protected, size=size)
    return Vector(*_declare(column, type_of(column), (), (), max_null_share))


def blob(
    *, nullable: bool = False, max_null_share: float | None = None, pii: bool = False, protected: bool = False
) -> Blob:
    """A column of bytes, such as pictures, up to 16 MiB each, that pass through unchanged."""
    column = Column("", "blob", "value", nullable, pii=pii, protected=protected)
    return Blob(*_declare(column, BLOB, (), (), max_null_share))


def time(
    *,
    tz: str = "UTC",
    nullable: bool = False,
    max_null_share: float | None = None,
    pii: bool = False,
    protected: bool = False,
) -> Time:
    """A column of moments.

    Args:
        tz: The zone in which a source's times without a zone are meant.
        nullable: Whether null is a value.
        max_null_share: The share of rows that may be null in a batch.
        pii: Whether its values are about a person who can be told by them, such as a date of birth.
        protected: Whether people are protected from being treated by it.

    Raises:
        InputError: There is no such time zone.
    """
    column = replace(_moment("value", tz, nullable=nullable), pii=pii, protected=protected)
    return Time(*_declare(column, TIME, (), (), max_null_share))


def event_time(*, known_after: str | None = None, tz: str = "UTC") -> Time:
    """The column that says when what a row tells happened.

    Args:
        known_after: How long after it the row becomes known, for loads of history; without it, when it is published.
        tz: The zone in which a source's times without a zone are meant.

    Raises:
        UsageError: `known_after` is not a duration.
        InputError: There is no such time zone.
    """
    after = None if known_after is None else duration_ns(known_after)
    return Time(*_declare(_moment("event_time", tz), TIME, (), (), None, known_after_ns=after))


def known_at(*, tz: str = "UTC") -> Time:
    """The column that says when a row could first be known.

    Raises:
        InputError: There is no such time zone.
    """
    return Time(*_declare(_moment("known_at", tz), TIME, (), (), None))


def rule(condition: Bool, *, severity: Severity = "quarantine", tolerance: float = 1.0, text: str = "") -> RowRule:
    """A rule across the columns of a contract, written in its body; null counts as broken.

    Args:
        condition: What must be true of every row.
        severity: `quarantine` sets broken rows aside, `block` fails the batch.
        tolerance: The share of rows that may be quarantined before the batch fails, 0 to 1.
        text: The rule in words; the expression itself if empty.

    Raises:
        UsageError: The condition is no expression, or severity or tolerance are not possible.
    """
    given: object = condition  # a caller without a type checker may give anything
    if not isinstance(given, Bool) or severity not in ("quarantine", "block") or not 0 <= tolerance <= 1:
        raise UsageError(
            "contract.rule",
            "This is not a rule.",
            found=f"{condition!r}, severity={severity!r}, tolerance={tolerance!r}",
            fix='Write rule(arrives > departs, severity="quarantine", tolerance=0.01).',
        )
    return RowRule(condition, severity, float(tolerance), text)


def declared(value: Expr) -> Declared | None:
    """What a column was declared to be; `None` for what was computed."""
    return value.declared if isinstance(value.declared, Declared) else None


def _declare(
    column: Column,
    type_: Type,
    bounds: tuple[tuple[str, Node], ...],
    one_of: tuple[Node, ...],
    max_null_share: float | None,
    *,
    known_after_ns: int | None = None,
) -> tuple[Node, Home | None, Declared]:
    """A column without a contract yet, and its declaration; its name is a number until the contract gives it one."""
    if column.role == "key" and column.nullable:
        raise UsageError("contract.key", "A key is never null.", fix="Leave out key= or nullable=.")
    if max_null_share is not None and not (column.nullable and 0 <= max_null_share <= 1):
        found = f"nullable={column.nullable}, max_null_share={max_null_share}"
        fix = "Give a share from 0 to 1 of a nullable column."
        raise UsageError("contract.null-share", "This share of nulls is not possible.", found=found, fix=fix)
    node = tree.column("", str(next(_numbers)), type_)
    return node, None, Declared(column, node.text("name"), bounds, one_of, max_null_share, known_after_ns)


def _bounds(type_: Type, *values: Bound) -> tuple[tuple[str, Node], ...]:
    pairs = zip(_COMPARE, values, strict=True)
    return tuple((op, constant(value, type_)) for op, value in pairs if value is not None)


def _moment(role: Role, tz: str, *, nullable: bool = False) -> Column:
    return Column("", "time", role, nullable, tz=zone(tz).name)


def _role(key: bool) -> Role:
    return "key" if key else "value"
