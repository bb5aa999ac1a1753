"""Frozen dataclasses to canonical JSON and back, strictly: every member named, typed and known."""

import types
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import is_dataclass
from typing import Any, Final, Literal, TypeVar, Union, cast, get_args, get_origin

from andon.contracts.wire_reader import OddError, later_of, members_of, names_of, reader_of
from andon.kernel.canonical import Json
from andon.kernel.errors import InputError

T = TypeVar("T")
_PLAIN: Final = (str, int, float, bool)


def to_json(value: object) -> Json:
    """A value of dataclasses, tuples and scalars as JSON; integers whose field ends in `_ns` become text.

    Nanoseconds since 1970 do not fit into the integers that JSON keeps exactly.
    """
    if value is None or type(value) in _PLAIN:
        return cast("Json", value)
    if is_dataclass(value) and not isinstance(value, type):
        kind = type(value)
        found = {name: _number_text(getattr(value, name), is_ns=is_ns) for name, is_ns in names_of(kind)}
        for name, default in later_of(kind).items():
            if getattr(value, name) == default:
                del found[name]
        return found
    if isinstance(value, Mapping):
        return {str(name): to_json(item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return [to_json(item) for item in value]
    return cast("Json", value)


def from_json(kind: type[T], value: Json, place: str = "$") -> T:
    """Read what `to_json` wrote, as an instance of the dataclass `kind`.

    Raises:
        InputError: A member is missing, unknown or of the wrong type; `place` says which.
    """
    try:
        return cast("T", reader_of(cast("Hashable", kind))(value))
    except (OddError, InputError, TypeError, ValueError):
        return _read_members(kind, value, place)  # it says what is wrong, and where


def _read_members(kind: type[T], value: Json, place: str) -> T:
    if not isinstance(value, dict):
        raise _malformed(place, value, "an object")
    hints = members_of(cast("Hashable", kind))
    if odd := sorted((set(hints) ^ set(value)) - (set(later_of(cast("Hashable", kind))) - set(value))):
        raise _malformed(place, odd, f"exactly the members of {kind.__name__}")
    members = {name: hint for name, hint in hints.items() if name in value}
    return kind(**{name: _read(hint, value[name], f"{place}.{name}", name) for name, hint in members.items()})


def _number_text(value: object, *, is_ns: bool) -> Json:
    if is_ns and isinstance(value, int):
        return str(value)
    return to_json(value)


def _read(hint: Any, value: Any, place: str, name: str) -> Any:  # noqa: ANN401  # any annotation, any JSON
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _read_union(hint, value, place, name)
    if origin is Literal:
        return _known(value in get_args(hint) and isinstance(value, str), value, place, str(get_args(hint)))
    if origin is tuple:
        return _read_tuple(hint, value, place, name)
    if origin in (Mapping, dict):
        return _read_mapping(hint, value, place)
    if origin is list:
        _known(isinstance(value, list), value, place, "a list")
        return [_read(get_args(hint)[0], item, f"{place}[{index}]", name) for index, item in enumerate(value)]
    if isinstance(hint, type) and is_dataclass(hint):
        return _read_members(hint, value, place)
    return _read_scalar(hint, value, place, name)


def _read_mapping(hint: Any, value: Any, place: str) -> dict[str, Any]:  # noqa: ANN401  # any annotation, any JSON
    _known(isinstance(value, dict), value, place, "an object")
    kind = get_args(hint)[1]
    if get_origin(kind) in (Union, types.UnionType):
        return cast("dict[str, Any]", value)  # any JSON, which it is
    return {key: _read(kind, item, f"{place}.{key}", "") for key, item in value.items()}


def _read_union(hint: Any, value: Any, place: str, name: str) -> Any:  # noqa: ANN401  # any annotation, any JSON
    if value is None and type(None) in get_args(hint):
        return None
    choices = [choice for choice in get_args(hint) if choice is not type(None)]
    for choice in choices:
        try:
            return _read(choice, value, place, name)
        except InputError:
            if choice is choices[-1]:
                raise
    raise _malformed(place, value, str(hint))


def _read_tuple(hint: Any, value: Any, place: str, name: str) -> tuple[Any, ...]:  # noqa: ANN401  # any annotation, any JSON
    inner = get_args(hint)
    _known(isinstance(value, Sequence) and not isinstance(value, str), value, place, "a list")
    if len(inner) == 2 and inner[1] is Ellipsis:
        return tuple(_read(inner[0], item, f"{place}[{index}]", name) for index, item in enumerate(value))
    _known(len(inner) == len(value), value, place, f"a list of {len(inner)}")
    return tuple(
        _read(kind, item, f"{place}[{i}]", name) for i, (kind, item) in enumerate(zip(inner, value, strict=True))
    )


def _read_scalar(hint: Any, value: Any, place: str, name: str) -> Any:  # noqa: ANN401  # any annotation, any JSON
    if hint is int and name.endswith("_ns") and isinstance(value, str) and value.lstrip("-").isdigit():
        return int(value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint in (str, int, float, bool):
        return _known(type(value) is hint and not (hint is int and name.endswith("_ns")), value, place, hint.__name__)
    return value


def _known(holds: bool, value: Any, place: str, wanted: str) -> Any:  # noqa: ANN401  # any annotation, any JSON
    if not holds:
        raise _malformed(place, value, wanted)
    return value


def _malformed(place: str, found: object, wanted: str) -> InputError:
    return InputError(
        "wire.malformed",
        f"This value is not {wanted}.",
        place=place,
        found=repr(found)[:120],
        fix="Write it with the same version of andon that reads it.",
    )
