"""The signed note of C2SP: a text that people can read, and who signed it."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from andon.kernel.armour import unwrap, wrap
from andon.kernel.errors import AndonError, IntegrityError, UsageError
from andon.kernel.signing import PublicKey, Signer, Verifier, public_key

ED25519: Final = b"\x01"
COSIGNATURE: Final = b"\x04"
_ID_BYTES: Final = 4
_MAX_SIGNATURES: Final = 64
_SIGNATURE: Final = re.compile(r"— (?P<name>\S+) (?P<value>[A-Za-z0-9+/]+={0,2})")
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line: the key's name, its 4-byte id, and the signature."""

    name: str
    note_id: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A text that ends in a newline, and the signatures under it; nothing is verified yet."""

    text: str
    signatures: tuple[NoteSignature, ...]


def check_name(name: str) -> None:
    """Refuse what cannot name a key in a note.

    Raises:
        UsageError: The name is empty, or holds a space, a plus or a control character.
    """
    if not name or "+" in name or len(name.split()) != 1 or name != name.strip() or _CONTROL.search(name):
        raise UsageError(
            "ledger.note-name",
            "This cannot name a key in a signed note.",
            found=repr(name),
            fix="Use a name like example.com/log, without spaces and plus signs.",
        )


def note_id(name: str, public: PublicKey, kind: bytes = ED25519) -> bytes:
    """The 4 bytes that stand for a key in a note; a hint, never proof.

    Args:
        name: The key's name.
        public: The key.
        kind: The byte that says how it signs: `ED25519` over the text, or `COSIGNATURE` with a time.
    """
    return hashlib.sha256(name.encode() + b"\n" + kind + public.raw).digest()[:_ID_BYTES]


def note_key(name: str, public: PublicKey, kind: bytes = ED25519) -> str:
    """The key as one line that other tools read: `name+id+key`.

    Raises:
        UsageError: The name is empty, or holds a space or a plus.
    """
    check_name(name)
    return f"{name}+{note_id(name, public, kind).hex()}+{wrap(kind + public.raw)}"


def parse_note_key(text: str, kind: bytes = ED25519) -> tuple[str, PublicKey]:
    """The name and the key of a `name+id+key` line.

    Raises:
        IntegrityError: It is malformed, of a key that signs in another way, or its id is not the key's.
    """
    name, _, rest = text.partition("+")
    id_text, _, key_text = rest.partition("+")
    try:
        check_name(name)
        encoded = _bytes(key_text)
        public = public_key(encoded[1:])
    except AndonError as error:
        raise _malformed(f"key {text!r}") from error
    if encoded[:1] != kind or note_id(name, public, kind).hex() != id_text:
        raise _malformed(f"key {text!r}")
    return name, public


def sign_note(text: str, name: str, signer: Signer) -> str:
    """The text with one signature under it.

    Args:
        text: One or more lines, the last one ended by a newline.
        name: The key's name.
        signer: Who signs.

    Raises:
        UsageError: The name is not one, or the text is empty, unfinished or holds control characters.
    """
    check_name(name)
    if not text.endswith("\n") or _CONTROL.search(text):
        raise UsageError(
            "ledger.note-unfit",
            "This text cannot be a signed note.",
            found=repr(text[-40:]),
            fix="End it with a newline and leave out control characters.",
        )
    made = NoteSignature(name, note_id(name, signer.public), signer.sign(text.encode()))
    return f"{text}\n{signature_line(made)}"


def signature_line(signature: NoteSignature) -> str:
    """One signature as it stands under a note, with the newline that ends it."""
    return f"— {signature.name} {wrap(signature.note_id + signature.value)}\n"


def parse_note(note: str) -> Note:
    """Take a signed note apart, without believing it.

    Raises:
        IntegrityError: It is not a signed note.
    """
    text, blank, tail = note.rpartition("\n\n")
    if not blank or _CONTROL.search(note):
        raise _malformed(repr(note[:60]))
    return Note(text + "\n", parse_signatures(tail))


def parse_signatures(lines: str) -> tuple[NoteSignature, ...]:
    """Take signature lines apart, each ended by a newline; at least one, at most 64.

    Raises:
        IntegrityError: One of them is not a signature line.
    """
    found = lines.split("\n")
    if found.pop() or not 0 < len(found) <= _MAX_SIGNATURES:
        raise _malformed(repr(lines[:60]))
    return tuple(_signature(line) for line in found)


def verify_note(note: str, name: str, verifiers: Iterable[Verifier]) -> str:
    """The text of a note, if one of these keys signed it under this name.

    Raises:
        IntegrityError: It is malformed, none of the keys signed it, or the signature of one of them is wrong.
    """
    parsed = parse_note(note)
    known = {note_id(name, verifier.public): verifier for verifier in verifiers}
    is_signed = False
    for signature in parsed.signatures:
        verifier = known.get(signature.note_id) if signature.name == name else None
        if verifier is None:
            continue
        if not verifier.verify(signature.value, parsed.text.encode()):
            raise _unsigned(name, "a wrong signature")
        is_signed = True
    if not is_signed:
        raise _unsigned(name, "no signature of a known key")
    return parsed.text


def _signature(line: str) -> NoteSignature:
    match = _SIGNATURE.fullmatch(line)
    value = _bytes(match["value"]) if match else b""
    if match is None or len(value) <= _ID_BYTES:
        raise _malformed(f"signature line {line!r}")
    return NoteSignature(match["name"], value[:_ID_BYTES], value[_ID_BYTES:])


def _bytes(text: str) -> bytes:
    try:
        return unwrap(text)
    except AndonError as error:
        raise _malformed(repr(text)) from error


def _malformed(found: str) -> IntegrityError:
    return IntegrityError(
        "ledger.note-malformed",
        "This is not a signed note.",
        found=found,
        fix="Get the file again from where it was written.",
    )


def _unsigned(name: str, found: str) -> IntegrityError:
    return IntegrityError(
        "ledger.note-unsigned",
        "This note is not signed by whom it must be.",
        place=name,
        found=found,
        fix="Get it from the ledger itself, and check the log's key in the trust root.",
    )
