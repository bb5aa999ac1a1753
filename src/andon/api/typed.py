"""Typed expressions over columns: one class for each kind, each with only the methods its values have."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Never, Self, overload

from andon.api.lift import constant, floating, meet, operand, wrong
from andon.api.refusing import Refusing
from andon.expressions import tree
from andon.expressions.functions import FLOAT
from andon.expressions.joins import read_join
from andon.expressions.tree import Node
from andon.kernel.clock import duration_ns
from andon.kernel.errors import UsageError


@dataclass(frozen=True, slots=True)
class Home:
    """The contract an expression comes from, as far as joins need to know it."""

    contract: str
    event_time: str | None


class Expr(Refusing):
    """A value computed from columns. Everything is done with operators and methods; nothing is computed here."""

    __slots__ = ("declared", "home")
    __hash__ = object.__hash__

    def __init__(self, node: Node, home: Home | None, declared: object = None) -> None:
        super().__init__(node)
        self.home = home
        self.declared = declared

    def is_null(self) -> Bool:
        """Whether the value is missing."""
        return Bool(tree.apply("is_null", self.node), self.home)

    def is_not_null(self) -> Bool:
        """Whether there is a value."""
        return ~self.is_null()

    def last(self, *, within: str, match: Bool, where: Bool | None = None) -> Self:
        """The value of the newest matching row known before the question and at most `within` old; null if none.

        Raises:
            UsageError: `within` is not a duration, or the contract has no event time.
            InputError: `match` or `where` are not what they must be.
        """
        node = self._join("last", match, where, event_time=True, within_ns=duration_ns(within))
        return type(self)(node, match.home)

    def lookup(self, *, match: Bool, where: Bool | None = None) -> Self:
        """The value of the matching row, in its latest version known before the question; null if there is none.

        Raises:
            InputError: `match` or `where` are not what they must be.
        """
        return type(self)(self._join("lookup", match, where, event_time=False), match.home)

    def _window(self, op: str, over: str, match: Bool, where: Bool | None) -> Node:
        return self._join(op, match, where, event_time=True, over_ns=duration_ns(over))

    def _join(self, op: str, match: Bool, where: Bool | None, *, event_time: bool, **lengths: int) -> Node:
        params: dict[str, Node | str | int] = {**lengths}
        for name, condition in (("match", match), ("where", where)):
            if isinstance(condition, Bool):
                params[name] = condition.node
            elif name == "match" or where is not None:
                raise wrong(f"{op} takes a condition for {name}=.", condition)
        if event_time:
            if self.home is None or self.home.event_time is None:
                place = self.home.contract if self.home else ""
                fix = "Declare one of its columns with event_time()."
                raise UsageError("expression.no-event-time", f"{op} needs an event time.", place=place, fix=fix)
            params["event_time"] = self.home.event_time
        node = tree.apply(op, self.node, **params)
        read_join(node)
        return node


class Comparable(Expr):
    """A value that may equal another: a number, a moment, true or false, a text from a set of texts."""

    __slots__ = ()
    __hash__ = object.__hash__

    def count(self, *, over: str, match: Bool, where: Bool | None = None) -> Int:
        """How many matching rows, with a value, fell into the time `over` before the question and were known by then.

        Raises:
            UsageError: `over` is not a duration, or the contract has no event time.
            InputError: `match` or `where` are not what they must be.
        """
        return Int(self._window("count", over, match, where), match.home)

    def distinct(self, *, over: str, match: Bool, where: Bool | None = None) -> Int:
        """How many different values matching rows have in the time `over` before the question, known by then.

        Raises:
            UsageError: `over` is not a duration, or the contract has no event time.
            InputError: `match` or `where` are not what they must be.
        """
        return Int(self._window("distinct", over, match, where), match.home)

    def first(self, *, over: str, match: Bool, where: Bool | None = None) -> Self:
        """The oldest value of matching rows in the time `over` before the question, known by then; null if none.

        Raises:
            UsageError: `over` is not a duration, or the contract has no event time.
            InputError: `match` or `where` are not what they must be.
        """
        return type(self)(self._window("first", over, match, where), match.home)


class Ordered(Comparable):
    """A value of which one is the least and one the greatest: a number or a moment."""

    __slots__ = ()
    __hash__ = object.__hash__

    def min(self, *, over: str, match: Bool, where: Bool | None = None) -> Self:
        """The least value of matching rows in the time `over` before the question, known by then; null if none.

        Raises:
            UsageError: `over` is not a duration, or the contract has no event time.
            InputError: `match` or `where` are not what they must be.
        """
        return type(self)(self._window("min", over, match, where), match.home)

    def max(self, *, over: str, match: Bool, where: Bool | None = None) -> Self:
        """The greatest value of matching rows in the time `over` before the question, known by then; null if none.

        Raises:
            UsageError: `over` is not a duration, or the contract has no event time.
            InputError: `match` or `where` are not what they must be.
        """
        return type(self)(self._window("max", over, match, where), match.home)


class Bool(Comparable):
    """True, false or null."""

    __slots__ = ()
    __hash__ = object.__hash__

    def __and__(self, other: Bool) -> Bool:
        return Bool(*two_sided("and", self, other))

    def __or__(self, other: Bool) -> Bool:
        return Bool(*two_sided("or", self, other))

    def __invert__(self) -> Bool:
        return Bool(tree.apply("not", self.node), self.home)

    def __eq__(self, other: Bool | bool) -> Bool:  # type: ignore[override]  # gives an expression, not an answer
        return Bool(*two_sided("eq", self, other))

    def __ne__(self, other: Bool | bool) -> Bool:  # type: ignore[override]  # gives an expression, not an answer
        return Bool(*two_sided("ne", self, other))

    def fill_null(self, value: Bool | bool) -> Bool:
        """This, or `value` where it is null."""
        return Bool(*two_sided("fill_null", self, value))

    def to_float(self) -> Float:
        """1.0 for true, 0.0 for false."""
        return Float(tree.apply("to_float", self.node), self.home)

    def __xor__(self, other: Bool) -> Bool:
        return Bool(*two_sided("ne", self, other))

    def to_int(self) -> Int:
        """1 for true, 0 for false."""
        return Int(tree.apply("to_int", self.node), self.home)


class Number(Ordered):
    """An int, a fixed or a float. Two of different kinds are computed as floats."""

    __slots__ = ()
    __hash__ = object.__hash__

    def __eq__(self, other: Number | float) -> Bool:  # type: ignore[override]  # gives an expression, not an answer
        return Bool(*two_sided("eq", self, other))

    def __ne__(self, other: Number | float) -> Bool:  # type: ignore[override]  # gives an expression, not an answer
        return Bool(*two_sided("ne", self, other))

    def __gt__(self, other: Number | float) -> Bool:
        return Bool(*two_sided("gt", self, other))

    def __ge__(self, other: Number | float) -> Bool:
        return Bool(*two_sided("ge", self, other))

    def __lt__(self, other: Number | float) -> Bool:
        return Bool(*two_sided("lt", self, other))

    def __le__(self, other: Number | float) -> Bool:
        return Bool(*two_sided("le", self, other))

    def __truediv__(self, other: Number | float) -> Float:
        return Float(*two_sided("div", self.to_float(), other))

    def __rtruediv__(self, other: float) -> Float:
        return Float(*two_sided("div", _float(other), self.to_float()))

    def __neg__(self) -> Self:
        return type(self)(tree.apply("neg", self.node), self.home)

    def __abs__(self) -> Self:
        return type(self)(tree.apply("abs", self.node), self.home)

    def sign(self) -> Int:
        """1 above 0, -1 below, 0 for 0."""
        return Int(tree.apply("sign", self.node), self.home)

    def clip(self, low: float, high: float) -> Self:
        """Not below `low` and not above `high`."""
        bounds = [constant(bound, self.node.type) for bound in (low, high)]
        return type(self)(tree.apply("clip", self.node, *bounds), self.home)

    def bucket(self, *edges: float) -> Int:
        """How many of the ascending edges it has reached: 0 below the first."""
        return Int(tree.apply("bucket", self.node, *(constant(edge, self.node.type) for edge in edges)), self.home)

    def bins(self, number: int) -> Int:
        """In which of `number` parts of equally many fit rows it lies, from 0; equal values are never parted.

        The bounds are learned once, from the rows to fit on, and are then constants of the feature plan.
        """
        return Int(tree.apply("bins", self.node, number=number), self.home)

    def standardised(self) -> Float:
        """How many standard deviations of the fit rows it is above their mean.

        Both are learned once, from the rows to fit on, and are then constants of the feature plan.
        """
        return self._of_float("standardised")

    def fill_null(self, value: Self | float) -> Self:
        """This, or `value` where it is null."""
        return type(self)(*two_sided("fill_null", self, _alike(value, self)))

    def to_float(self) -> Float:
        """The same number as a float."""
        return Float(floating(self.node), self.home)

    def log(self) -> Float:
        """The natural logarithm; null below 0."""
        return self._of_float("log")

    def log1p(self) -> Float:
        """The natural logarithm of 1 more; null below -1."""
        return self._of_float("log1p")

    def sqrt(self) -> Float:
        """The square root; null below 0."""
        return self._of_float("sqrt")

    def exp(self) -> Float:
        """The exponential function."""
        return self._of_float("exp")

    def log10(self) -> Float:
        """The logarithm to base 10, as the natural one times 1 / log(10); null below 0."""
        return self.log() * (1.0 / math.log(10.0))

    def log2(self) -> Float:
        """The logarithm to base 2, as the natural one times 1 / log(2); null below 0."""
        return self.log() * (1.0 / math.log(2.0))

    def sin(self) -> Float:
        """The sine, of radians; null for an infinity."""
        return self._of_float("sin")

    def cos(self) -> Float:
        """The cosine, of radians; null for an infinity."""
        return self._of_float("cos")

    def tanh(self) -> Float:
        """The hyperbolic tangent."""
        return self._of_float("tanh")

    def round(self) -> Float:
        """The nearest whole number, halves to the even one, as a float."""
        return self._of_float("round")

    def floor(self) -> Float:
        """The greatest whole number that is not greater, as a float."""
        return self._of_float("floor")

    def ceil(self) -> Float:
        """The least whole number that is not less, as a float."""
        return self._of_float("ceil")

    def is_between(self, low: Self | float, high: Self | float) -> Bool:
        """Whether it is not below `low` and not above `high`."""
        return (self >= low) & (self <= high)

    def _of_float(self, op: str) -> Float:
        return Float(tree.apply(op, floating(self.node)), self.home)


class Float(Number):
    """A 64-bit floating point number; NaN counts as null."""

    __slots__ = ()
    __hash__ = object.__hash__

    def __add__(self, other: Int | Float | float) -> Float:
        return Float(*two_sided("add", self, other))

    def __radd__(self, other: float) -> Float:
        return Float(*two_sided("add", _float(other), self))

    def __sub__(self, other: Int | Float | float) -> Float:
        return Float(*two_sided("sub", self, other))

    def __rsub__(self, other: float) -> Float:
        return Float(*two_sided("sub", _float(other), self))

    def __mul__(self, other: Int | Float | float) -> Float:
        return Float(*two_sided("mul", self, other))

    def __rmul__(self, other: float) -> Float:
        return Float(*two_sided("mul", _float(other), self))

    def to_int(self) -> Int:
        """The whole number before the point; null where that does not fit into 64 bits."""
        return Int(tree.apply("to_int", self.node), self.home)

    def is_finite(self) -> Bool:
        """Whether it is no infinity."""
        return ~self.is_infinite()

    def is_infinite(self) -> Bool:
        """Whether it is an infinity, as a division by 0 gives."""
        return abs(self) == math.inf

    if not TYPE_CHECKING:

        def _inexact(self, **_: object) -> Never:
            raise UsageError(
                "expression.inexact",
                "A sum, mean or spread of floats depends on their order.",
                found=repr(self),
                fix="Declare the column with fixed(scale=...), which is exact.",
            )

        sum = mean = std = _inexact


class Exact(Number):
    """A number whose sums do not depend on their order."""

    __slots__ = ()
    __hash__ = object.__hash__

    def sum(self, *, over: str, match: Bool, where: Bool | None = None) -> Self:
        """The exact sum over matching rows of the time `over` before the question, known by then; 0 if there are none.

        Raises:
            UsageError: `over` is not a duration, or the contract has no event time.
            InputError: `match` or `where` are not what they must be.
        """
        return type(self)(self._window("sum", over, match, where), match.home)

    def mean(self, *, over: str, match: Bool, where: Bool | None = None) -> Float:
        """The mean over matching rows of the time `over` before the question, known by then; null if there are none.

        Raises:
            UsageError: `over` is not a duration, or the contract has no event time.
            InputError: `match` or `where` are not what they must be.
        """
        return Float(self._window("mean", over, match, where), match.home)

    def std(self, *, over: str, match: Bool, where: Bool | None = None) -> Float:
        """The sample standard deviation over matching rows of the time `over` before the question, known by then.

        Null for fewer than two values.

        Raises:
            UsageError: `over` is not a duration, or the contract has no event time.
            InputError: `match` or `where` are not what they must be.
        """
        return Float(self._window("std", over, match, where), match.home)


class Int(Exact):
    """A 64-bit whole number; what does not fit is null."""

    __slots__ = ()
    __hash__ = object.__hash__

    @overload
    def __add__(self, other: Int | int) -> Int: ...
    @overload
    def __add__(self, other: Float | float) -> Float: ...
    def __add__(self, other: Int | Float | float) -> Int | Float:
        return _int_or_float(*two_sided("add", self, other))

    @overload
    def __radd__(self, other: int) -> Int: ...
    @overload
    def __radd__(self, other: float) -> Float: ...
    def __radd__(self, other: float) -> Int | Float:
        return _int_or_float(*two_sided("add", _plain(other, self), self))

    @overload
    def __sub__(self, other: Int | int) -> Int: ...
    @overload
    def __sub__(self, other: Float | float) -> Float: ...
    def __sub__(self, other: Int | Float | float) -> Int | Float:
        return _int_or_float(*two_sided("sub", self, other))

    @overload
    def __rsub__(self, other: int) -> Int: ...
    @overload
    def __rsub__(self, other: float) -> Float: ...
    def __rsub__(self, other: float) -> Int | Float:
        return _int_or_float(*two_sided("sub", _plain(other, self), self))

    @overload
    def __mul__(self, other: Int | int) -> Int: ...
    @overload
    def __mul__(self, other: Float | float) -> Float: ...
    def __mul__(self, other: Int | Float | float) -> Int | Float:
        return _int_or_float(*two_sided("mul", self, other))

    @overload
    def __rmul__(self, other: int) -> Int: ...
    @overload
    def __rmul__(self, other: float) -> Float: ...
    def __rmul__(self, other: float) -> Int | Float:
        return _int_or_float(*two_sided("mul", _plain(other, self), self))

    def __floordiv__(self, other: Int | int) -> Int:
        """How often `other` fits, rounded down; null for 0."""
        return Int(*two_sided("floordiv", self, _alike(other, self)))

    def __mod__(self, other: Int | int) -> Int:
        """What is left over, with the sign of `other`; null for 0."""
        return Int(*two_sided("mod", self, _alike(other, self)))

    def is_in(self, values: tuple[int, ...]) -> Bool:
        """Whether it is one of these."""
        return is_among(self, values)


class Fixed(Exact):
    """A decimal number with a fixed number of decimals, kept as a whole number; multiply it as a float."""

    __slots__ = ()
    __hash__ = object.__hash__

    def __add__(self, other: Fixed | int) -> Fixed:
        return Fixed(*two_sided("add", self, other))

    def __radd__(self, other: int) -> Fixed:
        return Fixed(*two_sided("add", _plain(other, self), self))

    def __sub__(self, other: Fixed | int) -> Fixed:
        return Fixed(*two_sided("sub", self, other))

    def __rsub__(self, other: int) -> Fixed:
        return Fixed(*two_sided("sub", _plain(other, self), self))


def two_sided(op: str, left: Expr, right: object) -> tuple[Node, Home | None]:
    """An operator with an expression on its left, and where the result comes from."""
    exactly = op in ("eq", "ne", "gt", "ge", "lt", "le", "fill_null")
    if isinstance(right, Expr):
        return meet(op, left.node, right.node), left.home or right.home
    other = operand(right, left.node.type, exactly=exactly)
    return meet(op, left.node, other), left.home


def _plain(value: object, like: Expr) -> Expr:
    """A plain value on the left of an operator, as an expression."""
    return Expr(operand(value, like.node.type, exactly=False), None)


def _alike(value: object, like: Expr) -> Expr:
    """An expression as it is, or a plain value as a constant of exactly the same kind."""
    return value if isinstance(value, Expr) else Expr(constant(value, like.node.type), None)


def _float(value: float) -> Float:
    return Float(constant(value, FLOAT), None)


def is_among(expression: Expr, values: tuple[str, ...] | tuple[int, ...]) -> Bool:
    """Whether an expression is one of some constants."""
    literals = (constant(value, expression.node.type) for value in values)
    return Bool(tree.apply("is_in", expression.node, *literals), expression.home)


def _int_or_float(node: Node, home: Home | None) -> Int | Float:
    return Int(node, home) if node.type.kind == "int" else Float(node, home)
