"""What a pack can say about being complete, and what it cannot hide."""

import base64
import json

import pytest

from andon.contracts.evidence import Evidence, Measurement
from andon.gates.request import JudgeRequest
from andon.kernel.canonical import dumps
from andon.kernel.digest import of_bytes
from andon.store.manifest import Manifest, Object
from andon.wiring.calls.evidence.exporting import evidence_of
from andon.wiring.calls.evidence.gathered import gather
from andon.wiring.calls.evidence.pack import make_pack
from andon.wiring.factory import open_factory
from tests.verifier.packs import files_of, of_kind, packed, proof_of
from tests.verifier.test_changed_packs import sealed


@pytest.fixture
def went_on(made, released):
    """The factory after it failed a batch, which has nothing to do with the release, and the model, on other rows."""
    with open_factory(released.folder) as opened:
        model = opened.database.manifests.get(opened.gatekeeper.champion("late", "local"))
        declaration = opened.declaration(str(opened.database.manifests.get(made.release).facts["declaration"]))
        policies = {policy.gate: policy for policy in declaration.gates}
        digest = opened.blobs.put([b"other rows"]).digest
        batch = Manifest("batch", (Object(digest, 10, 1, "landed.parquet"),), "", (), "", {"contract": "Parcel"})
        for gate, subject, name, value, target in (
            ("data:sent", batch, "schema.matches", 0.0, ""),
            ("model:late", model, "auc", 0.2, "local"),
        ):
            measured = Measurement(name, value, lower=value, upper=value, n=500)
            evidence = Evidence(subject.digest, of_bytes(b"other rows"), (measured,))
            request = JudgeRequest("parcels", policies[gate], evidence, subject, target=target)
            assert opened.gatekeeper.judge(request).outcome == "FAILED"
    return released


def test_a_later_failure_of_the_same_model_is_in_the_pack_and_a_strangers_is_not(made, went_on, check):
    data = evidence_of(went_on.folder, made.release)
    code, problems, held = check(data)
    assert (code, problems) == (0, [])
    assert any("1 of them failed" in text for text in held)
    assert any("complete as stated by the gatekeeper at size 9: 1 more" in text for text in held)
    verdicts = json.loads(files_of(data)["metrics.json"])["measured"]
    assert [(one["gate"], one["outcome"]) for one in verdicts][-1] == ("model:late", "FAILED")


def test_with_the_whole_ledger_completeness_is_proved(made, went_on, check):
    code, _, held = check(evidence_of(went_on.folder, made.release, whole=True))
    assert code == 0
    assert any("complete: the statement of every one of 9 ledger entries" in text for text in held)


def test_a_dropped_failure_is_named_and_under_a_stolen_key_still_leaves_its_leaf(made, went_on, check):
    """Whoever signs the index can leave a statement out; not its leaf, so that nobody is told that all is here."""
    files = files_of(evidence_of(went_on.folder, made.release, whole=True))
    (failed,) = [path for path in of_kind(files, "gate-verdict") if is_failed_model(files[path])]
    dropped = {path: data for path, data in files.items() if path not in (failed, proof_of(failed))}
    names = {name for name, _ in check(packed(dropped))[1]}
    assert {failed, proof_of(failed), "metrics.json", "history.json"} <= names

    statement = f"sha256:{failed[11:75]}"
    history = json.loads(dropped["history.json"])
    history["statements"] = [one for one in history["statements"] if one["statement"] != statement]
    metrics = json.loads(dropped["metrics.json"])
    metrics["measured"] = [one for one in metrics["measured"] if one["statement"] != statement]
    dropped |= {"history.json": dumps(history), "metrics.json": dumps(metrics)}
    code, problems, held = check(packed(sealed(made, dropped)))
    assert (code, problems) == (0, [])
    assert any("complete as stated by the gatekeeper at size 9: 1 more" in text for text in held)
    assert statement.encode() in dropped["ledger/leaves.ndjson"]


def test_a_ledger_too_long_for_its_leaves_is_proved_by_its_head_alone_and_says_so(made, released, check):
    with open_factory(released.folder) as opened:
        gathered = gather(opened, made.release, whole=False, most_leaves=6)
        data = make_pack(gathered, {"tier": "T0", "means": "T0"}, opened.gate_key)
    assert "ledger/leaves.ndjson" not in files_of(data)
    code, problems, held = check(data)
    assert (code, problems) == (0, [])
    assert any("their leaves are not here" in text for text in held)


def is_failed_model(data):
    values = json.loads(base64.b64decode(json.loads(data)["payload"]))["predicate"]
    return (values["gate"], values["outcome"]) == ("model:late", "FAILED")
