"""A model that failed at a gate is never deployed, by whatever part of the line is run again or written to."""

import json

import pytest

FORGED = {"release": "sha256:" + "0" * 64, "release measured": "sha256:" + "0" * 64}


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
    status = place.andon("status", "--json")
    assert status.code == 0
    assert "0 served" in place.andon("status").out


def test_the_refusal_says_which_number_was_not_good_enough(refused):
    answer = refused.run()
    assert answer.code == 4
    assert "auc" in answer.err
    assert "0.6" in answer.err
    assert "andon gates model:late" in answer.out
    assert_nothing_is_deployed(refused)
    assert refused.is_clean()


@pytest.mark.parametrize("stage", ["bind", "admit"])
def test_a_run_edited_to_stand_behind_the_gate_deploys_nothing(refused, stage):
    """Where a run stands is a note, not a permission: the artefact itself must have passed."""
    facts = refused.sql("select facts from runs where kind = 'model'")[0][0]
    forged = json.dumps({**json.loads(facts), **FORGED}, sort_keys=True, separators=(",", ":")).encode()
    refused.sql("update runs set state = 'running', stage = ?, facts = ? where kind = 'model'", stage, forged)
    answer = refused.run()
    assert answer.code in (1, 4), answer.out + answer.err
    assert_nothing_is_deployed(refused)


def test_a_run_edited_to_promote_with_a_receipt_of_its_own_deploys_nothing(refused):
    facts = json.loads(refused.sql("select facts from runs where kind = 'model'")[0][0])
    receipt = {
        "factory": "parcels",
        "model_name": "late",
        "target": "local",
        "release": facts["model"],
        "statement": facts["model gate verdict"],
        "bundle": facts["report"],
        "sequence": 1,
    }
    forged = json.dumps({**facts, "receipt": receipt}, sort_keys=True, separators=(",", ":")).encode()
    refused.sql("update runs set state = 'running', stage = 'promote', facts = ? where kind = 'model'", forged)
    answer = refused.run()
    assert answer.code in (1, 4), answer.out + answer.err
    assert_nothing_is_deployed(refused)


def test_a_name_moved_past_the_gate_serves_nothing(refused):
    """The name of what is served, written by hand, is one that no decision put there."""
    facts = json.loads(refused.sql("select facts from runs where kind = 'model'")[0][0])
    name = "serving/parcels/late/local"
    refused.sql("insert into ref_moves (name, sequence, digest, moved_ns) values (?, 1, ?, 1)", name, facts["model"])
    assert refused.andon("audit", "verify").code == 1
    answer = refused.run()
    assert answer.code in (1, 4), answer.out + answer.err
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
