"""Bytes as text: base64 that can be written in one way only."""

import base64
import binascii

from andon.kernel.errors import InputError


def wrap(data: bytes) -> str:
    """The bytes as standard base64 text, padded."""
    return base64.b64encode(data).decode()


def unwrap(text: str) -> bytes:
    """The bytes of base64 text, refusing what `wrap` would not have written.

    Raises:
        InputError: The text holds other characters, lacks padding, or has stray bits at its end.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if wrap(data) != text:
        raise InputError(
            "armour.not-base64",
            "This is not base64 text.",
            found=repr(text[:60]),
            fix="Copy it again from where it came.",
        )
    return data
