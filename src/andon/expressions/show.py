"""An expression as a line for people, in the words in which it was written."""

from typing import Final

from andon.expressions.tree import Node
from andon.kernel.clock import iso

_SIGNS: Final = {
    "add": "+",
    "sub": "-",
    "mul": "*",
    "div": "/",
    "floordiv": "//",
    "mod": "%",
    "eq": "==",
    "ne": "!=",
    "gt": ">",
    "ge": ">=",
    "lt": "<",
    "le": "<=",
    "and": "&",
    "or": "|",
}
_HIDDEN: Final = frozenset({"table", "event_time", "vocabulary", "means", "overall"})


def show(node: Node) -> str:
    """The expression as text, such as `arrives > departs`; it cannot be read back."""
    if node.op == "column":
        return node.text("name")
    if node.op == "literal":
        return _literal(node)
    args = [f"({show(arg)})" if arg.op in _SIGNS else show(arg) for arg in node.args]
    if node.op in _SIGNS:
        return f"{args[0]} {_SIGNS[node.op]} {args[1]}"
    rest = [show(arg) for arg in node.args[1:]]
    params = [f"{name}={_param(value)}" for name, value in node.params if name not in _HIDDEN]
    return f"{args[0]}.{node.op}({', '.join(rest + params)})"


def _literal(node: Node) -> str:
    if node.type.kind == "time" and isinstance(node.value, int):
        return iso(node.value)
    if node.type.kind == "fixed" and isinstance(node.value, int):
        digits = f"{abs(node.value):0{node.type.scale + 1}d}"
        point = len(digits) - node.type.scale
        sign = "-" if node.value < 0 else ""
        return sign + (f"{digits[:point]}.{digits[point:]}" if node.type.scale else digits)
    return repr(node.value)


def _param(value: object) -> str:
    return show(value) if isinstance(value, Node) else repr(value)
