"""The offline proof file."""

import pytest

from andon.kernel.digest import of_bytes
from andon.kernel.errors import AndonError, IntegrityError
from andon.ledger.checkpoint import Checkpoint, sign
from andon.ledger.entry import Entry, leaf_bytes
from andon.ledger.merkle import leaf_hash, node_hash
from andon.ledger.proof import Proof, parse_proof, verify_proof, write_proof


@pytest.fixture
def ledger(open_ledger, new_rows, unit):
    ledger = open_ledger(new_rows())
    for number in range(11):
        ledger.append(unit, "signoff", of_bytes(b"%d" % number))
    return ledger


def test_a_proof_reads_back_and_has_the_published_shape(ledger):
    text = ledger.prove(6)
    proof = parse_proof(text)
    assert write_proof(proof) == text
    assert text.startswith("c2sp.org/tlog-proof@v1\nindex 6\n")
    assert text.endswith(ledger.checkpoints.latest())
    assert len(proof.path) == 4


def test_every_changed_character_is_refused(ledger):
    text, entry = ledger.prove(6), ledger.entry(6)
    trusted = list(ledger.verifiers.values())
    for place, character in enumerate(text):
        changed = text[:place] + ("B" if character == "A" else "A") + text[place + 1 :]
        with pytest.raises(AndonError):
            verify_proof(changed, entry, ledger.origin, trusted)


def test_a_proof_opens_for_its_own_entry_only(ledger):
    trusted = list(ledger.verifiers.values())
    for index in range(11):
        if index != 6:
            with pytest.raises(IntegrityError, match="not-included"):
                verify_proof(ledger.prove(6), ledger.entry(index), ledger.origin, trusted)
    entry = ledger.entry(6)
    forged = Entry(6, entry.time_ns, entry.kind, of_bytes(b"forged"))
    with pytest.raises(IntegrityError, match="not-included"):
        verify_proof(ledger.prove(6), forged, ledger.origin, trusted)


def test_an_entry_that_was_logged_in_anothers_place_is_refused(ledger, signer_of):
    entry = ledger.entry(6)
    other = leaf_hash(b"another")
    head = Checkpoint(ledger.origin, 2, node_hash(leaf_hash(leaf_bytes(entry)), other))
    text = write_proof(Proof(0, (other,), sign(head, signer_of(1))))
    with pytest.raises(IntegrityError, match="not-included"):
        verify_proof(text, entry, ledger.origin, ledger.verifiers.values())


def test_an_extra_line_changes_nothing(ledger):
    text = ledger.prove(6).replace("\nindex", "\nextra bm90aGluZw==\nindex")
    assert verify_proof(text, ledger.entry(6), ledger.origin, ledger.verifiers.values()).size == 11


@pytest.mark.parametrize(
    "text",
    [
        "",
        "c2sp.org/tlog-proof@v1\n",
        "c2sp.org/tlog-proof@v1\n\n",
        "c2sp.org/tlog-proof@v1\n\ncheckpoint",
        "c2sp.org/tlog-proof@v1\nindex 01\n\ncheckpoint",
        "c2sp.org/tlog-proof@v1\nindex x\n\ncheckpoint",
        "c2sp.org/tlog-proof@v2\nindex 1\n\ncheckpoint",
        "c2sp.org/tlog-proof@v1\nindex 1\nAAAA\n\ncheckpoint",
        "c2sp.org/tlog-proof@v1\nindex 1\n" + "A" * 43 + "=\n" * 65 + "\ncheckpoint",
    ],
)
def test_what_is_no_proof_is_refused(text):
    with pytest.raises(IntegrityError, match="proof-malformed"):
        parse_proof(text)
