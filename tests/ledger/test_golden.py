"""The ledger's frozen wire formats: a change here makes every ledger that exists unreadable."""

from andon.kernel.digest import of_bytes
from andon.ledger.checkpoint import Checkpoint, sign, verify
from andon.ledger.entry import Entry, leaf_bytes, parse_leaf
from andon.ledger.merkle import leaf_hash
from andon.ledger.proof import Proof, verify_proof, write_proof


def test_the_bytes_of_an_entry_are_frozen(golden):
    frozen = (golden / "ledger-entry.json").read_bytes()
    envelope = of_bytes((golden / "envelope.json").read_bytes())
    entry = Entry(0, 1_795_000_000_000_000_000, "gate-verdict", envelope)
    assert leaf_bytes(entry) == frozen
    assert parse_leaf(frozen) == entry


def test_the_bytes_of_a_checkpoint_and_a_proof_are_frozen(golden, signer_of, verifiers_of):
    leaf = (golden / "ledger-entry.json").read_bytes()
    note = (golden / "checkpoint.txt").read_text()
    text = (golden / "entry.tlog-proof").read_text()
    head = Checkpoint("example.com/flights", 1, leaf_hash(leaf))
    trusted = verifiers_of(signer_of(1)).values()
    assert sign(head, signer_of(1)) == note
    assert verify(note, head.origin, trusted) == head
    assert write_proof(Proof(0, (), note)) == text
    assert verify_proof(text, parse_leaf(leaf), head.origin, trusted) == head
