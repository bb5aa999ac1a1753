"""A release waits for somebody of operations, and its author sets the run to a later step by hand."""

import json

import pytest

pytestmark = pytest.mark.slow


def assert_still_shut(place):
    assert place.served == []
    assert not place.sql("select 1 from ref_moves where name like 'serving/%'")


def test_a_run_set_to_its_last_step_by_hand_promotes_nothing(parcels):
    place = parcels("waiting")
    ((run, facts),) = place.sql("select id, facts from runs where kind = 'model'")
    said = json.loads(facts)
    said["receipt"] = {
        "bundle": said["model"],
        "factory": "parcels",
        "model_name": "late",
        "release": said["release"],
        "sequence": 1,
        "statement": said["model gate verdict"],
        "target": "local",
    }
    for stage in ("admit", "promote"):
        change = "update runs set state = 'running', waiting_for = '', stage = ?, facts = ? where id = ?"
        place.sql(change, stage, json.dumps(said, sort_keys=True, separators=(",", ":")).encode(), run)
        assert place.run().code != 0
        assert_still_shut(place)
