"""What a witness puts under a signed head: that it saw this ledger only grow, and when (C2SP tlog-cosignature)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from andon.kernel.clock import SECOND_NS
from andon.kernel.errors import IntegrityError
from andon.kernel.signing import PublicKey, Signer, Verifier
from andon.ledger.note import (
    COSIGNATURE,
    Note,
    NoteSignature,
    check_name,
    note_id,
    note_key,
    parse_note,
    parse_note_key,
    parse_signatures,
    signature_line,
)

_TIME_BYTES: Final = 8
_SIGNATURE_BYTES: Final = 64
_MAX_S: Final = 2**63 // SECOND_NS


@dataclass(frozen=True, slots=True)
class WitnessKey:
    """A key whose cosignatures count.

    Attributes:
        name: The witness, under which name it also signs; one witness may have several keys, and counts once.
        verifier: Checks its signatures.
        from_ns: The first moment at which its word counts, in nanoseconds UTC.
        until_ns: The moment from which on it does not count any more; `None` for never.
    """

    name: str
    verifier: Verifier
    from_ns: int = 0
    until_ns: int | None = None

    def counts_at(self, at_ns: int) -> bool:
        """Whether what it says at this moment counts."""
        return self.from_ns <= at_ns and (self.until_ns is None or at_ns < self.until_ns)


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A cosignature that was verified and counts.

    Attributes:
        name: The witness.
        time_ns: When it signed, by its own clock, in nanoseconds UTC; whole seconds.
        line: The signature line, with its newline.
    """

    name: str
    time_ns: int
    line: str


def cosigner_key(name: str, public: PublicKey) -> str:
    """A witness's key as one line that other tools read: `name+id+key`.

    Raises:
        UsageError: The name is empty, or holds a space or a plus.
    """
    return note_key(name, public, COSIGNATURE)


def parse_cosigner_key(text: str) -> tuple[str, PublicKey]:
    """The name and the key of a witness's `name+id+key` line.

    Raises:
        IntegrityError: It is malformed, not a witness's, or its id is not the key's.
    """
    return parse_note_key(text, COSIGNATURE)


def cosign(note: str, name: str, signer: Signer, now_ns: int) -> str:
    """The line that a witness puts under a signed head. Whether it may is for `andon.ledger.witness` to say.

    Args:
        note: The signed head; the signatures under it are not part of what is cosigned.
        name: The witness.
        signer: Its key, which signs nothing else.
        now_ns: The time now; the cosignature carries its whole seconds.

    Raises:
        UsageError: The name cannot name a key.
        IntegrityError: The note is malformed.
    """
    check_name(name)
    seconds = now_ns // SECOND_NS
    value = seconds.to_bytes(_TIME_BYTES) + signer.sign(_signed(parse_note(note).text, seconds))
    return signature_line(NoteSignature(name, note_id(name, signer.public, COSIGNATURE), value))


def cosignatures(note: str, keys: Iterable[WitnessKey], answer: str | None = None) -> list[Cosignature]:
    """The cosignatures under a signed head that count: of a known key, right, and from its time.

    Lines of unknown keys are left out, as the format asks for.

    Args:
        note: The signed head with the lines under it.
        keys: Whose word counts.
        answer: The signature lines to look at in place of those under the note, such as a witness's answer.

    Raises:
        IntegrityError: The note or a line is malformed, or a known key's signature is wrong
            (`ledger.cosignature-wrong`).
    """
    parsed = parse_note(note)
    known = tuple(keys)
    signatures = parsed.signatures if answer is None else parse_signatures(answer) if answer else ()
    return [found for one in signatures for found in _counting(parsed, one, known)]


def count_witnesses(note: str, keys: Iterable[WitnessKey]) -> Mapping[str, int]:
    """The different witnesses that cosigned a head, each with the earliest time at which it did, in nanoseconds UTC.

    Args:
        note: The signed head with the lines under it.
        keys: Whose word counts.

    Raises:
        IntegrityError: The note or a line is malformed, or a known key's signature is wrong
            (`ledger.cosignature-wrong`).
    """
    return earliest(cosignatures(note, keys))


def earliest(found: Iterable[Cosignature]) -> dict[str, int]:
    """The earliest time of each witness, in nanoseconds UTC."""
    times: dict[str, int] = {}
    for one in found:
        times[one.name] = min(one.time_ns, times.get(one.name, one.time_ns))
    return times


def with_lines(note: str, lines: Iterable[str]) -> str:
    """The note with further signature lines under it."""
    return note + "".join(lines)


def _counting(note: Note, signature: NoteSignature, keys: tuple[WitnessKey, ...]) -> Iterator[Cosignature]:
    for key in keys:
        if signature.name != key.name or signature.note_id != note_id(key.name, key.verifier.public, COSIGNATURE):
            continue
        seconds = int.from_bytes(signature.value[:_TIME_BYTES])
        is_fit = len(signature.value) == _TIME_BYTES + _SIGNATURE_BYTES and seconds < _MAX_S
        if not is_fit or not key.verifier.verify(signature.value[_TIME_BYTES:], _signed(note.text, seconds)):
            raise _wrong(signature)
        if key.counts_at(seconds * SECOND_NS):
            yield Cosignature(key.name, seconds * SECOND_NS, signature_line(signature))
            return


def _signed(text: str, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


def _wrong(signature: NoteSignature) -> IntegrityError:
    return IntegrityError(
        "ledger.cosignature-wrong",
        "A witness's signature under this head is not over this head.",
        place=signature.name,
        found=f"a wrong signature of key {signature.note_id.hex()}",
        fix="Ask the witness for the head again; if it stays so, look for who changed the line.",
    )
