"""`andon policy`, `andon key` and `andon check`: what people read before and after they sign."""

import re
from dataclasses import replace

import pytest

from andon.adapters.keys import load_signer
from andon.adapters.trust_folder import FolderRoots, HomeFolder
from andon.attest.succession import seal_root
from andon.attest.trust_toml import from_toml, to_toml
from andon.kernel.clock import SystemClock
from andon.wiring.settings import load_settings
from andon.wiring.trust import DAY_NS, current_root


@pytest.fixture
def policy(andon, founded, tmp_path):
    """Types `andon policy ...`, with a file to edit."""

    class Typing:
        file = tmp_path / "policy.toml"

        def __call__(self, *words):
            return andon("policy", *words, "-C", founded.folder)

        def edit(self, before, after):
            text = self("show", "--toml").out
            assert before in text
            self.file.write_text(text.replace(before, after, 1))
            return self("propose", self.file)

    return Typing()


def test_what_is_shown_as_a_file_is_the_root_in_force_and_nothing_else(policy, founded):
    root = current_root(load_settings(founded.folder))
    assert from_toml(policy("show", "--toml").out) == root
    assert policy("show", "--json").json["version"] == 1
    said = policy("show").out
    assert re.search(r"Fingerprint of version 1: ([0-9a-f]{4} ){7}[0-9a-f]{4}\n", said)
    assert "ada" in said
    assert "signs versions" in said


def test_propose_diff_sign_history_in_words_and_for_programs(policy):
    proposed = policy.edit("signoffs = {}", "signoffs = { operations = 1 }")
    assert proposed.exit_code == 0
    assert "stricter  local: sign-offs by operations: 1 instead of 0" in proposed.out
    assert "version 1: 0 of 1 signed (nobody); missing 1 of ada" in proposed.out
    assert "which is only proposed" in policy("diff").out
    assert policy("diff", "--json").json["changes"][0]["kind"] == "stricter"
    signed = policy("sign", "--json").json
    assert (signed["version"], signed["in_force"], signed["signed"]) == (2, True, "ada")
    assert policy("diff", 2, 1, "--json").json["changes"][0]["kind"] == "weaker"
    rows = policy("history", "--json").json
    assert [(row["version"], row["signed"]) for row in rows] == [("2", "ada"), ("1", "ada")]


def test_withdrawing_leaves_the_version_in_force(policy):
    policy.edit("witnesses = 0", "looks = 9\nwitnesses = 0")
    assert "Version 2 is no longer proposed; version 1 stays in force." in policy("withdraw").out
    assert policy("sign").exit_code == 2


def test_a_slip_in_the_file_is_named_with_its_line(policy):
    said = policy.edit("signoffs = {}", "signofs = {}")
    assert said.exit_code == 1
    line = policy.file.read_text().splitlines().index("signofs = {}") + 1
    assert f"policy.toml, floor local, line {line}: signofs" in said.err
    assert "Did you mean signoffs?" in said.err


def test_a_file_that_is_not_there_is_refused_in_words(policy, tmp_path):
    said = policy("propose", tmp_path / "nothing.toml")
    assert said.exit_code == 1
    assert "files.unreadable" in said.err


def test_pinning_takes_groups_as_they_are_read_out(policy, andon, founded, tmp_path, monkeypatch):
    groups = re.findall(r"(?:[0-9a-f]{4} ){7}[0-9a-f]{4}", policy("show").out)
    monkeypatch.setenv("ANDON_HOME", str(tmp_path / "another machine"))
    assert policy("show").exit_code == 1
    assert policy("pin", "0000", "1111", "2222").exit_code == 1
    assert "Pinned" in policy("pin", *" ".join(groups).split()).out
    assert policy("show").exit_code == 0


def test_a_key_is_ended_by_how_its_id_begins(policy, andon, founded):
    assert andon("key", "add", "grace", "--role", "operations", "-C", founded.folder).exit_code == 0
    grace = load_signer(HomeFolder(load_settings(founded.folder).home).key("grace")).key_id
    said = andon("key", "retire", grace[:10], "-C", founded.folder)
    assert said.exit_code == 0
    assert f"ended  grace: key {grace[:12]} retired since" in said.out
    since = andon("key", "compromise", grace, "--since", "2026-01-31T12:00:00Z", "-C", founded.folder)
    assert "compromised since 2026-01-31T12:00:00Z" in since.out
    assert "Version 4 of the trust root is in force." in since.out
    assert andon("key", "compromise", grace, "--since", "soon", "-C", founded.folder).exit_code == 2
    own = load_signer(HomeFolder(load_settings(founded.folder).home).key("ada")).key_id
    assert "key.last-owner" in andon("key", "retire", own, "-C", founded.folder).err


def test_check_names_the_floors_rules_that_the_factory_is_weaker_than(policy, andon, founded):
    """The data scientist learns of the floor at the desk, not from a refusal on release day."""
    policy.edit("criteria = []", 'criteria = [{ gate = "model", metric = "auc", at_least = 0.9 }]')
    policy("sign")
    said = andon("check", "-C", founded.folder)
    assert said.exit_code == 0
    assert "what the floor asks is what counts" in said.out
    assert re.search(r"local +model:late +auc >= 0.9 +auc.lower\(\) >= 0.6 +ada", said.out)
    (one,) = andon("check", "-C", founded.folder, "--json").json["floor"]
    assert (one["target"], one["gate"], one["is_error"]) == ("local", "model:late", False)


def test_check_fails_where_the_floor_wants_a_gate_or_a_policy_that_the_factory_has_not(policy, andon, founded):
    digest = "sha256:" + "0" * 64
    policy.edit("policies = {}", f'policies = {{ "model:late" = "{digest}" }}')
    policy("sign")
    policy.edit('gates = ["data"', 'gates = ["data:weather", "data"')
    policy("sign")
    said = andon("check", "-C", founded.folder)
    assert said.exit_code == 1
    assert "Nothing can be released while this is so" in said.out
    assert re.search(r"data:weather +this gate +no such gate", said.out)
    assert f"the policy {digest}" in said.out


def test_check_says_when_the_floors_cannot_be_believed_here(andon, founded, tmp_path, monkeypatch):
    monkeypatch.setenv("ANDON_HOME", str(tmp_path / "another machine"))
    said = andon("check", "-C", founded.folder)
    assert said.exit_code == 0
    assert "Not compared with what its targets ask" in said.out
    assert "trust.not-pinned" in said.out


@pytest.mark.parametrize(("days", "text"), [(-1, "nothing moves forward"), (5, "expires in 5 days"), (90, "")])
def test_status_and_show_say_in_time_that_the_trust_root_ends(andon, founded, days, text):
    settings = load_settings(founded.folder)
    later = replace(current_root(settings), version=2, expires_ns=SystemClock().now_ns() + days * DAY_NS + DAY_NS // 10)
    signer = load_signer(HomeFolder(settings.home).key("ada"))
    FolderRoots(settings.trust).add(2, seal_root(later, [signer]))
    said = andon("status", "-C", founded.folder)
    assert said.exit_code == 0
    assert text in said.out
    assert ("renew" in said.out) is bool(text)
    assert to_toml(later) == andon("policy", "show", "--toml", "-C", founded.folder).out
