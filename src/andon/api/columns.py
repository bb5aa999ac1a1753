"""Columns as a contract declares them: numbers, texts, moments, what passes through, and when things happened.

`pii=True` marks a column whose values are about a person who can be told by them, `protected=True` one by which people
are protected from being treated. Features that are computed from such columns carry their marks.

`severity=` and `tolerance=` are about a column's own rules (`ge= gt= le= lt= one_of= pattern=`, and being there): a row
that breaks one is set aside (`quarantine`), counted and kept (`warn`), or fails its batch (`block`); `tolerance` is the
share of rows that may break one before the batch fails. A null that may not be, and a value that does not convert, are
never kept. `max_null_share=` is a bound on the batch, whatever the severity.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count

from andon.api.categories import Category
from andon.api.lift import constant
from andon.api.passing import Blob, Text, Vector
from andon.api.rules import strictness
from andon.api.times import Time
from andon.api.typed import Bool, Expr, Fixed, Float, Home, Int
from andon.contracts.dataset import WIDEST, Column, Role, Severity
from andon.expressions import tree
from andon.expressions.functions import BLOB, BOOL, CATEGORY, FLOAT, INT, TEXT, TIME, Type, type_of
from andon.expressions.own_rules import COMPARISONS, Own
from andon.expressions.patterns import check_pattern
from andon.expressions.tree import Node
from andon.expressions.zones import zone
from andon.kernel.clock import duration_ns
from andon.kernel.errors import UsageError

Bound = int | float | None

_numbers = count()


@dataclass(frozen=True, slots=True)
class Declared:
    """What a column was declared to be, before its contract gives it a name.

    Attributes:
        column: The column, with an empty name.
        number: What its node is called until the contract gives it a name.
        own: What its values are promised to be, beside their kind.
        known_after_ns: How long after this event time its row becomes known.
    """

    column: Column
    number: str
    own: Own
    known_after_ns: int | None = None


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
    severity: Severity = "quarantine",
    tolerance: float = 1.0,
) -> Int:
    """A column of 64-bit whole numbers.

    Raises:
        UsageError: A bound is not a whole number, or a key is nullable.
    """
    column = Column("", "int", _role(key), nullable, unit, segment=segment, pii=pii, protected=protected)
    return Int(
        *_declare(column, INT, _bounds(INT, ge, gt, le, lt), (), max_null_share, severity=severity, tolerance=tolerance)
    )


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
    severity: Severity = "quarantine",
    tolerance: float = 1.0,
) -> Float:
    """A column of 64-bit floating point numbers; NaN counts as null.

    Raises:
        UsageError: A bound is not a number.
    """
    column = Column("", "float", "value", nullable, unit, pii=pii, protected=protected)
    return Float(
        *_declare(
            column, FLOAT, _bounds(FLOAT, ge, gt, le, lt), (), max_null_share, severity=severity, tolerance=tolerance
        )
    )


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
    severity: Severity = "quarantine",
    tolerance: float = 1.0,
) -> Fixed:
    """A column of decimals, kept exactly as whole numbers of `scale` decimals (1 to 18).

    Raises:
        UsageError: The scale is not possible, or a bound has more decimals.
    """
    if not 1 <= scale <= 18:
        raise UsageError("contract.scale", "A scale is 1 to 18 decimals.", found=str(scale), fix="Use integer() for 0.")
    type_ = Type("fixed", scale)
    column = Column("", "fixed", "value", nullable, unit, scale=scale, pii=pii, protected=protected)
    return Fixed(
        *_declare(
            column, type_, _bounds(type_, ge, gt, le, lt), (), max_null_share, severity=severity, tolerance=tolerance
        )
    )


def boolean(
    *,
    segment: bool = False,
    nullable: bool = False,
    max_null_share: float | None = None,
    pii: bool = False,
    protected: bool = False,
    severity: Severity = "quarantine",
    tolerance: float = 1.0,
) -> Bool:
    """A column of true and false."""
    column = Column("", "bool", "value", nullable, segment=segment, pii=pii, protected=protected)
    return Bool(*_declare(column, BOOL, (), (), max_null_share, severity=severity, tolerance=tolerance))


def category(
    *,
    key: bool = False,
    segment: bool = False,
    one_of: Sequence[str] = (),
    pattern: str = "",
    nullable: bool = False,
    max_null_share: float | None = None,
    pii: bool = False,
    protected: bool = False,
    severity: Severity = "quarantine",
    tolerance: float = 1.0,
) -> Category:
    """A column of texts.

    Args:
        key: Whether it names a row, alone or with others.
        segment: Whether measurements are also made for each of its values.
        one_of: The texts that may be; any, if empty.
        pattern: A regular expression of Rust's `regex` crate that the whole text must match; any text, if empty.
        nullable: Whether null is a value.
        max_null_share: The share of rows that may be null in a batch.
        pii: Whether its values are about a person who can be told by them.
        protected: Whether people are protected from being treated by it.
        severity: What a broken rule does to its row: `quarantine`, `warn` or `block`.
        tolerance: The share of rows that may break a rule before the batch fails, 0 to 1.

    Raises:
        UsageError: `one_of` holds something else than text, a key is nullable, or severity or tolerance are not
            possible.
        InputError: The pattern does not compile.
    """
    if isinstance(one_of, str):
        raise UsageError("contract.one-of", "one_of= takes several texts.", found=one_of, fix='one_of=("EWR", "JFK")')
    column = Column("", "category", _role(key), nullable, segment=segment, pii=pii, protected=protected)
    allowed = tuple(constant(value, CATEGORY) for value in one_of)
    pattern = check_pattern(pattern) if pattern else ""
    return Category(
        *_declare(
            column, CATEGORY, (), allowed, max_null_share, pattern=pattern, severity=severity, tolerance=tolerance
        )
    )


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
    severity: Severity = "quarantine",
    tolerance: float = 1.0,
) -> Time:
    """A column of moments.

    Args:
        tz: The zone in which a source's times without a zone are meant.
        nullable: Whether null is a value.
        max_null_share: The share of rows that may be null in a batch.
        pii: Whether its values are about a person who can be told by them, such as a date of birth.
        protected: Whether people are protected from being treated by it.
        severity: What a moment that is not there does to its row: `quarantine` or `block`.
        tolerance: The share of rows that may lack it before the batch fails, 0 to 1.

    Raises:
        UsageError: Severity or tolerance are not possible.
        InputError: There is no such time zone.
    """
    column = replace(_moment("value", tz, nullable=nullable), pii=pii, protected=protected)
    return Time(*_declare(column, TIME, (), (), max_null_share, severity=severity, tolerance=tolerance))


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
    pattern: str = "",
    severity: Severity = "quarantine",
    tolerance: float = 1.0,
) -> tuple[Node, Home | None, Declared]:
    """A column without a contract yet, and its declaration; its name is a number until the contract gives it one."""
    if column.role == "key" and column.nullable:
        raise UsageError("contract.key", "A key is never null.", fix="Leave out key= or nullable=.")
    if max_null_share is not None and not (column.nullable and 0 <= max_null_share <= 1):
        found = f"nullable={column.nullable}, max_null_share={max_null_share}"
        fix = "Give a share from 0 to 1 of a nullable column."
        raise UsageError("contract.null-share", "This share of nulls is not possible.", found=found, fix=fix)
    severity, tolerance = strictness(severity, tolerance)
    has_rules = bool(bounds or one_of or pattern or (severity != "warn" and not column.nullable))
    if not has_rules and (severity, tolerance) != ("quarantine", 1.0):
        fix = "Say what its values may be, with ge= le= one_of= or pattern=, or leave it out."
        found = f"severity={severity!r}, tolerance={tolerance!r}"
        raise UsageError("contract.severity", "This column has no rule that this could be about.", found=found, fix=fix)
    node = tree.column("", str(next(_numbers)), type_)
    own = Own(bounds, one_of, max_null_share, pattern, severity, tolerance)
    return node, None, Declared(column, node.text("name"), own, known_after_ns)


def _bounds(type_: Type, *values: Bound) -> tuple[tuple[str, Node], ...]:
    pairs = zip(COMPARISONS, values, strict=True)
    return tuple((op, constant(value, type_)) for op, value in pairs if value is not None)


def _moment(role: Role, tz: str, *, nullable: bool = False) -> Column:
    return Column("", "time", role, nullable, tz=zone(tz).name)


def _role(key: bool) -> Role:
    return "key" if key else "value"
