"""Canonical JSON (RFC 8785): one value, one sequence of bytes.

Numbers follow ECMAScript as the RFC demands. NaN, the infinities, integers that a double cannot hold exactly and keys
that are not strings are refused, so that whatever is hashed or signed reads the same everywhere.
"""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from json.encoder import encode_basestring as _quote
from typing import Any, Final

from andon.kernel.errors import InputError

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]
_SAFE_INTEGER: Final = 2**53 - 1
_ESCAPES: Final = re.compile(r'[\x00-\x1f"\\]')
_SHORT: Final = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}


def dumps(value: Json) -> bytes:
    """The canonical bytes of a JSON value, in UTF-8.

    Raises:
        InputError: The value holds NaN, an infinity, an integer beyond 2**53 - 1, a lone surrogate or something that is
            not JSON.
    """
    try:
        return _quick(value).encode()
    except (_NotQuickError, TypeError, UnicodeEncodeError):
        return _slow(value)  # it knows types of other makers, and says where and why a value cannot be written


def joined(members: Mapping[str, bytes]) -> bytes:
    """The canonical bytes of an object whose members are written already, each as `dumps` wrote it."""
    names = sorted(members, key=_utf16)
    return b"{" + b",".join([dumps(name) + b":" + members[name] for name in names]) + b"}"


def loads(data: bytes) -> Json:
    """The value of JSON bytes, refusing what `dumps` would not have written.

    Raises:
        InputError: The bytes are not canonical JSON: other spacing, order, number format or a doubled key.
    """
    try:
        value, written = _read(data)
    except (ValueError, RecursionError) as error:
        raise InputError(
            "canonical.not-json",
            "These bytes are not JSON.",
            found=repr(data[:60]),
            fix="Check where the file came from.",
        ) from error
    if written != data:
        raise InputError(
            "canonical.not-canonical",
            "These bytes are JSON, but not in canonical form.",
            found=repr(data[:60]),
            fix="Write the value with andon.kernel.canonical.dumps.",
        )
    return value


def _read(data: bytes) -> tuple[Json, bytes]:
    """The value of JSON bytes, and the bytes that `dumps` writes for it."""
    value: Json = json.loads(data)
    try:
        return value, _quick(value).encode()
    except (_NotQuickError, UnicodeEncodeError):  # among others an integer beyond 2**53 - 1
        value = json.loads(data, parse_int=_read_integer)
        return value, dumps(value)


def _read_integer(text: str) -> int | float:
    """An integer, or the double that ECMAScript writes without a point although it is beyond 2**53 - 1."""
    number = int(text)
    return number if abs(number) <= _SAFE_INTEGER else float(text)


class _NotQuickError(Exception):
    """Something that the quick way leaves to the slow one."""


def _quick(value: object) -> str:
    """The text of what is made of Python's own types only: the same as `_slow` writes, several times sooner."""
    try:
        return _WRITERS[type(value)](value)
    except KeyError as error:
        raise _NotQuickError from error


def _quick_object(value: dict[str, object]) -> str:
    """Names in the order of their UTF-16 units, which for ASCII is that of the text; a name that is no text raises."""
    names = sorted(value) if "".join(value).isascii() else sorted(value, key=_utf16)
    return "{" + ",".join([f"{_quote(name)}:{_WRITERS[type(value[name])](value[name])}" for name in names]) + "}"


def _quick_array(value: Sequence[object]) -> str:
    return "[" + ",".join([_WRITERS[type(item)](item) for item in value]) + "]"


def _quick_integer(value: int) -> str:
    if -_SAFE_INTEGER <= value <= _SAFE_INTEGER:
        return str(value)
    raise _NotQuickError


def _quick_float(value: float) -> str:
    if math.isfinite(value):
        return _float(value, "$")
    raise _NotQuickError


_WRITERS: Final[Mapping[type, Callable[[Any], str]]] = {
    str: _quote,
    int: _quick_integer,
    float: _quick_float,
    dict: _quick_object,
    list: _quick_array,
    tuple: _quick_array,
    bool: {True: "true", False: "false"}.__getitem__,
    type(None): {None: "null"}.__getitem__,
}


def _slow(value: object) -> bytes:
    parts: list[str] = []
    _write(value, parts, "$")
    try:
        return "".join(parts).encode()
    except UnicodeEncodeError as error:
        raise _refuse("$", "text with a lone surrogate") from error


def _write(value: object, parts: list[str], place: str) -> None:
    if value is None:
        parts.append("null")
    elif isinstance(value, bool):
        parts.append("true" if value else "false")
    elif isinstance(value, str):
        parts.append(_text(value))
    elif isinstance(value, int):
        parts.append(_integer(value, place))
    elif isinstance(value, float):
        parts.append(_float(value, place))
    elif isinstance(value, Mapping):
        _write_object(value, parts, place)
    elif isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        _write_array(value, parts, place)
    else:
        raise _refuse(place, type(value).__name__)


def _write_object(value: Mapping[object, object], parts: list[str], place: str) -> None:
    names = [name for name in value if isinstance(name, str)]
    if len(names) != len(value):
        raise _refuse(place, "a key that is not text")
    separator = "{"
    for name in sorted(names, key=_utf16):
        parts.append(f"{separator}{_text(name)}:")
        _write(value[name], parts, f"{place}.{name}")
        separator = ","
    parts.append("}" if separator == "," else "{}")


def _write_array(value: Sequence[object], parts: list[str], place: str) -> None:
    separator = "["
    for index, item in enumerate(value):
        parts.append(separator)
        _write(item, parts, f"{place}[{index}]")
        separator = ","
    parts.append("]" if separator == "," else "[]")


def _utf16(name: str) -> bytes:
    return name.encode("utf-16-be", "surrogatepass")


def _text(value: str) -> str:
    return '"' + _ESCAPES.sub(lambda match: _SHORT.get(match[0]) or f"\\u{ord(match[0]):04x}", value) + '"'


def _integer(value: int, place: str) -> str:
    if abs(value) > _SAFE_INTEGER:
        raise _refuse(place, f"{value}, which a double cannot hold; write it as text")
    return str(int(value))


def _float(value: float, place: str) -> str:
    """ECMA-262 Number::toString, from Python's shortest round-trip digits."""
    if not math.isfinite(value):
        raise _refuse(place, repr(value))
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, _, exponent_text = f"{abs(value)!r}".partition("e")
    whole, _, fraction = mantissa.partition(".")
    fraction = "" if fraction == "0" else fraction
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent_text or 0)
    if whole.strip("0") == "":
        point -= len(whole) + len(fraction) - len(fraction.lstrip("0"))
    return sign + _layout(digits.rstrip("0"), point)


def _layout(digits: str, point: int) -> str:
    count = len(digits)
    if count <= point <= 21:
        return digits + "0" * (point - count)
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"0.{'0' * -point}{digits}"
    tail = f".{digits[1:]}" if count > 1 else ""
    return f"{digits[0]}{tail}e{'+' if point > 0 else '-'}{abs(point - 1)}"


def _refuse(place: str, found: str) -> InputError:
    return InputError(
        "canonical.not-json",
        "This value has no canonical JSON form.",
        place=place,
        found=found,
        fix="Use text, finite numbers, true, false, null, lists and objects.",
    )
