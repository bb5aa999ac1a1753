"""Readers of dataclasses, put together once for each class: what they read is right; why not, they do not say."""

import types
from collections.abc import Callable, Hashable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, Final, Literal, Union, cast, get_args, get_origin, get_type_hints

Reader = Callable[[Any], Any]
LATER: Final = {"later": True}
"""Metadata of a member that came later: with its default it is not written, so that records stay as they were."""


class OddError(Exception):
    """Something is not what it must be, or is better read slowly."""


@cache
def members_of(kind: Hashable) -> Mapping[str, Any]:
    """The members of a dataclass with their types."""
    hints = get_type_hints(cast("type", kind))
    return {field.name: hints[field.name] for field in fields(cast("Any", kind))}


@cache
def later_of(kind: Hashable) -> Mapping[str, Any]:
    """The members of a dataclass that records of before lack, with their defaults."""
    return {field.name: field.default for field in fields(cast("Any", kind)) if field.metadata.get("later")}


@cache
def names_of(kind: type) -> tuple[tuple[str, bool], ...]:
    """The names of a dataclass's members, and whether each is a time or a length of time in nanoseconds."""
    return tuple((field.name, field.name.endswith("_ns")) for field in fields(kind))


@cache
def reader_of(kind: Hashable) -> Reader:
    """The reader of a dataclass, from what JSON makes of its members.

    It raises `OddError` for what is not of that class, and whatever the class itself raises.
    """
    readers = {name: _reader(hint, is_ns=name.endswith("_ns")) for name, hint in members_of(kind).items()}
    names, make = readers.keys(), cast("Callable[..., Any]", kind)

    def read(value: Any) -> Any:  # noqa: ANN401  # any JSON
        if type(value) is not dict or value.keys() != names:
            raise OddError
        return make(**{name: reader(value[name]) for name, reader in readers.items()})

    return read


def _reader(hint: Any, *, is_ns: bool) -> Reader:  # noqa: ANN401  # any annotation
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _of_union(hint, is_ns=is_ns)
    if origin is Literal:
        return _of_texts(frozenset(text for text in get_args(hint) if isinstance(text, str)))
    if origin is tuple and get_args(hint)[1:] == (Ellipsis,):
        return _of_items(_reader(get_args(hint)[0], is_ns=is_ns))
    if origin in (Mapping, dict):
        return _of_mapping(get_args(hint)[1])
    if origin in (tuple, list):
        return _odd
    if isinstance(hint, type) and is_dataclass(hint):
        return _of_class(hint)
    return _of_scalar(hint, is_ns=is_ns)


def _of_class(kind: type) -> Reader:
    def read(value: Any) -> Any:  # noqa: ANN401  # any JSON
        return reader_of(kind)(value)  # asked for late: a class may hold others of its own

    return read


def _odd(_: Any) -> Any:  # noqa: ANN401  # any JSON
    raise OddError


def _of_texts(known: frozenset[str]) -> Reader:
    def read(value: Any) -> Any:  # noqa: ANN401  # any JSON
        if type(value) is str and value in known:
            return value
        raise OddError

    return read


def _of_items(one: Reader) -> Reader:
    def read(value: Any) -> tuple[Any, ...]:  # noqa: ANN401  # any JSON
        if type(value) is not list:
            raise OddError
        return tuple([one(item) for item in value])

    return read


def _of_mapping(inner: Any) -> Reader:  # noqa: ANN401  # any annotation
    if get_origin(inner) in (Union, types.UnionType):
        return _of_type(dict)  # any JSON, which it is
    one = _reader(inner, is_ns=False)

    def read(value: Any) -> dict[str, Any]:  # noqa: ANN401  # any JSON
        if type(value) is not dict:
            raise OddError
        return {name: one(item) for name, item in value.items()}

    return read


def _of_union(hint: Any, *, is_ns: bool) -> Reader:  # noqa: ANN401  # any annotation
    may_be_none = type(None) in get_args(hint)
    choices = [_reader(choice, is_ns=is_ns) for choice in get_args(hint) if choice is not type(None)]
    if len(choices) != 1:
        return _odd  # which of several it is, is found out slowly
    (one,) = choices
    return lambda value: None if value is None and may_be_none else one(value)


def _of_scalar(hint: Any, *, is_ns: bool) -> Reader:  # noqa: ANN401  # any annotation
    if hint is int and is_ns:
        return _read_ns
    if hint is float:
        return _read_float
    return _of_type(hint) if hint in (str, int, bool) else lambda value: value


def _read_ns(value: Any) -> int:  # noqa: ANN401  # any JSON
    if type(value) is str and value.lstrip("-").isdigit():
        return int(value)
    raise OddError


def _read_float(value: Any) -> float:  # noqa: ANN401  # any JSON
    if type(value) is float or type(value) is int:
        return float(value)
    raise OddError


def _of_type(kind: type) -> Reader:
    def read(value: Any) -> Any:  # noqa: ANN401  # any JSON
        if type(value) is not kind:
            raise OddError
        return value

    return read
