"""Under which bytes the online store keeps a block."""

from collections.abc import Sequence
from hashlib import sha256

from andon.expressions.row import Value

PREFIX_BYTES = 16
_LONGEST = 400
_NUMBER_BYTES = 8


def block_key(prefix: bytes, parts: Sequence[Value], span: int) -> bytes:
    """The key of a block.

    Args:
        prefix: That of its group, `PREFIX_BYTES` long.
        parts: The values of the key columns, none of them null.
        span: The number of its stretch of time.
    """
    told = [prefix, span.to_bytes(_NUMBER_BYTES, "big", signed=True)]
    for part in parts:
        if isinstance(part, str):
            text = part.encode()
            told += [len(text).to_bytes(4, "big"), text]
        elif isinstance(part, bytes | tuple):
            raise TypeError(part)
        else:
            told.append(int(part or 0).to_bytes(_NUMBER_BYTES, "big", signed=True))
    whole = b"".join(told)
    return whole if len(whole) <= _LONGEST else prefix + sha256(whole).digest()
