"""The W3C traceparent: which work belongs together, across processes and waits."""

import re
from typing import Final

from andon.kernel.errors import InputError, UsageError

TRACE_BYTES: Final = 16
SPAN_BYTES: Final = 8
_FORM: Final = re.compile(r"00-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})")


def traceparent(trace_id: str, span_id: str, *, is_sampled: bool = True) -> str:
    """The header that names a trace and one span in it.

    Args:
        trace_id: 32 hex digits, not all zero.
        span_id: 16 hex digits, not all zero.
        is_sampled: Whether the spans are kept.

    Raises:
        InputError: One of the ids is malformed or all zero.
    """
    text = f"00-{trace_id}-{span_id}-{1 if is_sampled else 0:02x}"
    _parse(text)
    return text


def new_trace(entropy: bytes) -> str:
    """The traceparent of a new trace, from 24 random bytes.

    Raises:
        UsageError: There are fewer than 24 bytes.
        InputError: The bytes are all zero, which no random source gives.
    """
    _need(entropy, TRACE_BYTES + SPAN_BYTES)
    return traceparent(entropy[:TRACE_BYTES].hex(), entropy[TRACE_BYTES : TRACE_BYTES + SPAN_BYTES].hex())


def child_of(parent: str, entropy: bytes) -> str:
    """The traceparent of a new span in the same trace, from 8 random bytes; whether it is sampled is inherited.

    Raises:
        UsageError: There are fewer than 8 bytes.
        InputError: The parent is not a traceparent.
    """
    _need(entropy, SPAN_BYTES)
    match = _parse(parent)
    is_sampled = bool(int(match["flags"], 16) & 1)
    return traceparent(match["trace"], entropy[:SPAN_BYTES].hex(), is_sampled=is_sampled)


def trace_id_of(text: str) -> str:
    """The trace that a traceparent names, 32 hex digits.

    Raises:
        InputError: The text is not a traceparent.
    """
    return _parse(text)["trace"]


def span_id_of(text: str) -> str:
    """The span that a traceparent names, 16 hex digits.

    Raises:
        InputError: The text is not a traceparent.
    """
    return _parse(text)["span"]


def _parse(text: str) -> re.Match[str]:
    match = _FORM.fullmatch(text)
    if match is None or not match["trace"].strip("0") or not match["span"].strip("0"):
        raise InputError(
            "trace.malformed",
            "This is not a W3C traceparent of version 00.",
            found=repr(text),
            fix="Leave it out, and a new trace begins.",
        )
    return match


def _need(entropy: bytes, size_bytes: int) -> None:
    if len(entropy) < size_bytes:
        raise UsageError(
            "trace.not-enough",
            "A trace or span id needs more random bytes.",
            found=f"{len(entropy)} of {size_bytes} bytes",
            fix="Pass kernel.ids.system_entropy.",
        )
