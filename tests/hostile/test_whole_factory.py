"""Somebody with every right to a factory's files tries to get past its gates; whatever they touch is named."""

import base64
import json
import shutil

import pytest

from andon.contracts.routing import Position
from andon.kernel.canonical import dumps
from andon.line.serve.cell import Cell
from tests.factories.place import Place, found_parcels
from tests.hostile.whole import codes, flip, overwrite, whole_in

pytestmark = pytest.mark.slow


@pytest.fixture
def whole(states, tmp_path, monkeypatch):
    """A copy of a factory that has released twice."""
    whole = whole_in(states, tmp_path)
    monkeypatch.setenv("ANDON_HOME", str(whole.place.home))
    monkeypatch.setenv("ANDON_AS", "ada")
    return whole


def assert_found(whole, *expected):
    """The audit names it, in words that say where."""
    found = whole.audited()
    assert codes(found) >= set(expected), found
    return found


def test_untouched_it_is_clean_and_answers_with_the_newest_release(whole):
    assert whole.audited() == []
    assert whole.answered() == whole.releases[1]
    assert [whole.loaded(release) for release in whole.releases] == ["", ""]


def test_a_model_copied_over_another(whole):
    old, new = (whole.object_of(whole.model_of(release), "model") for release in whole.releases)
    overwrite(new, old.read_bytes())
    (line,) = assert_found(whole, "store.object-damaged")[:1]
    assert new.name in line
    assert whole.loaded(whole.releases[1]) == "store.object-damaged"
    assert "store.object-damaged" in whole.answered()


def test_a_declaration_with_softer_gates_in_place_of_the_real_one(whole):
    path = whole.stored(whole.manifest(whole.releases[1])["facts"]["declaration"])
    softer = path.read_bytes().replace(b'"auc"', b'"one"')
    assert softer != path.read_bytes()
    overwrite(path, softer)
    assert whole.loaded(whole.releases[1]) == "store.object-damaged"
    assert_found(whole, "store.object-damaged")


def test_a_row_of_published_data_edited(whole):
    state = json.loads((whole.serving.parent / "state.json").read_bytes())
    assert set(state) == {"payload", "payloadType", "signatures"}
    for (body,) in whole.sql("select body from manifests where kind = 'dataset'"):
        flip(whole.stored(json.loads(body)["content"][0]["sha256"]), -40)
    assert_found(whole, "store.object-damaged")
    assert "damaged" in whole.answered()


@pytest.mark.parametrize("kind", ["model", "report", "release", "dataset"])
def test_an_artefact_described_otherwise(whole, kind):
    body = """cast(replace(cast(body as text), '"facts":{', '"facts":{"0":1,') as blob)"""
    whole.sql(f"update manifests set body = {body} where kind = ?", kind)
    assert_found(whole, "registry.manifest-damaged")


def test_a_name_moved_to_the_older_release(whole):
    whole.sql("update ref_moves set digest = ? where name like 'serving/%' and sequence = 2", whole.releases[0])
    assert_found(whole, "gates.ref-moved")


def test_a_ledger_entry_edited(whole):
    leaf = "cast(replace(cast(leaf as text), 'gate-verdict', 'gate-verdicT') as blob)"
    whole.sql(f"update ledger_leaves set leaf = {leaf} where position = 2")
    assert any(one.startswith("ledger.") for one in codes(whole.audited()))


def test_a_verdict_edited_in_its_envelope(whole):
    ((data,),) = whole.sql("select envelope from statements where position = 3")
    envelope = json.loads(data)
    verdict = base64.b64decode(envelope["payload"]).replace(b'"PASSED"', b'"FAILED"')
    forged = dumps(envelope | {"payload": base64.b64encode(verdict).decode()})
    whole.sql("update statements set envelope = ? where position = 3", forged)
    found = whole.audited()
    assert any("entry 2" in line or "entry 3" in line for line in found), found


def test_the_end_of_the_ledger_cut_off(whole):
    last = whole.sql("select max(position) from ledger_leaves")[0][0]
    whole.sql("delete from ledger_leaves where position = ?", last)
    assert codes(whole.audited()) & {"ledger.shrunk", "ledger.entry-missing", "ledger.checkpoint-ahead"}


def test_the_whole_database_of_yesterday(whole):
    whole.put_back("control.db")
    assert "ledger.shrunk" in codes(whole.audited())
    answer = whole.place.run("--json")
    assert answer.code == 1
    assert answer.error["code"] == "ledger.shrunk"


def test_the_whole_state_of_yesterday(whole):
    for name in ("control.db", "serve", "trust"):
        whole.put_back(name)
    assert "ledger.shrunk" in codes(whole.audited())


def test_what_this_machine_remembers_deleted_along_with_the_newest_entries(whole):
    """At T0 the memory is a file of the same user; that it is gone is all there is to see, and it is seen."""
    whole.memory.unlink()
    whole.put_back("control.db")
    found = assert_found(whole, "ledger.memory-missing", "serve.other-release")
    assert any("remembered.json" in line for line in found)


def test_a_routing_table_of_yesterday(whole):
    whole.put_back("serve/local/late/routing.json")
    assert_found(whole, "serve.no-route")
    assert "no routing table of sequence 2" in whole.answered()


