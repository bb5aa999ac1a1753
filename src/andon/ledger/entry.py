"""One line of the ledger: when, what kind of decision, and the digest of the signed statement."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from andon.kernel.canonical import dumps
from andon.kernel.digest import Digest, parse
from andon.kernel.errors import AndonError, IntegrityError

_KIND_FORM: Final = r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*"
_KIND: Final = re.compile(_KIND_FORM)
# The whole canonical form in one pattern: an audit reads millions of leaves, and there is one way to write each.
_FORM: Final = (
    r'\{"index":(?P<index>0|[1-9][0-9]{0,15}),"kind":"(?P<kind>' + _KIND_FORM + r')",'
    r'"statement":"(?P<statement>sha256:[0-9a-f]{64})","time_ns":"(?P<time_ns>0|[1-9][0-9]{0,18})"\}'
)
_LEAF: Final = re.compile(_FORM.encode())
_MAX_INDEX: Final = 2**53 - 1
_MAX_NS: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Entry:
    """One decision, as the ledger keeps it.

    Attributes:
        index: Its place, counted from 0.
        time_ns: When it was appended.
        kind: What was decided, such as `gate-verdict`.
        statement: Digest of the sealed statement.
    """

    index: int
    time_ns: int
    kind: str
    statement: Digest

    def __post_init__(self) -> None:
        """Refuse what could not be read back.

        Raises:
            IntegrityError: The index, the time, the kind or the digest is malformed.
        """
        if not 0 <= self.index <= _MAX_INDEX or not 0 <= self.time_ns <= _MAX_NS:
            raise _malformed(f"index {self.index}, time {self.time_ns}")
        if not _KIND.fullmatch(self.kind):
            raise _malformed(f"kind {self.kind!r}")
        try:
            parse(self.statement)
        except AndonError as error:
            raise _malformed(f"statement {self.statement!r}") from error


def leaf_bytes(entry: Entry) -> bytes:
    """The canonical bytes that the tree hashes; the time is text, because a double cannot hold it."""
    return dumps(
        {
            "index": entry.index,
            "kind": entry.kind,
            "statement": entry.statement,
            "time_ns": str(entry.time_ns),
        }
    )


def parse_leaf(leaf: bytes) -> Entry:
    """Read what `leaf_bytes` wrote.

    Raises:
        IntegrityError: The bytes are anything else.
    """
    match = _LEAF.fullmatch(leaf)
    if match is None:
        raise _malformed(repr(leaf[:60]))
    return Entry(int(match["index"]), int(match["time_ns"]), match["kind"].decode(), match["statement"].decode())


def times_in_order(leaves: Sequence[bytes], first: int) -> list[int] | None:
    """The times of leaves that are all well-formed and stand in order, without making an `Entry` of each.

    An audit reads a sound ledger this way; where the answer is None it reads leaf by leaf and says what is wrong.

    Args:
        leaves: What is stored.
        first: The index that the first of them must have; each next one has the next.

    Returns:
        What `parse_leaf` would have read as `time_ns`, in nanoseconds; None where it would have refused one, where an
        index is not its place, or where a time is before the one before it.
    """
    read = _LEAF.fullmatch
    times: list[int] = []
    last = 0
    for index, leaf in enumerate(leaves, first):
        match = read(leaf)
        if match is None or int(match[1]) != index:
            return None
        now = int(match[4])
        if now < last:
            return None
        times.append(now)
        last = now
    # The bounds that the pattern alone does not hold; in order, the last one is the greatest.
    return times if last <= _MAX_NS and first + len(leaves) - 1 <= _MAX_INDEX else None


def _malformed(found: str) -> IntegrityError:
    return IntegrityError(
        "ledger.entry-malformed",
        "This is not a ledger entry.",
        found=found,
        fix="Restore the ledger from a copy whose checkpoint verifies.",
    )
