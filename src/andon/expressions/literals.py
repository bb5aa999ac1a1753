"""Constants as text that keeps every bit: floats in hex, whole numbers in decimal."""

import math
from typing import Final

from andon.expressions.functions import Type
from andon.kernel.errors import InputError

LOWEST: Final = -(2**63)
HIGHEST: Final = 2**63 - 1


def literal_text(value: object, type_: Type) -> str | bool:
    """A constant as it stands in the tree.

    Raises:
        InputError: The value is not of that type, is NaN, or does not fit into 64 bits.
    """
    match type_.kind:
        case "bool" if isinstance(value, bool):
            return value
        case "float" if isinstance(value, float) and not math.isnan(value):
            return value.hex()
        case "category" if isinstance(value, str) and _is_unicode(value):
            return value
        case "int" | "fixed" | "time" if isinstance(value, int) and not isinstance(value, bool):
            if LOWEST <= value <= HIGHEST:
                return str(value)
        case _:
            pass
    raise InputError(
        "expression.literal",
        f"This constant is not {type_}.",
        found=repr(value)[:100],
        fix="Write a number that fits into 64 bits, a text, True or False; test for nothing with .is_null().",
    )


def literal_value(type_: Type, text: object) -> bool | int | float | str:
    """The constant that `literal_text` wrote.

    Raises:
        TypeError: It is not text, or for a bool not a bool.
        ValueError: The text is no number.
    """
    if type_.kind == "bool":
        if not isinstance(text, bool):
            raise TypeError(text)
        return text
    if not isinstance(text, str):
        raise TypeError(text)
    if type_.kind == "category":
        return text
    return float.fromhex(text) if type_.kind == "float" else int(text)


def _is_unicode(value: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in value)
