"""The compiler to Python: all expressions of a row as one generated function, for one question at a time."""

import math
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from andon.expressions.functions import CALENDAR, LEARNED, Type
from andon.expressions.literals import HIGHEST, LOWEST
from andon.expressions.row_functions import SCOPE
from andon.expressions.tree import Node, means_of, refuse, unlearned
from andon.expressions.zones import require

Value = None | bool | int | float | str | bytes | tuple[float, ...]
Name = Callable[[str, str], str]


@dataclass(frozen=True, slots=True)
class RowFunction:
    """A compiled row.

    Attributes:
        names: The results, in order.
        columns: The columns that it reads, with their types.
        source: The generated Python, for people.
        call: Gives the results by name for a mapping from column to value. Values are of their column's exact Python
            type (`checked` makes sure): float, int, bool, str, bytes, a time in nanoseconds, a tuple of floats, or
            `None`.
    """

    names: tuple[str, ...]
    columns: Mapping[str, Type]
    source: str
    call: Callable[[Mapping[str, Value]], dict[str, Value]]


def compile_row(features: Mapping[str, Node], name: Name) -> RowFunction:
    """One function for all these expressions, with what they have in common computed once.

    Equal bits with the frame compiler; see `compile_frame` for what nulls, NaN and overflow come to.

    Args:
        features: Trees without joins, and with everything learned that has to be, by name.
        name: Gives the name of a value for a contract and one of its columns.

    Raises:
        InputError: A tree holds a join or unlearned codes, or its time zone has changed its rules.
    """
    writer = _Writer(name)
    results = {name: writer.write(node) for name, node in features.items()}
    body = "".join(f"    {line}\n" for line in writer.lines)
    told = ", ".join(f"{name!r}: {result}" for name, result in results.items())
    source = f"def row(get):\n{body}    return {{{told}}}\n"
    scope: dict[str, object] = {**SCOPE, **writer.constants}
    exec(compile(source, "<row>", "exec"), scope)  # noqa: S102  # written here, from a checked tree, names by repr only
    row = scope["row"]
    if not callable(row):
        raise TypeError(source)

    def call(values: Mapping[str, Value]) -> dict[str, Value]:
        result: dict[str, Value] = row(values.get)
        return result

    return RowFunction(tuple(features), writer.columns, source, call)


def checked(columns: Mapping[str, Type], values: Mapping[str, object]) -> dict[str, Value]:
    """The values of these columns, each of exactly the Python type that its column has.

    Raises:
        InputError: A column is missing or its value is of another type.
    """
    result: dict[str, Value] = {}
    for name, type_ in columns.items():
        if name not in values:
            raise refuse("missing-value", f"The question has no {name}.", name, "nothing", f"Give {name}, or null.")
        result[name] = _checked(name, type_, values[name])
    return result


def _checked(name: str, type_: Type, value: object) -> Value:
    match type_.kind:
        case "float" if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _LARGEST:
            return float(value)
        case "float" if isinstance(value, float):
            return value if math.isinf(value) else None
        case "bool" if isinstance(value, bool):
            return value
        case "category" | "text" if isinstance(value, str):
            return value
        case "blob" if isinstance(value, bytes):
            return value
        case "vector" if isinstance(value, tuple | list) and (vector := single(value)) is not None:
            if len(vector) == type_.size and vector == tuple(value):
                return vector
        case "int" | "fixed" | "time" if isinstance(value, int) and not isinstance(value, bool):
            if LOWEST <= value <= HIGHEST:
                return value
        case _:
            pass
    if value is None:
        return None
    raise refuse("value-type", f"{name} must be {type_}.", name, repr(value)[:100], f"Give {name} as {type_}, or null.")


def single(values: Sequence[object]) -> tuple[float, ...] | None:
    """Numbers rounded to 32-bit floats, as a vector has them; `None` where one is no number, or not a finite one."""
    if not set(map(type, values)) <= {int, float}:
        return None
    try:
        vector = struct.unpack(form := f"{len(values)}f", struct.pack(form, *values))
    except (OverflowError, struct.error):
        return None
    return vector if all(map(math.isfinite, vector)) else None


