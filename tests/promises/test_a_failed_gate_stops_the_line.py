"""A model that failed at a gate is never deployed, by whatever part of the line is run again or written to."""

import json

import pytest

from andon.line.deploy.bind import Deployment, bind
from andon.runtime.train_stage import package_of
from andon.wiring.factory import open_factory

pytestmark = pytest.mark.slow  # real processes


@pytest.fixture
def refused(parcels):
    """A factory whose model is wrong more often than right, which its model gate saw."""
    place = parcels("refused")
    assert state_of(place) == ("refused", "model gate")
    return place


def state_of(place):
    return place.sql("select state, stage from runs where kind = 'model' order by sequence desc limit 1")[0]


def assert_nothing_is_deployed(place):
    assert not place.served
    assert not place.sql("select 1 from ref_moves where name like 'serving/%'")
    assert "0 served" in place.andon("status").out


def test_the_refusal_says_which_number_was_not_good_enough(refused):
    answer = refused.run()
    assert answer.code == 4
    assert "auc" in answer.err
    assert "0.6" in answer.err
    assert "andon gates model:late" in answer.out
    assert_nothing_is_deployed(refused)
    assert refused.is_clean()


def edited(place, stage, **facts):
    """The line is run again after its records were edited to stand at a stage, with facts to go on from there."""
    forged = json.dumps({**facts_of(place), **facts}, sort_keys=True, separators=(",", ":")).encode()
    place.sql("update runs set state = 'running', stage = ?, facts = ? where kind = 'model'", stage, forged)
    answer = place.run("--json")
    assert state_of(place) == ("failed", stage)
    return answer


def facts_of(place):
    return json.loads(place.sql("select facts from runs where kind = 'model'")[0][0])


def bound(place):
    """The deploy step alone: a release of the failed model, put together and recorded as the line would."""
    facts = facts_of(place)
    with open_factory(place.folder) as opened:
        (run,) = (run for run in opened.database.runs.recent("parcels", 100) if run.kind == "model")
        line = opened.line(opened.declaration(run.declaration))
        model, report = (line.records.manifests.get(facts[name]) for name in ("model", "report"))
        deployment = Deployment("local", "", ("ada",), line.root_version)
        return opened.gatekeeper.bind(bind(model, report, package_of(line, model), line.declaration, deployment))


def test_a_run_edited_to_stand_behind_the_gate_binds_nothing(refused):
    """Where a run stands is a note, not a permission: the artefact itself must have passed."""
    answer = edited(refused, "bind")
    assert (answer.code, answer.error["code"]) == (4, "gates.not-passed")
    assert "auc.lower() >= 0.6" in answer.error["found"]
    assert_nothing_is_deployed(refused)


def test_a_release_bound_past_the_gate_is_not_admitted(refused, monkeypatch):
    """Running only the deploy step changes nothing: admission judges the whole chain again."""
    monkeypatch.setenv("ANDON_HOME", str(refused.home))
    monkeypatch.setenv("ANDON_AS", "ada")
    answer = edited(refused, "admit", release=bound(refused))
    assert answer.code == 4
    assert answer.error["code"] in ("gates.not-passed", "gates.no-pass")
    assert_nothing_is_deployed(refused)


def test_a_run_edited_to_promote_with_a_receipt_of_its_own_deploys_nothing(refused):
    """A target takes no bytes but a bundle with every proof in it."""
    facts = facts_of(refused)
    (model,) = refused.sql("select body from manifests where digest = ?", facts["model"])[0]
    receipt = {
        "factory": "parcels",
        "model_name": "late",
        "target": "local",
        "release": facts["model"],
        "statement": facts["model gate verdict"],
        "bundle": json.loads(model)["content"][0]["sha256"],
        "sequence": 1,
    }
    answer = edited(refused, "promote", receipt=receipt)
    assert answer.code in (1, 4)
    assert answer.error["code"].startswith(("gates.", "serve."))
    assert not list((refused.folder / ".andon" / "serve").rglob("routing.json"))


def test_a_name_moved_past_the_gate_serves_nothing(refused):
    """The name of what is served, written by hand, is one that no decision put there."""
    name = "serving/parcels/late/local"
    refused.sql(
        "insert into ref_moves (name, sequence, digest, moved_ns) values (?, 1, ?, 1)", name, facts_of(refused)["model"]
    )
    assert refused.andon("audit", "verify").code == 1
    answer = refused.run("--json")
    assert (answer.code, answer.error["code"]) == (1, "gates.ref-moved")
    assert not refused.served


def test_a_bound_loosened_after_the_failure_does_not_let_it_through(refused):
    """Else every bound is as low as the last model needs it."""
    refused.rewrite("factory.py", lambda code: code.replace("auc.lower() >= 0.6", "auc.lower() >= 0.0"))
    answer = refused.run()
    assert answer.code == 4, answer.out + answer.err
    assert_nothing_is_deployed(refused)
    assert refused.is_clean()


def test_a_better_model_passes_where_the_broken_one_failed(refused):
    """The gate is no wall: what was wrong was the model."""
    (refused.folder / "broken.json").unlink()
    refused.rewrite("factory.py", lambda code: code.replace("c: float = 1.0", "c: float = 0.5"))
    assert refused.run().code == 0
    assert len(refused.served) == 1
    assert refused.is_clean()
