"""Strict reading of signed JSON: every member known, every value of the type it must have."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from andon.kernel.canonical import Json, loads
from andon.kernel.errors import AndonError, IntegrityError

_DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@/-]{0,127}")
_MAX_NS: Final = 2**63 - 1


def document(data: bytes, place: str) -> Json:
    """The value of canonical JSON bytes.

    Raises:
        IntegrityError: They are anything else.
    """
    try:
        return loads(data)
    except AndonError as error:
        raise malformed(place, error.found) from error
    except RecursionError as error:
        raise malformed(place, "lists or objects nested too deep") from error


def members(value: Json, names: Collection[str], place: str) -> Mapping[str, Json]:
    """The object with exactly these members.

    Raises:
        IntegrityError: It is not an object, a member is missing, or there is one more.
    """
    if not isinstance(value, Mapping):
        raise malformed(place, f"{value!r:.60}")
    if set(value) != set(names):
        raise malformed(place, f"members {', '.join(sorted(value))}; expected {', '.join(sorted(names))}")
    return value


def items(value: Json, place: str) -> Sequence[Json]:
    """The list.

    Raises:
        IntegrityError: It is not one.
    """
    if not isinstance(value, list):
        raise malformed(place, f"{value!r:.60}")
    return value


def text(value: Json, place: str) -> str:
    """The text, which is not empty.

    Raises:
        IntegrityError: It is empty or not text.
    """
    if not isinstance(value, str) or not value:
        raise malformed(place, f"{value!r:.60}")
    return value


def name(value: Json, place: str) -> str:
    """The text, if it can be a name: letters, digits and `. _ @ / -`, at most 128.

    Raises:
        IntegrityError: It cannot.
    """
    found = text(value, place)
    if not _NAME.fullmatch(found):
        raise malformed(place, f"{found!r:.60}")
    return found


def count(value: Json, place: str) -> int:
    """The whole number, 0 or more.

    Raises:
        IntegrityError: It is negative or not a whole number.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise malformed(place, f"{value!r:.60}")
    return value


def moment_ns(value: Json, place: str) -> int:
    """The time written as decimal text, in nanoseconds since 1970 in UTC.

    Raises:
        IntegrityError: It is not one, or beyond what 63 bits hold.
    """
    found = text(value, place)
    if not _DECIMAL.fullmatch(found) or int(found) > _MAX_NS:
        raise malformed(place, f"{found!r:.60}")
    return int(found)


def malformed(place: str, found: str) -> IntegrityError:
    """The refusal of a signed document that is not what it must be."""
    return IntegrityError(
        "attest.malformed",
        "This signed document is malformed.",
        place=place,
        found=found,
        fix="Get it again from where it was written; do not mend it by hand.",
    )