def test_a_routing_table_of_yesterday_with_its_cell(whole):
    for name in ("routing.json", "cell"):
        whole.put_back(f"serve/local/late/{name}")
    (line,) = assert_found(whole, "serve.other-release")
    assert all(release in line for release in whole.releases)


@pytest.mark.parametrize(("sequence", "place"), [(2, 1), (3, 0), (99, 7)])
def test_the_cell_written_by_hand(whole, sequence, place):
    cell = Cell(whole.serving / "cell")
    cell.move(Position(sequence, place))
    cell.close()
    assert codes(whole.audited()) & {"serve.other-release", "serve.no-route"}
    if sequence > 2:
        assert "no routing table" in whole.answered()


def test_the_bundle_of_another_release(whole):
    old, new = (whole.serving / "bundles" / f"{one.removeprefix('sha256:')}.json" for one in whole.releases)
    overwrite(new, old.read_bytes())
    assert whole.loaded(whole.releases[1]) == "serve.other-bundle"
    assert_found(whole, "serve.other-bundle")


def test_a_bundle_without_one_of_its_verdicts(whole):
    path = whole.serving / "bundles" / f"{whole.releases[1].removeprefix('sha256:')}.json"
    bundle = json.loads(path.read_bytes())
    overwrite(path, dumps(bundle | {"statements": bundle["statements"][1:]}))
    assert whole.loaded(whole.releases[1]) == "gates.bundle-incomplete"
    assert_found(whole, "gates.bundle-incomplete")


def test_data_that_was_never_published_under_the_published_name(whole):
    path = whole.serving.parent / "state.json"
    sealed = json.loads(path.read_bytes())
    state = json.loads(base64.b64decode(sealed["payload"]))
    state["datasets"][0]["objects"][0]["published_ns"] = "12"
    assert base64.b64encode(dumps(state)).decode() != sealed["payload"]
    sealed["payload"] = base64.b64encode(dumps(state)).decode()
    overwrite(path, dumps(sealed))
    assert_found(whole, "serve.state-not-signed")
    assert "serve.state-not-signed" in whole.answered()


def test_data_of_yesterday_under_the_published_name(whole):
    """What the gatekeeper signed once is no longer what is published."""
    path = whole.serving.parent / "state.json"
    before = path.read_bytes()
    whole.place.rewrite("sent.csv", lambda text: text + "p600,2024-01-13T02:24:00+00:00,south,7\n")
    assert whole.place.andon("run", "sent", "--as-of", "2024-01-20").code == 0
    assert whole.audited() == []
    assert path.read_bytes() != before
    overwrite(path, before)
    assert_found(whole, "serve.other-data")


def test_a_served_folder_moved_to_another_model(whole):
    shutil.copytree(whole.serving, whole.serving.with_name("price"))
    found = whole.audited()
    assert any("price" in line and "late" in line for line in found), found


def test_the_trust_root_of_somebody_else(whole, tmp_path, monkeypatch):
    other = found_parcels(tmp_path / "other")
    root = "trust/root-000001.json"
    overwrite(whole.state / root, (other.folder / ".andon" / root).read_bytes())
    found = whole.audited()
    assert any("trust" in line for line in found), found
    assert whole.loaded(whole.releases[1]) == "trust.not-pinned"
    assert "trust" in whole.answered()
    assert whole.place.run().code == 1


def test_an_older_trust_root_put_back(whole):
    assert whole.place.andon("key", "add", "grace", "--role", "operations").code == 0
    whole.place.rewrite("factory.py", lambda code: code.replace("c: float = 0.5", "c: float = 0.25"))
    assert whole.place.run().code == 0
    (whole.state / "trust" / "root-000002.json").unlink()
    assert any("root-rolled-back" in line for line in whole.audited())
    assert "serve.root-rolled-back" in whole.answered()


def test_a_copy_of_the_factory_that_went_another_way(whole, tmp_path):
    """Two folders with one identity share what the machine remembers: the second to decide is refused."""
    copy = Place(tmp_path / "copy", whole.place.home)
    shutil.copytree(whole.place.folder, copy.folder)
    for place, c in ((copy, "0.25"), (whole.place, "0.125")):
        place.rewrite("factory.py", lambda code, c=c: code.replace("c: float = 0.5", f"c: float = {c}"))
    assert copy.run().code == 0
    answer = whole.place.run("--json")
    assert answer.code == 1
    assert answer.error["code"] in ("ledger.shrunk", "ledger.forked")
    assert codes(whole.audited()) & {"ledger.shrunk", "ledger.forked"}


def test_only_the_last_step_run_again_for_a_release_that_nobody_admitted(whole):
    """A run set back to its last step, with facts of somebody's choosing, promotes nothing that was not admitted."""
    ((run, facts),) = whole.sql("select id, facts from runs where kind = 'model' order by sequence desc limit 1")
    said = json.loads(facts)
    said["receipt"]["release"] = said["release"] = whole.releases[0].replace("a", "b")
    query = "update runs set state = 'running', facts = ? where id = ?"
    whole.sql(query, json.dumps(said, sort_keys=True, separators=(",", ":")).encode(), run)
    whole.place.run()
    assert whole.answered() == whole.releases[1]


def test_the_audit_on_the_command_line_says_so_and_fails(whole):
    flip(whole.object_of(whole.model_of(whole.releases[1]), "model"), 9)
    answer = whole.place.andon("audit", "verify")
    assert answer.code == 1
    assert "store.object-damaged" in answer.out
