"""An audit of a factory that really ran finds nothing; after any edit it names what was edited."""

import json
import sqlite3
from contextlib import closing

import pytest

from andon.wiring.calls.auditing import verify_factory
from andon.wiring.calls.models import models_of
from andon.wiring.factory import open_factory
from andon.wiring.predictions import workers_of
from andon.wiring.settings import load_settings
from andon.wiring.tier import ALONE


def audited(small):
    return verify_factory(small.folder, lambda _: None)


def sql(small, statement):
    """Do to the database what its owner can: without its guards."""
    with closing(sqlite3.connect(load_settings(small.folder).database)) as connection:
        for (guard,) in connection.execute("select name from sqlite_master where type = 'trigger'").fetchall():
            connection.execute(f"drop trigger {guard}")
        assert connection.execute(statement).rowcount > 0
        connection.commit()


def test_a_factory_that_ran_is_clean_and_everything_was_read(released):
    told = []
    found = verify_factory(released.folder, told.append)
    assert found.is_clean
    assert found.tier == ALONE
    assert set(found.to_json()["read"]) == {
        "ledger",
        "statements",
        "verdicts",
        "names",
        "objects",
        "serving",
        "predictions",
    }
    assert "42 predictions" in found.to_json()["read"]["predictions"]
    assert found.lines[-1] == "Everything that was recorded is as it was recorded."
    assert len(told) == 3


def test_a_new_factory_is_clean(founded):
    assert audited(founded).is_clean


def test_a_flipped_byte_in_the_prediction_log_is_named(released):
    (worker,) = workers_of(load_settings(released.folder))
    path = worker.batches()[0].path
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    found = audited(released)
    assert not found.is_clean
    assert any(line.startswith("WRONG  serve.batch-damaged") and path.name in line for line in found.lines)
    assert found.lines[-1] == "1 problems: 1 in predictions."


def test_a_flipped_byte_in_a_model_is_named(released):
    with open_factory(released.folder) as opened:
        model = opened.database.manifests.get(models_of(released.folder).digests[0]).object("model")
        path = opened.blobs.local(model.sha256)
    path.chmod(0o600)
    data = bytearray(path.read_bytes())
    data[7] ^= 1
    path.write_bytes(data)
    problems = json.loads(json.dumps(audited(released).to_json()))["problems"]
    damaged = "store.object-damaged"
    assert [(one["part"], one["code"]) for one in problems] == [("objects", damaged), ("serving", damaged)]
    assert model.sha256 in problems[0]["place"]


@pytest.mark.parametrize(
    "edit",
    [
        "update ref_moves set digest = (select digest from ref_moves order by name) where name like 'serving/%'",
        "delete from statements where position = 3",
        "update statements set predicate_type = 'andon/rollback/v1' where position = 2",
    ],
)
def test_an_edited_control_database_is_named(released, edit):
    sql(released, edit)
    found = audited(released)
    assert not found.is_clean
    assert found.lines[0].startswith("WRONG  ")
    assert "problems" in found.lines[-1]
