"""The frozen wire formats of what is signed: a change here voids every signature that exists."""

from andon.adapters.keys import verifier
from andon.attest.envelope import from_json, to_json
from andon.attest.statement import GATE_VERDICT, Statement, Subject, seal, to_bytes, unseal
from andon.attest.succession import seal_root, verify_first
from andon.attest.trust_json import fingerprint
from andon.kernel.digest import of_bytes

VERDICT = Statement(
    (Subject("model", of_bytes(b"model")),),
    GATE_VERDICT,
    {"verdict": "PASSED", "target": "eu", "gate": "model", "values": {"rows": 1200, "auc": 0.75}},
)


def test_the_bytes_of_a_statement_are_frozen(golden):
    assert to_bytes(VERDICT) == (golden / "statement.json").read_bytes()


def test_the_bytes_of_an_envelope_are_frozen(golden, signer_of, verifiers_for):
    frozen = (golden / "envelope.json").read_bytes()
    assert to_json(seal(VERDICT, signer_of(1))) == frozen
    assert unseal(from_json(frozen), verifiers_for(1), GATE_VERDICT) == (VERDICT, {signer_of(1).key_id})


def test_the_bytes_of_a_trust_root_are_frozen(golden, root, signer_of):
    frozen = (golden / "trust-root.envelope.json").read_bytes()
    assert to_json(seal_root(root, [signer_of(1), signer_of(3)])) == frozen
    assert verify_first(from_json(frozen), fingerprint(root), verifier) == root
    assert fingerprint(root) == "sha256:71fc325ea125960893c1e2d53c3d3c1b4fdf6aa4eb590342fa2896cf20ec166d"
