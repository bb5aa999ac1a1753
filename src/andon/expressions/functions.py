"""The table of functions: what each takes and what it gives, in one place for the tree and both compilers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from andon.contracts.dataset import Column, Kind


@dataclass(frozen=True, slots=True)
class Type:
    """What the values of an expression are: a kind, the decimals of a `fixed`, and how many numbers a `vector` has."""

    kind: Kind
    scale: int = 0
    size: int = 0

    def __str__(self) -> str:
        match self.kind:
            case "fixed":
                return f"fixed({self.scale})"
            case "vector":
                return f"vector({self.size})"
            case _:
                return self.kind


def type_of(column: Column) -> Type:
    """What the values of a contract's column are."""
    return Type(column.kind, column.scale, column.size)


INT: Final = Type("int")
FLOAT: Final = Type("float")
BOOL: Final = Type("bool")
CATEGORY: Final = Type("category")
TIME: Final = Type("time")
TEXT: Final = Type("text")
BLOB: Final = Type("blob")

Signature = Callable[[Sequence[Type]], Type | None]


@dataclass(frozen=True, slots=True)
class Function:
    """One function.

    Attributes:
        takes: What its arguments are, for people.
        result: Gives the type of the result, or `None` where the arguments are not what it takes.
        arity: How many arguments, at least; exactly so unless it is `variadic`.
        literals_from: Arguments from this position on must be literals.
        params: Members beside `args` that must be there.
        optional: Members beside `args` that may be there.
    """

    takes: str
    result: Signature
    arity: int = 1
    variadic: bool = False
    literals_from: int | None = None
    params: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


_EXACT: Final = ("int", "fixed")
_NUMBERS: Final = ("int", "fixed", "float")
_ORDERED: Final = (*_NUMBERS, "time")
_ANY: Final = (*_ORDERED, "bool", "category")
_ALL: Final = (*_ANY, "text", "vector", "blob")  # the last three pass through: they are there or not, and nothing else


def _alike(kinds: Sequence[str], result: Type | None = None) -> Signature:
    """All arguments of one type, of these kinds; gives `result`, or the same type."""

    def signature(types: Sequence[Type]) -> Type | None:
        if len(set(types)) != 1 or types[0].kind not in kinds:
            return None
        return types[0] if result is None else result

    return signature


def _sub(types: Sequence[Type]) -> Type | None:
    return INT if list(types) == [TIME, TIME] else _alike(_NUMBERS)(types)


def _where(types: Sequence[Type]) -> Type | None:
    return types[1] if types[0] == BOOL and types[1] == types[2] else None


_TWO_NUMBERS: Final = "two numbers of the same type"
_ALIKE: Final = "two values of the same type"
_EQUATABLE: Final = "two numbers, times, bools or categories of the same type"
_COMPARABLE: Final = "two numbers of the same type, or two times"
_WINDOW: Final = ("event_time", "match", "over_ns")
_CALENDAR: Final = ("table", "tz")

