"""The tree itself: an expression over columns as a typed value that can be written, read, hashed and compared."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import isfinite
from reprlib import repr as shorten
from typing import Final, get_args

from andon.contracts.dataset import WIDEST, Kind
from andon.expressions.functions import FUNCTIONS, JOINS, LEARNED, Type
from andon.expressions.literals import literal_text, literal_value
from andon.kernel.canonical import Json
from andon.kernel.digest import Digest, of_value
from andon.kernel.errors import InputError

SEMANTICS: Final = 1
MAX_DEPTH: Final = 64
_MOST: Final = 1000
_LONGEST_NS: Final = 2**62  # 146 years: with it and two steps, moments of this century still fit into 64 bits
_DURATIONS: Final = ("over_ns", "within_ns")
_TREES: Final = ("match", "where")


@dataclass(frozen=True, slots=True)
class Node:
    """A column, a literal, or a function of nodes.

    Make one with `column`, `literal` or `apply`, which check it.

    Attributes:
        op: `column`, `literal` or the name of a function.
        params: What stands beside the arguments, sorted by name.
        type: What its values are.
        depth: Levels below it, itself included.
    """

    op: str
    args: "tuple[Node, ...]"
    params: "tuple[tuple[str, str | int | bool | tuple[str, ...] | Node], ...]"
    type: Type
    depth: int = field(default=1, compare=False)

    def has(self, name: str) -> bool:
        """Whether there is a param of that name."""
        return any(key == name for key, _ in self.params)

    def text(self, name: str) -> str:
        """The param of that name, which is text."""
        value = dict(self.params)[name]
        if not isinstance(value, str):
            raise TypeError(name)
        return value

    def number(self, name: str) -> int:
        """The param of that name, which is a whole number."""
        value = dict(self.params)[name]
        if not isinstance(value, int):
            raise TypeError(name)
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """The param of that name, which is a list of texts."""
        value = dict(self.params)[name]
        if not isinstance(value, tuple):
            raise TypeError(name)
        return value

    def tree(self, name: str) -> "Node":
        """The param of that name, which is a tree."""
        value = dict(self.params)[name]
        if not isinstance(value, Node):
            raise TypeError(name)
        return value

    @property
    def value(self) -> bool | int | float | str:
        """The value of a literal: a Python bool, int (scaled, or nanoseconds), float or str."""
        return literal_value(self.type, dict(self.params)["value"])


def column(contract: str, name: str, type_: Type) -> Node:
    """A column of a contract."""
    return Node("column", (), (("contract", contract), ("name", name)), type_)


def literal(value: bool | int | float | str, type_: Type) -> Node:
    """A constant.

    Args:
        value: A bool, an int, a float, a text; the scaled int of a `fixed`; nanoseconds of a `time`.
        type_: What it is.

    Raises:
        InputError: The value is not of that type, is NaN, or does not fit into 64 bits.
    """
    return Node("literal", (), (("value", literal_text(value, type_)),), type_)


def apply(op: str, *args: Node, **params: "str | int | bool | tuple[str, ...] | Node") -> Node:
    """A function of nodes, after checking that it may be.

    Raises:
        InputError: There is no such function, or its arguments or params are not what it takes.
    """
    function = FUNCTIONS.get(op)
    if function is None:
        raise refuse("unknown-function", f"There is no function {op!r}.", op, ", ".join(sorted(FUNCTIONS)))
    if len(args) < function.arity or (len(args) > function.arity and not function.variadic):
        raise refuse("arity", f"{op} takes {function.takes}.", op, f"{len(args)} arguments")
    result = function.result([arg.type for arg in args])
    found = ", ".join(str(arg.type) for arg in args)
    if result is None:
        raise refuse("type", f"{op} takes {function.takes}.", op, found)
    _check_literals(op, args)
    missing = set(function.params) - set(params)
    unknown = set(params) - set(function.params) - set(function.optional)
    if missing or unknown:
        names = ", ".join((*function.params, *function.optional)) or "nothing beside its arguments"
        raise refuse("params", f"{op} takes {names}.", op, ", ".join(sorted(params)) or "nothing")
    for name, value in params.items():
        _check_param(op, name, value)
    if op in LEARNED:
        _check_learned(op, args, params)
    trees = [*args, *(value for value in params.values() if isinstance(value, Node))]
    depth = 1 + max(tree.depth for tree in trees)
    if depth > MAX_DEPTH:
        raise refuse("depth", f"An expression has at most {MAX_DEPTH} levels.", op, str(depth))
    return Node(op, args, tuple(sorted(params.items())), result, depth)


def _check_literals(op: str, args: Sequence[Node]) -> None:
    """Constants stand where a column can change something, never alone: engines fold them, each in its own way."""
    start = FUNCTIONS[op].literals_from
    constant = [arg.op == "literal" for arg in args]
    if all(constant) or (op in ("fill_null", "where", "clip", "bucket", "is_in") and constant[0]):
        raise refuse("constant", f"{op} of a constant is a constant.", op, "a literal", "Write the value itself.")
    if start is not None and not all(constant[start:]):
        raise refuse("not-constant", f"{op} takes {FUNCTIONS[op].takes}.", op, "an expression")
    values = [arg.value for arg in args[start:]] if start is not None else []
    if op in ("clip", "bucket") and any(a > b for a, b in pairwise(values)):  # type: ignore[operator]
        raise refuse("order", f"The bounds of {op} must ascend.", op, ", ".join(map(str, values)))
    if op == "div" and constant[1]:
        divisor = args[1].value
        if not isinstance(divisor, float) or divisor == 0 or abs(1.0 / divisor) in (0.0, float("inf")):
            raise refuse("divisor", "This constant has no reciprocal to multiply by.", op, repr(divisor))
    if op in ("floordiv", "mod") and constant[1] and args[1].value == 0:
        raise refuse("divisor", "Nothing can be divided by 0.", op, "0")


def _check_param(op: str, name: str, value: object) -> None:
    if name in _DURATIONS or name in ("min_count", "smoothing"):
        most = _LONGEST_NS if name in _DURATIONS else 2**53
        good = isinstance(value, int) and not isinstance(value, bool) and 0 < value < most
    elif name == "number":
        good = isinstance(value, int) and not isinstance(value, bool) and (op == "bins") < value <= _MOST
    elif name in _TREES:
        good = isinstance(value, Node) and value.type.kind == "bool"
    elif name == "vocabulary":
        good = isinstance(value, tuple) and all(isinstance(v, str) for v in value)
        good = good and list(value) == sorted(set(value))  # type: ignore[call-overload]
    elif name in ("means", "overall"):
        good = isinstance(value, tuple if name == "means" else str)
        good = good and all(map(_is_finite, value if isinstance(value, tuple) else (value,)))
    else:
        good = isinstance(value, str) and value != ""
    if not good:
        raise refuse("params", f"{name} of {op} is not what it must be.", op, repr(value)[:200])


def _check_learned(op: str, args: Sequence[Node], params: Mapping[str, object]) -> None:
    """What was learned is there as a whole; and nothing learns from what has learned from labels."""
    if any(each.op == "target_mean" for arg in args for each in walk(arg)):
        fix = "Use target_mean as it is, or compute with it: + - * /, clip, bucket with edges of your own."
        message = f"{op} cannot learn from a target_mean: it would carry a row's own label back to it."
        raise refuse("learned-label", message, op, "target_mean", fix)
    if op == "target_mean":
        learned = [params[name] for name in ("vocabulary", "means", "overall") if name in params]
        if len(learned) not in (0, 3) or (learned and len(learned[0]) != len(learned[1])):  # type: ignore[arg-type]
            raise refuse("params", "A mean belongs to every text of a target_mean.", op, ", ".join(sorted(params)))


def _is_finite(text: object) -> bool:
    """Whether this is a finite float as constants stand in the tree."""
    try:
        return isinstance(text, str) and isfinite(value := float.fromhex(text)) and value.hex() == text
    except (ValueError, OverflowError):
        return False


def children(node: Node) -> tuple[Node, ...]:
    """The nodes right below a node: its arguments, its match and its filter."""
    return (*node.args, *(value for _, value in node.params if isinstance(value, Node)))


def walk(node: Node) -> Iterator[Node]:
    """A node and all below it, from the top, each as often as it stands there."""
    yield node
    for child in children(node):
        yield from walk(child)


def columns_of(node: Node) -> tuple[tuple[str, str], ...]:
    """The (contract, column) pairs that an expression reads, sorted, event times of its joins included."""
    found = set()
    for each in walk(node):
        if each.op == "column":
            found.add((each.text("contract"), each.text("name")))
        elif each.has("event_time"):
            found |= {(contract, each.text("event_time")) for contract in contracts_of(each.args[0])}
    return tuple(sorted(found))


def contracts_of(node: Node) -> tuple[str, ...]:
    """Names of the contracts whose columns an expression reads, sorted."""
    return tuple(sorted({each.text("contract") for each in walk(node) if each.op == "column"}))


def joins_of(node: Node) -> tuple[Node, ...]:
    """The joins of an expression, each once, in order of reading."""
    return tuple(dict.fromkeys(each for each in walk(node) if each.op in JOINS))


def substitute(node: Node, change: Callable[[Node], Node | None]) -> Node:
    """The expression with every node replaced for which `change` gives another; what it gives is not searched again.

    Raises:
        InputError: The result would not be a valid expression.
    """
    new = change(node)
    if new is not None:
        return new
    if node.op in ("column", "literal"):
        return node
    params = {name: substitute(v, change) if isinstance(v, Node) else v for name, v in node.params}
    return apply(node.op, *(substitute(arg, change) for arg in node.args), **params)


def to_json(node: Node) -> dict[str, Json]:
    """The expression as JSON; `from_json` reads it back."""
    members: dict[str, Json] = {"op": node.op}
    if node.op in ("column", "literal"):
        members["type"] = node.type.kind
        if node.type.kind == "fixed":
            members["scale"] = node.type.scale
        elif node.type.kind == "vector":
            members["size"] = node.type.size
    else:
        members["args"] = [to_json(arg) for arg in node.args]
    for name, value in node.params:
        members[name] = _param_json(name, value)
    return members


def _param_json(name: str, value: "str | int | bool | tuple[str, ...] | Node") -> Json:
    if isinstance(value, Node):
        return to_json(value)
    if isinstance(value, tuple):
        return list(value)
    return str(value) if name in _DURATIONS else value


def from_json(value: Json) -> Node:
    """Read what `to_json` wrote.

    Raises:
        InputError: It is not an expression: a function, member or type is unknown or wrong.
    """
    node = _read(value, 0)
    if to_json(node) != value:
        raise refuse("malformed", "This is not an expression.", node.op, "members or values in another form")
    return node


def _read(value: Json, depth: int) -> Node:
    if not isinstance(value, Mapping) or not isinstance(value.get("op"), str) or depth > MAX_DEPTH:
        raise refuse("malformed", "This is not an expression.", "", shorten(value))
    op = str(value["op"])
    try:
        if op == "column":
            return column(_text(value["contract"]), _text(value["name"]), _type(value))
        if op == "literal":
            type_ = _type(value)
            return literal(literal_value(type_, value["value"]), type_)
        args = value["args"]
        if not isinstance(args, Sequence) or isinstance(args, str):
            raise TypeError(args)
        params = {name: _param(name, v, depth) for name, v in value.items() if name not in ("op", "args")}
        return apply(op, *(_read(arg, depth + 1) for arg in args), **params)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise refuse("malformed", "This is not an expression.", op, type(error).__name__) from error


def _param(name: str, value: Json, depth: int) -> "str | int | bool | tuple[str, ...] | Node":
    if name in _TREES:
        return _read(value, depth + 1)
    if name in _DURATIONS:
        return int(_text(value))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(_text(item) for item in value)
    if not isinstance(value, str | int):
        raise TypeError(name)
    return value


def _type(value: Mapping[str, Json]) -> Type:
    kind, scale, size = value["type"], value.get("scale", 0), value.get("size", 0)
    if kind not in get_args(Kind) or not isinstance(scale, int) or not 0 <= scale <= 18:
        raise ValueError(kind)
    if type(size) is not int or (0 < size <= WIDEST) != (kind == "vector"):
        raise ValueError(kind)
    return Type(kind, scale, size)  # type: ignore[arg-type]  # just checked


def _text(value: Json) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def digest(node: Node) -> Digest:
    """Identity of an expression: of its JSON and of what the functions mean."""
    return of_value({"semantics": SEMANTICS, "expression": to_json(node)})


def fitted(node: Node, **learned: "str | tuple[str, ...]") -> Node:
    """A node that learns, with what it learned beside its params: a vocabulary, and means for it."""
    return apply(node.op, *node.args, **{**dict(node.params), **learned})


def means_of(node: Node) -> tuple[dict[str, float], float]:
    """What a `target_mean` learned: the mean of each text, and that of texts which were not there.

    Raises:
        InputError: It has not learned yet.
    """
    if not node.has("vocabulary"):
        raise unlearned(node)
    means = map(float.fromhex, node.texts("means"))
    return dict(zip(node.texts("vocabulary"), means, strict=True)), float.fromhex(node.text("overall"))


def is_fitted(node: Node) -> bool:
    """Whether nothing in the expression still has to be learned."""
    return all(each.has("vocabulary") for each in walk(node) if each.op in LEARNED)


def unlearned(node: Node) -> InputError:
    """The refusal of an expression that has to learn from rows first."""
    return refuse("unfitted", f"{node.op} is not learned yet.", node.op, "nothing learned", "Fit the plan first.")


def refuse(what: str, message: str, place: str, found: str, fix: str = "") -> InputError:
    """The refusal of an expression."""
    fix = fix or "See the table of functions for what it takes."
    return InputError(f"expression.{what}", message, place=place, found=found, fix=fix)