class _Writer:
    """Writes straight-line Python, one variable for each different node."""

    def __init__(self, name: Name) -> None:
        self.lines: list[str] = []
        self.columns: dict[str, Type] = {}
        self.constants: dict[str, object] = {}
        self._name = name
        self._written: dict[object, str] = {}

    def write(self, node: Node) -> str:
        """The name of the variable, or the constant, that holds a node's value."""
        if node not in self._written:
            self._written[node] = self._literal(node.value) if node.op == "literal" else self._variable(node)
        return self._written[node]

    def _variable(self, node: Node) -> str:
        if node.op == "column":
            return self._column(node)
        args = [self.write(arg) for arg in node.args]
        if node.op in CALENDAR:
            args = [self._local_seconds(node, args[0])]
        nulls = " or ".join(f"{arg} is None" for arg in dict.fromkeys(args) if arg.startswith("v"))
        formula = self._formula(node, args)
        if node.op in _NULL_AWARE:
            return self._assign(formula)
        variable = self._assign(f"None if {nulls} else {formula}")
        if node.type.kind == "float" and node.op in ("add", "sub", "mul", "div"):
            self.lines.append(f"if {variable} != {variable}: {variable} = None")
        elif node.op in ("add", "sub", "mul", "neg", "abs", "floordiv") and node.type.kind != "float":
            self.lines.append(
                f"if {variable} is not None and not {LOWEST} <= {variable} <= {HIGHEST}: {variable} = None"
            )
        return variable

    def _column(self, node: Node) -> str:
        name = self._name(node.text("contract"), node.text("name"))
        self.columns[name] = node.type
        variable = self._assign(f"get({name!r})")
        if node.type.kind == "float":
            self.lines.append(f"if {variable} != {variable}: {variable} = None")
        return variable

    def _formula(self, node: Node, args: list[str]) -> str:
        if node.op in _SIGNS:
            return f"{args[0]} {_SIGNS[node.op]} {args[1]}"
        if node.op in _TEMPLATES:
            return _TEMPLATES[node.op].format(*args)
        match node.op:
            case "div":
                constant = node.args[1].op == "literal"
                return (
                    f"{args[0]} * {self._literal(1.0 / float(node.args[1].value))}" if constant else _call("div", args)
                )
            case "bucket":
                edges = self._constant(tuple(edge.value for edge in node.args[1:]))
                return f"bisect({edges}, {args[0]})"
            case "is_in":
                return f"{args[0]} in {self._constant(frozenset(each.value for each in node.args[1:]))}"
            case "to_float":
                cast = f"float({args[0]})"
                scale = node.args[0].type.scale
                return f"{cast} * {self._literal(1.0 / 10**scale)}" if node.args[0].type.kind == "fixed" else cast
            case "head":
                return f"{args[0]}[:{node.number('number')}]"
            case "codes":
                return f"{self._constant(_vocabulary(node))}({args[0]}, -1)"
            case "target_mean":
                means, overall = means_of(node)
                return f"{self._constant(means.get)}({args[0]}, {self._literal(overall)})"
            case _:
                pass
        if node.op in LEARNED:
            raise unlearned(node)
        fix = "Evaluate it through a feature plan."
        raise refuse("join", f"{node.op} joins another contract.", node.op, "a join", fix)

    def _local_seconds(self, node: Node, time: str) -> str:
        """The seconds since 1970 on the clocks of a time zone, once for all functions that need them."""
        key = ("local", node.args[0], node.text("tz"))
        table = require(node.text("tz"), node.text("table"))
        if key not in self._written:
            seconds = self._assign(f"None if {time} is None else {time} // 1000000000")
            offset = str(table.offsets_s[0])
            if len(table.starts_s) > 1:
                starts, offsets = self._constant(table.starts_s), self._constant(table.offsets_s)
                offset = f"{offsets}[bisect({starts}, {seconds}) - 1]"
            self._written[key] = self._assign(f"None if {seconds} is None else {seconds} + {offset}")
        return self._written[key]

    def _assign(self, formula: str) -> str:
        variable = f"v{len(self.lines)}"
        self.lines.append(f"{variable} = {formula}")
        return variable

    def _literal(self, value: bool | int | float | str) -> str:
        return repr(value) if not isinstance(value, float) or math.isfinite(value) else self._constant(value)

    def _constant(self, value: object) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = value
        return name


def _vocabulary(node: Node) -> Callable[[str, int], int]:
    if not node.has("vocabulary"):
        raise unlearned(node)
    return {word: number for number, word in enumerate(node.texts("vocabulary"))}.get


def _call(function: str, args: list[str]) -> str:
    return f"{function}({', '.join(args)})"


_LARGEST: Final = math.nextafter(math.inf, 0)
_NULL_AWARE: Final = frozenset({"is_null", "fill_null", "where", "and", "or", "clip"})
_SIGNS: Final = {
    "add": "+",
    "sub": "-",
    "mul": "*",
    "eq": "==",
    "ne": "!=",
    "gt": ">",
    "ge": ">=",
    "lt": "<",
    "le": "<=",
}
_TEMPLATES: Final = {
    "and": "False if {0} is False or {1} is False else None if {0} is None or {1} is None else True",
    "or": "True if {0} is True or {1} is True else None if {0} is None or {1} is None else False",
    "not": "not {0}",
    "floordiv": "None if {1} == 0 else {0} // {1}",
    "mod": "None if {1} == 0 else {0} % {1}",
    "neg": "-{0}",
    "abs": "abs({0})",
    "is_null": "{0} is None",
    "fill_null": "{1} if {0} is None else {0}",
    "where": "{1} if {0} else {2}",
    "clip": "None if {0} is None else {1} if {0} < {1} else {2} if {0} > {2} else {0}",
    "log": "log({0})",
    "log1p": "log1p({0})",
    "sqrt": "sqrt({0})",
    "exp": "exp({0})",
    "sin": "sin({0})",
    "cos": "cos({0})",
    "tanh": "tanh({0})",
    "sign": "sign({0})",
    "round": "round({0})",
    "week": "week({0})",
    "floor": "floor({0})",
    "ceil": "ceil({0})",
    "to_int": "to_int({0})",
    "len_chars": "len({0})",
    "starts_with": "{0}.startswith({1})",
    "ends_with": "{0}.endswith({1})",
    "contains": "{1} in {0}",
    "second": "{0} % 60",
    "minute": "{0} // 60 % 60",
    "year": "year({0})",
    "ordinal_day": "ordinal_day({0})",
    "hour": "{0} // 3600 % 24",
    "weekday": "({0} // 86400 + 3) % 7 + 1",
    "month": "month({0})",
    "day": "day({0})",
}