FUNCTIONS: Final[Mapping[str, Function]] = {
    "add": Function(_TWO_NUMBERS, _alike(_NUMBERS), 2),
    "sub": Function("two numbers of the same type, or two times", _sub, 2),
    "mul": Function("two ints or two floats", _alike(("int", "float")), 2),
    "div": Function("two floats", _alike(("float",)), 2),
    "floordiv": Function("two ints", _alike(("int",)), 2),
    "mod": Function("two ints", _alike(("int",)), 2),
    "neg": Function("a number", _alike(_NUMBERS)),
    "abs": Function("a number", _alike(_NUMBERS)),
    "sign": Function("a number", _alike(_NUMBERS, INT)),
    "eq": Function(_EQUATABLE, _alike(_ANY, BOOL), 2),
    "ne": Function(_EQUATABLE, _alike(_ANY, BOOL), 2),
    "gt": Function(_COMPARABLE, _alike(_ORDERED, BOOL), 2),
    "ge": Function(_COMPARABLE, _alike(_ORDERED, BOOL), 2),
    "lt": Function(_COMPARABLE, _alike(_ORDERED, BOOL), 2),
    "le": Function(_COMPARABLE, _alike(_ORDERED, BOOL), 2),
    "and": Function("two bools", _alike(("bool",)), 2),
    "or": Function("two bools", _alike(("bool",)), 2),
    "not": Function("a bool", _alike(("bool",))),
    "is_null": Function("any value", _alike(_ALL, BOOL)),
    "fill_null": Function(_ALIKE, _alike(_ALL), 2),
    "where": Function("a bool and two values of the same type", _where, 3),
    "log": Function("a float", _alike(("float",))),
    "log1p": Function("a float", _alike(("float",))),
    "sqrt": Function("a float", _alike(("float",))),
    "exp": Function("a float", _alike(("float",))),
    "sin": Function("a float", _alike(("float",))),
    "cos": Function("a float", _alike(("float",))),
    "tanh": Function("a float", _alike(("float",))),
    "round": Function("a float", _alike(("float",))),
    "floor": Function("a float", _alike(("float",))),
    "ceil": Function("a float", _alike(("float",))),
    "head": Function("a category", _alike(("category",)), params=("number",)),
    "len_chars": Function("a category", _alike(("category",), INT)),
    "starts_with": Function("a category and a literal", _alike(("category",), BOOL), 2, literals_from=1),
    "ends_with": Function("a category and a literal", _alike(("category",), BOOL), 2, literals_from=1),
    "contains": Function("a category and a literal", _alike(("category",), BOOL), 2, literals_from=1),
    "clip": Function("a number and two literals of its type", _alike(_NUMBERS), 3, literals_from=1),
    "bucket": Function("a number and literals of its type", _alike(_NUMBERS, INT), 2, variadic=True, literals_from=1),
    "is_in": Function(
        "an int or a category, and literals", _alike(("int", "category"), BOOL), 2, variadic=True, literals_from=1
    ),
    "hour": Function("a time", _alike(("time",), INT), params=_CALENDAR),
    "weekday": Function("a time", _alike(("time",), INT), params=_CALENDAR),
    "month": Function("a time", _alike(("time",), INT), params=_CALENDAR),
    "day": Function("a time", _alike(("time",), INT), params=_CALENDAR),
    "minute": Function("a time", _alike(("time",), INT), params=_CALENDAR),
    "second": Function("a time", _alike(("time",), INT), params=_CALENDAR),
    "year": Function("a time", _alike(("time",), INT), params=_CALENDAR),
    "week": Function("a time", _alike(("time",), INT), params=_CALENDAR),
    "ordinal_day": Function("a time", _alike(("time",), INT), params=_CALENDAR),
    "to_float": Function("an int, a fixed or a bool", _alike(("int", "fixed", "bool"), FLOAT)),
    "to_int": Function("a float or a bool", _alike(("float", "bool"), INT)),
    "codes": Function("a category", _alike(("category",), INT), params=("min_count",), optional=("vocabulary",)),
    "standardised": Function("a float", _alike(("float",))),
    "bins": Function("a number", _alike(_NUMBERS, INT), params=("number",)),
    "target_mean": Function(
        "a category",
        _alike(("category",), FLOAT),
        params=("smoothing",),
        optional=("of", "vocabulary", "means", "overall"),
    ),
    "lookup": Function("any value of another contract", _alike(_ALL), params=("match",), optional=("where",)),
    "last": Function(
        "any value of another contract",
        _alike(_ALL),
        params=("event_time", "match", "within_ns"),
        optional=("where",),
    ),
    "count": Function("a comparable value of another contract", _alike(_ANY, INT), params=_WINDOW, optional=("where",)),
    "sum": Function("an int or a fixed of another contract", _alike(_EXACT), params=_WINDOW, optional=("where",)),
    "mean": Function(
        "an int or a fixed of another contract", _alike(_EXACT, FLOAT), params=_WINDOW, optional=("where",)
    ),
    "std": Function(
        "an int or a fixed of another contract", _alike(_EXACT, FLOAT), params=_WINDOW, optional=("where",)
    ),
    "min": Function("a number or a time of another contract", _alike(_ORDERED), params=_WINDOW, optional=("where",)),
    "max": Function("a number or a time of another contract", _alike(_ORDERED), params=_WINDOW, optional=("where",)),
    "first": Function("a comparable value of another contract", _alike(_ANY), params=_WINDOW, optional=("where",)),
    "distinct": Function(
        "a comparable value of another contract", _alike(_ANY, INT), params=_WINDOW, optional=("where",)
    ),
}
LEARNED: Final = frozenset({"codes", "standardised", "bins", "target_mean"})
SUMS: Final = frozenset({"count", "sum", "mean", "std"})
EXTREMES: Final = frozenset({"min", "max", "first"})
WINDOWS: Final = SUMS | EXTREMES | {"distinct"}
JOINS: Final = WINDOWS | {"lookup", "last"}
CALENDAR: Final = frozenset({"hour", "weekday", "month", "day", "minute", "second", "year", "week", "ordinal_day"})
