"""The tier as a pure function of facts, and the facts as they are found on files."""

import os
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.contracts.policy import Tier
from andon.wiring.apart_settings import Apart, Runner
from andon.wiring.settings import Settings
from andon.wiring.tier import ALONE, Facts, facts_of, standing
from andon.wiring.witness_settings import WitnessAt

TIERS: tuple[Tier, ...] = ("T0", "T1", "T2")
BEST = Facts(is_apart=True, open=(), is_on_token=True, witnesses=("elsewhere",))
FACTS = st.builds(
    Facts,
    st.booleans(),
    st.sampled_from([(), ("the store",), ("a", "b")]),
    st.booleans(),
    st.sampled_from([(), ("w",)]),
)


@given(FACTS)
def test_a_tier_is_never_higher_than_its_weakest_fact_allows(facts):
    tier = standing(facts).tier
    if facts.open or not facts.is_apart:
        assert tier == "T0"
    elif not (facts.is_on_token and facts.witnesses):
        assert tier == "T1"
    else:
        assert tier == "T2"


@given(FACTS)
def test_every_sentence_begins_with_its_tier_and_names_what_is_open(facts):
    found = standing(facts)
    assert found.means.startswith(f"{found.tier}: ")
    assert facts.is_apart is False or not facts.open or facts.open[0] in found.means


def test_taking_anything_away_never_raises_the_tier():
    for worse in (
        replace(BEST, is_apart=False),
        replace(BEST, open=("the store",)),
        replace(BEST, is_on_token=False),
        replace(BEST, witnesses=()),
    ):
        assert TIERS.index(standing(worse).tier) < TIERS.index(standing(BEST).tier)


@pytest.fixture
def settings(tmp_path):
    """A gatekeeper's folder whose people and runner are other users, everything its owner's alone."""
    home, state, gate = tmp_path / "home", tmp_path / "parcels" / ".andon", tmp_path / "gate"
    for folder in (home / "keys", state / "store", state / "trust", state / "serve", gate):
        folder.mkdir(parents=True)
        folder.chmod(0o700)
    for path in (tmp_path, home, state, state.parent):
        path.chmod(0o700)
    for path in (home / "keys" / "gatekeeper.pem", state / "control.db", state.parent / "andon.toml"):
        path.touch(mode=0o600)
    other = os.getuid() + 1
    runner = Runner(tmp_path / "run" / "run.sock", other)
    return Settings(
        folder=state.parent,
        name="parcels",
        id="01890000-0000-7000-8000-000000000001",
        database=state / "control.db",
        store=state / "store",
        home=home,
        person="ada",
        apart=Apart(gate / "gate.sock", {other + 1: "ada"}, runner, runner),
    )


def test_a_gatekeeper_whose_things_are_its_own_is_at_t1(settings):
    assert standing(facts_of(settings)).tier == "T1"


def test_without_a_gatekeeper_of_its_own_nothing_is_looked_at(settings):
    assert standing(facts_of(replace(settings, apart=None))).means == ALONE


@pytest.mark.parametrize(
    ("path", "mode", "what"),
    [
        ("home/keys", 0o710, "the folder of keys"),
        ("home/keys/gatekeeper.pem", 0o640, "the key gatekeeper.pem"),
        ("parcels/.andon/control.db", 0o604, "the control database"),
        ("parcels/.andon/store", 0o777, "the store"),
        ("parcels/.andon/trust", 0o720, "the trust root"),
        ("parcels/.andon/serve", 0o702, "what says what is served"),
        ("parcels/andon.toml", 0o666, "its settings"),
        ("gate", 0o777, "the folder of its socket"),
    ],
)
def test_whatever_others_can_get_at_is_named_and_brings_the_tier_down(settings, tmp_path, path, mode, what):
    (tmp_path / path).chmod(mode)
    found = standing(facts_of(settings))
    assert found.tier == "T0"
    assert what in found.means


def test_a_folder_above_that_others_may_write_brings_the_tier_down(settings, tmp_path):
    tmp_path.chmod(0o777)
    assert str(tmp_path) in standing(facts_of(settings)).means
    tmp_path.chmod(0o1777)  # nobody but its owner may rename what lies in it
    assert standing(facts_of(settings)).tier == "T1"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
def test_a_database_of_somebody_else_brings_the_tier_down(settings):
    os.chown(settings.database, 12345, 12345)
    assert "belongs to user 12345" in standing(facts_of(settings)).means


def test_a_gatekeeper_that_is_the_same_user_as_a_person_or_the_runner_is_none(settings):
    own = os.getuid()
    for apart in (
        replace(settings.apart, people={own: "ada"}),
        replace(settings.apart, runner=Runner(settings.apart.runner.socket, own)),
        replace(settings.apart, measurer=Runner(settings.apart.runner.socket, own)),
    ):
        assert standing(facts_of(replace(settings, apart=apart))).tier == "T0"


def test_a_token_and_a_witness_elsewhere_make_t2_and_one_on_this_machine_does_not(settings, tmp_path):
    token = replace(settings, apart=replace(settings.apart, key="pkcs11:token=gate;object=gatekeeper"))
    sink = tmp_path / "sink"
    sink.mkdir()
    for url, tier in (
        ("https://witness.example/andon", "T2"),
        ("http://127.0.0.1:8000", "T1"),
        ("http://localhost:8000", "T1"),
        (f"folder:{sink}", "T1"),
    ):
        witnessed = replace(token, witnesses=(WitnessAt("elsewhere", url),))
        assert standing(facts_of(witnessed)).tier == tier, url
        without = replace(witnessed, apart=settings.apart)
        assert standing(facts_of(without)).tier == "T1"
