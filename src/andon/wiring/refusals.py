"""Refusals on their way between processes: written with their kind, and raised again at the other end as they were."""

from collections.abc import Mapping
from typing import Final

from andon.kernel.canonical import Json
from andon.kernel.errors import (
    AndonError,
    ConflictError,
    InputError,
    IntegrityError,
    RefusedError,
    UsageError,
    WaitingError,
)

_PARTS: Final = ("code", "message", "place", "found", "fix")
_KINDS: Final[Mapping[str, type[AndonError]]] = {
    kind.__name__: kind
    for kind in (UsageError, InputError, IntegrityError, ConflictError, WaitingError, RefusedError, AndonError)
}


def refusal_to_json(error: AndonError) -> dict[str, Json]:
    """A refusal as JSON; a room's own kind is written as the kind of the tree that it belongs to."""
    kind = next(one.__name__ for one in type(error).__mro__ if one.__name__ in _KINDS)
    return {"kind": kind, **{part: str(getattr(error, part)) for part in _PARTS}}


def refusal_from_json(value: Json) -> AndonError:
    """The refusal that was written; whatever is missing in it is empty."""
    told = value if isinstance(value, Mapping) else {}
    kind = _KINDS.get(str(told.get("kind")), InputError)
    texts = {name: str(told.get(name, "")) for name in _PARTS[2:]}
    return kind(str(told.get("code", "child.vanished")), str(told.get("message", "")), **texts)
