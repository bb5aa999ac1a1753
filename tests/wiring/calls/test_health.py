"""The doctor names what is not in order, and what to do about it; nothing that is wrong makes it fail."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from andon.adapters.keys import load_signer
from andon.adapters.trust_folder import FolderRoots, HomeFolder
from andon.attest.succession import seal_root
from andon.kernel.canonical import dumps
from andon.kernel.clock import SystemClock
from andon.wiring.calls.health import DAY_NS, examine
from andon.wiring.factory import open_factory
from andon.wiring.settings import load_settings
from andon.wiring.trust import current_root


def marks(health):
    return {one.what: one.mark for one in health.checks}


def found(health, what):
    return next(one for one in health.checks if one.what == what)


def test_a_factory_that_ran_is_well(released):
    health = examine(released.folder)
    assert health.is_well
    assert health.fixes == []
    assert set(marks(health)) >= {"settings", "keys", "trust root", "database", "ledger", "clock", "store", "spool"}
    assert "trained in this environment" in found(health, "mathematics").found
    assert json.loads(json.dumps(health.to_json()))["is_well"] is True
    assert [len(row) for row in health.rows] == [3] * len(health.rows)


def test_a_new_factory_is_well_and_looking_makes_no_database(founded):
    health = examine(founded.folder)
    assert health.is_well
    assert marks(health)["database"] == "warn"
    assert not load_settings(founded.folder).database.exists()


def test_without_a_factory_the_machine_is_still_looked_at(tmp_path):
    health = examine(tmp_path)
    assert not health.is_well
    assert "settings.no-factory" in found(health, "settings").found
    assert marks(health)["python"] == "ok"
    assert any("andon init" in fix for fix in health.fixes)


def test_settings_that_mean_nothing_are_named(founded):
    (founded.folder / "andon.toml").write_text("[factory]\nname = 3\n")
    assert "settings.malformed" in found(examine(founded.folder), "settings").found


def test_a_key_that_others_can_read_is_named(founded):
    key = HomeFolder(load_settings(founded.folder).home).key("gatekeeper")
    key.chmod(0o644)
    health = examine(founded.folder)
    assert marks(health)["keys"] == "bad"
    assert str(key) in found(health, "keys").found


def test_another_home_is_named(founded, monkeypatch, tmp_path):
    monkeypatch.setenv("ANDON_HOME", str(tmp_path / "elsewhere"))
    health = examine(founded.folder)
    assert (marks(health)["keys"], marks(health)["trust root"]) == ("bad", "bad")
    assert any("ANDON_HOME" in fix for fix in health.fixes)


@pytest.mark.parametrize(("days", "mark"), [(-1, "bad"), (5, "warn"), (90, "ok")])
def test_a_trust_root_that_ends_soon_or_has_ended_is_named(founded, days, mark):
    settings = load_settings(founded.folder)
    root = current_root(settings)
    later = replace(root, version=2, expires_ns=SystemClock().now_ns() + days * DAY_NS)
    FolderRoots(settings.trust).add(2, seal_root(later, [load_signer(HomeFolder(settings.home).key("ada"))]))
    assert marks(examine(founded.folder))["trust root"] == mark


def test_a_ledger_that_is_ahead_of_the_clock_is_named(released):
    with open_factory(released.folder) as opened:
        ledger = opened.ledger
        later = replace(ledger, clock=Later())
        with opened.database.units.begin() as unit:
            later.append(unit, "run-record", "sha256:" + "0" * 64)
    health = examine(released.folder)
    assert marks(health)["clock"] == "bad"
    assert not health.is_well


def test_a_ledger_that_was_longer_before_is_named(released):
    settings = load_settings(released.folder)
    memory = settings.home / "remembered.json"
    seen = json.loads(memory.read_text())
    memory.write_bytes(dumps({**seen, "size": "70"}))
    assert "70 were seen before" in found(examine(released.folder), "ledger").found


def test_a_database_that_is_none_is_named(founded):
    settings = load_settings(founded.folder)
    settings.database.parent.mkdir(exist_ok=True)
    settings.database.write_bytes(b"no database at all, but long enough to be looked at as one" * 40)
    assert marks(examine(founded.folder))["database"] == "bad"


def test_a_store_that_is_a_file_is_named(founded):
    settings = load_settings(founded.folder)
    settings.store.parent.mkdir(exist_ok=True)
    settings.store.write_text("a file")
    assert marks(examine(founded.folder))["store"] == "bad"


def test_what_killed_children_left_is_named(founded):
    spool: Path = load_settings(founded.folder).spool
    (spool / "dead").mkdir(parents=True)
    (spool / "dead.lock").touch()
    health = examine(founded.folder)
    assert marks(health)["spool"] == "warn"
    assert (spool / "dead").exists()


class Later:
    """A clock that is an hour ahead."""

    def now_ns(self) -> int:
        return SystemClock().now_ns() + DAY_NS // 24
