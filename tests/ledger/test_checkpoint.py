"""Signed heads, against a real log's and against tampering."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.adapters.keys import verifier
from andon.kernel.errors import AndonError, IntegrityError, UsageError
from andon.ledger.checkpoint import Checkpoint, parse, sign, verify
from andon.ledger.merkle import root
from andon.ledger.note import note_key, parse_note, parse_note_key, sign_note, verify_note

LOG_KEY = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"
HEAD = Checkpoint("example.com/flights", 7, hashlib.sha256(b"root").digest())


def test_every_checkpoint_of_a_real_log_verifies_and_names_the_root_of_its_tiles(vectors):
    name, public = parse_note_key(LOG_KEY)
    checkpoints = sorted((vectors / "tessera-log").glob("checkpoint*"))
    assert len(checkpoints) == 17
    for path in checkpoints:
        head = verify(path.read_text(), name, [verifier(public)])
        if head.size:
            tile = (vectors / "tessera-log" / "tile" / "0" / "000.p" / str(head.size)).read_bytes()
            assert head.root == root([tile[at : at + 32] for at in range(0, len(tile), 32)])


def test_an_edited_checkpoint_of_a_real_log_is_refused(vectors):
    name, public = parse_note_key(LOG_KEY)
    note = (vectors / "tessera-log" / "checkpoint.12").read_text()
    for edited in (
        note.replace("\n12\n", "\n13\n"),
        note.replace("uZo6", "uZo7"),
        note.replace("testdata\n12", "x\n12"),
    ):
        assert edited != note
        with pytest.raises(IntegrityError):
            verify(edited, name, [verifier(public)])


def test_a_key_line_of_a_real_log_reads_and_writes_back():
    name, public = parse_note_key(LOG_KEY)
    assert name == "example.com/log/testdata"
    assert note_key(name, public) == LOG_KEY


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx",
        LOG_KEY.replace("33d7b496", "33d7b497"),
        LOG_KEY.replace("testdata", "testdate"),
        LOG_KEY.replace("+AeHT", "+AuHT"),
        LOG_KEY[:-4],
        LOG_KEY + "=",
    ],
)
def test_a_damaged_key_line_is_refused(text):
    with pytest.raises(IntegrityError):
        parse_note_key(text)


def test_the_specifications_own_note_parses():
    note = (
        "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n"
        "— quasimodo.example/salvatore "
        "NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n"
    )
    parsed = parse_note(note)
    assert parsed.text.endswith("sera.\n")
    assert [signature.note_id.hex() for signature in parsed.signatures] == ["367ba04b"]
    assert [len(signature.value) for signature in parsed.signatures] == [64]


@given(
    origin=st.from_regex(r"[a-z.]{1,20}(/[a-z0-9-]{1,10})?", fullmatch=True),
    size=st.integers(0, 2**62),
    seed=st.binary(max_size=4),
)
@settings(max_examples=40, deadline=None)
def test_a_signed_checkpoint_verifies_and_reads_back(signer_of, verifiers_of, origin, size, seed):
    head = Checkpoint(origin, size, hashlib.sha256(seed).digest())
    note = sign(head, signer_of(1))
    assert parse(note) == head
    assert verify(note, origin, verifiers_of(signer_of(1), signer_of(2)).values()) == head


def test_every_changed_character_is_refused(signer_of, verifiers_of):
    note = sign(HEAD, signer_of(1))
    trusted = list(verifiers_of(signer_of(1)).values())
    for place, character in enumerate(note):
        changed = note[:place] + ("B" if character == "A" else "A") + note[place + 1 :]
        with pytest.raises(AndonError):
            verify(changed, HEAD.origin, trusted)
        with pytest.raises(AndonError):
            verify(note[:place] + note[place + 1 :], HEAD.origin, trusted)


def test_a_key_that_nobody_trusts_signs_nothing(signer_of, verifiers_of):
    with pytest.raises(IntegrityError, match="note-unsigned"):
        verify(sign(HEAD, signer_of(2)), HEAD.origin, verifiers_of(signer_of(1)).values())
    with pytest.raises(IntegrityError, match="note-unsigned"):
        verify(sign(HEAD, signer_of(1)), HEAD.origin, [])


def test_signatures_of_strangers_are_ignored_and_a_wrong_one_of_a_known_key_refuses_the_note(signer_of, verifiers_of):
    note = sign(HEAD, signer_of(1))
    text, lines = note.split("\n\n")
    foreign = sign(HEAD, signer_of(2)).split("\n\n")[1]
    trusted = verifiers_of(signer_of(1)).values()
    assert verify(f"{text}\n\n{foreign}{lines}", HEAD.origin, trusted) == HEAD
    wrong = sign(Checkpoint(HEAD.origin, 8, HEAD.root), signer_of(1)).split("\n\n")[1]
    with pytest.raises(IntegrityError, match="wrong signature"):
        verify(f"{text}\n\n{lines}{wrong}", HEAD.origin, trusted)


def test_a_checkpoint_signed_under_the_name_of_one_log_is_not_anothers(signer_of, verifiers_of):
    body = sign(HEAD, signer_of(1)).split("\n\n")[0] + "\n"
    note = sign_note(body, "example.com/other", signer_of(1))
    trusted = list(verifiers_of(signer_of(1)).values())
    with pytest.raises(IntegrityError, match="note-unsigned"):
        verify(note, HEAD.origin, trusted)
    with pytest.raises(IntegrityError, match="checkpoint-of-another"):
        verify(note, "example.com/other", trusted)


@pytest.mark.parametrize(
    "text", ["a\n", "a\n1\n", "a\n01\nAAAA\n", "a\n-1\nAAAA\n", "a\n1\nAAAA\n", "a\n1\n!\n", "\n1\nx\n"]
)
def test_a_rightly_signed_text_that_is_no_checkpoint_is_refused(text, signer_of, verifiers_of):
    note = sign_note(text, "a", signer_of(1))
    assert verify_note(note, "a", verifiers_of(signer_of(1)).values()) == text
    with pytest.raises(IntegrityError, match="checkpoint-malformed"):
        verify(note, "a", verifiers_of(signer_of(1)).values())


@pytest.mark.parametrize("name", ["", "a b", "a+b", " a", "a\u00a0b", "a\n"])
def test_what_cannot_name_a_key_is_refused(name, signer_of):
    with pytest.raises(UsageError):
        sign(Checkpoint(name, 1, HEAD.root), signer_of(1))


@pytest.mark.parametrize("text", ["", "no newline", "tab\there\n", "return\r\n", "nul\x00\n"])
def test_what_cannot_be_a_note_is_refused(text, signer_of):
    with pytest.raises(UsageError, match="note-unfit"):
        sign_note(text, "a", signer_of(1))
