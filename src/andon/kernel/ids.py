"""Names for things that happen: UUID version 7, which sort by time."""

import os
import uuid
from typing import Final

from andon.kernel.errors import UsageError

ENTROPY_BYTES: Final = 8
_MILLISECOND_NS: Final = 1_000_000
_LAST_MS: Final = (1 << 48) - 1


def new_id(now_ns: int, entropy: bytes) -> str:
    """A UUID version 7 (RFC 9562): milliseconds, then the fraction of one in 12 bits, then 62 random bits.

    Args:
        now_ns: The time, in nanoseconds since 1970 in UTC.
        entropy: At least 8 random bytes; the first 8 are used.

    Raises:
        UsageError: There is too little entropy, or the time does not fit into 48 bits of milliseconds.
    """
    milliseconds, rest = divmod(now_ns, _MILLISECOND_NS)
    if len(entropy) < ENTROPY_BYTES or not 0 <= milliseconds <= _LAST_MS:
        raise UsageError(
            "ids.not-enough",
            "An id needs a time after 1970 and 8 random bytes.",
            found=f"{len(entropy)} bytes, {now_ns} ns",
            fix="Pass kernel.ids.system_entropy(8) and the clock's time.",
        )
    fraction = (rest << 12) // _MILLISECOND_NS
    random_bits = int.from_bytes(entropy[:ENTROPY_BYTES]) & ((1 << 62) - 1)
    return str(uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | random_bits))


def system_entropy(size_bytes: int) -> bytes:
    """Random bytes from the operating system, fit for keys."""
    return os.urandom(size_bytes)
