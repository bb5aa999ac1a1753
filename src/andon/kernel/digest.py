"""Identity: `sha256:` and 64 hex digits, of bytes or of a value's canonical JSON."""

import hashlib
import re
from typing import Final

from andon.kernel.canonical import Json, dumps
from andon.kernel.errors import InputError

Digest = str
_FORM: Final = re.compile(r"sha256:[0-9a-f]{64}")


def of_bytes(data: bytes) -> Digest:
    """The digest of bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def of_value(value: Json) -> Digest:
    """The digest of a JSON value: of its canonical bytes.

    Raises:
        InputError: The value has no canonical form.
    """
    return of_bytes(dumps(value))


def parse(text: str) -> Digest:
    """The same text, if it is a digest.

    Raises:
        InputError: It is not.
    """
    if not _FORM.fullmatch(text):
        raise InputError(
            "digest.malformed", "This is not a digest.", found=repr(text), fix="A digest is sha256: and 64 hex digits."
        )
    return text


def hex_of(digest: Digest) -> str:
    """The 64 hex digits of a digest."""
    return parse(digest).removeprefix("sha256:")


def short(digest: Digest) -> str:
    """The first twelve hex digits, for people; never for looking anything up."""
    return hex_of(digest)[:12]
