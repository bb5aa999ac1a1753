"""How plain Python values and numbers of different kinds meet in one expression."""

from decimal import Decimal

from andon.expressions import tree
from andon.expressions.functions import FLOAT, Type
from andon.expressions.literals import HIGHEST, LOWEST
from andon.expressions.tree import Node
from andon.kernel.clock import parse_iso
from andon.kernel.errors import UsageError

_NUMERIC = ("int", "fixed", "float")


def constant(value: object, like: Type) -> Node:
    """A Python value as a literal of exactly this type.

    Raises:
        UsageError: It is not of that type, or not exactly.
    """
    if like.kind == "time" and isinstance(value, str):
        return tree.literal(parse_iso(value), like)
    if like.kind == "float" and isinstance(value, int | float) and not isinstance(value, bool):
        return tree.literal(float(value), like)
    if like.kind == "fixed" and (scaled := _scaled(value, like.scale)) is not None:
        return tree.literal(scaled, like)
    if like.kind == "int" and isinstance(value, float) and value.is_integer():
        value = int(value)
    known = {"int": int, "bool": bool, "category": str}.get(like.kind)
    if known is None or type(value) is not known:
        raise wrong(f"This is not {like}.", value)
    return tree.literal(value, like)  # type: ignore[arg-type]  # its type was just checked


def operand(value: object, like: Type, *, exactly: bool) -> Node:
    """A Python value as a literal to meet a number, a bool, a text or a time in an operator.

    Args:
        value: The value.
        like: The type of the other side.
        exactly: Whether a float may become an int or a fixed where it is one, as it may in a comparison.

    Raises:
        UsageError: The two cannot meet.
    """
    if isinstance(value, float) and like.kind in ("int", "fixed"):
        scaled = _scaled(value, like.scale) if exactly else None
        return constant(value, FLOAT) if scaled is None else tree.literal(scaled, like)
    return constant(value, like)


def meet(op: str, left: Node, right: Node) -> Node:
    """An operator of two nodes, as floats where they are numbers of different kinds.

    Raises:
        UsageError: The two cannot meet.
    """
    if left.type != right.type:
        kinds = {left.type.kind, right.type.kind}
        is_typed = op == "fill_null" or ("fixed" in kinds and op in ("add", "sub", "mul"))
        if is_typed or not kinds <= set(_NUMERIC):
            raise UsageError(
                "expression.operands",
                f"{op} does not take {left.type} and {right.type}.",
                fix="Compare and compute with values of one kind; .to_float() makes floats.",
            )
        left, right = floating(left), floating(right)
    return tree.apply(op, left, right)


def floating(node: Node) -> Node:
    """The same number as a float; a literal stays a literal."""
    if node.type.kind == "float":
        return node
    if node.op == "literal":
        return tree.literal(int(node.value) / 10**node.type.scale, FLOAT)
    return tree.apply("to_float", node)


def wrong(message: str, value: object) -> UsageError:
    """The refusal of a value or an operator."""
    return UsageError(
        "expression.operands", message, found=repr(value)[:100], fix="Use a column or a constant of the same kind."
    )


def _scaled(value: object, scale: int) -> int | None:
    """A number as an integer of so many decimals, if it is one exactly as written."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    shifted = Decimal(repr(value)).scaleb(scale)
    if not shifted.is_finite() or shifted != shifted.to_integral_value() or not LOWEST <= shifted <= HIGHEST:
        return None
    return int(shifted)
