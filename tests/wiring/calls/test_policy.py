"""Versions of the trust root: two quorums, people and not keys, the very bytes, and nothing believed without a pin."""

import shutil
import threading
from dataclasses import replace

import pytest

from andon.adapters.keys import generate_key, load_signer
from andon.adapters.trust_folder import FolderRoots, HomeFolder
from andon.attest import envelope as envelopes
from andon.attest.envelope import sign
from andon.attest.succession import PAYLOAD_TYPE, seal_root
from andon.attest.trust_json import fingerprint, to_bytes
from andon.attest.trust_root import KeyState, Principal, RoleInterval
from andon.attest.trust_toml import to_toml
from andon.contracts.wire import from_json, to_json
from andon.kernel.errors import AndonError
from andon.ledger.memory import Remembered
from andon.wiring.answer import answer_call
from andon.wiring.calls.key_ends import end_key
from andon.wiring.calls.naming import name_in_policy
from andon.wiring.calls.policy import (
    pin_policy,
    policy_diff,
    policy_history,
    policy_of,
    propose_policy,
    sign_policy,
    withdraw_policy,
)
from andon.wiring.calls.policy_shown import in_groups
from andon.wiring.calls.rotation import Standing, hand_in_root, propose_root, trust_chain
from andon.wiring.settings import load_settings, write_settings
from andon.wiring.trust import current_root, found_trust

NOW = 1_700_000_000_000_000_000
LONG = 2**62


class Place:
    """A factory's folder with a trust root, and people whose keys are here."""

    def __init__(self, folder):
        self.folder = folder
        self.settings = load_settings(folder)
        self.home = HomeFolder(self.settings.home)
        self.roots = FolderRoots(self.settings.trust)

    @property
    def root(self):
        return current_root(self.settings)

    def key(self, name):
        return generate_key(self.home.key(name))

    def signer(self, name):
        return load_signer(self.home.key(name))

    def propose(self, **changes):
        return propose_policy(self.folder, to_toml(replace(self.root, **changes)), "policy.toml")

    def sign(self, person, key=""):
        return sign_policy(self.folder, person=person, key_uri=f"file:{self.home.key(key)}" if key else "")

    def with_owner(self, name, quorum):
        """What the root would be with one more person who signs versions."""
        key = self.key(name)
        person = Principal(name, "person", (KeyState(key, "active", NOW),), (RoleInterval("owner", NOW),))
        return {
            "principals": (*self.root.principals, person),
            "root_keys": (*self.root.root_keys, key.key_id),
            "quorum": quorum,
        }


def refused(call, *args, **kwargs):
    with pytest.raises(AndonError) as refusal:
        call(*args, **kwargs)
    assert refusal.value.fix
    return refusal.value.code


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A factory that ada founded."""
    monkeypatch.setenv("ANDON_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ANDON_AS", "ada")
    monkeypatch.delenv("ANDON_KEY", raising=False)
    (tmp_path / "mine").mkdir()
    settings = write_settings(tmp_path / "mine", "mine", "01890000-0000-7000-8000-000000000001")
    found_trust(replace(settings), NOW)
    here = Place(tmp_path / "mine")
    renewed = replace(here.root, version=2, expires_ns=LONG)
    here.roots.add(2, seal_root(renewed, [here.signer("ada")]))
    return here


@pytest.fixture
def two_owners(place):
    """Version 3: ada and ben must both sign."""
    place.propose(**place.with_owner("ben", quorum=2))
    assert not place.sign("ada").standing.is_in_force
    assert place.sign("ben").standing.is_in_force
    return place


def test_a_version_is_in_force_once_the_old_quorum_and_the_new_one_signed(place):
    """Otherwise the old owners could be outvoted by people whom nobody let in, or the new ones be named unasked."""
    put = place.propose(**place.with_owner("ben", quorum=2))
    assert [one.signed for one in put.standing.quorums] == [(), ()]
    first = place.sign("ben").standing
    assert [one.is_reached for one in first.quorums] == [False, False]
    assert first.quorums[0].text() == "version 2: 0 of 1 signed (nobody); missing 1 of ada"
    assert place.root.version == 2
    second = place.sign("ada").standing
    assert second.is_in_force
    assert place.root.version == second.version == 3
    assert place.roots.proposal(3) is None
    assert [row[2] for row in policy_history(place.folder).rows] == ["ada, ben", "ada", "ada"]


def test_who_proposes_cannot_put_it_in_force_alone(two_owners):
    two_owners.propose(expires_ns=LONG - 1)
    for _ in range(3):
        standing = two_owners.sign("ada").standing
    assert not standing.is_in_force
    assert two_owners.root.version == 3
    assert standing.quorums[0].others == ("ben",)
    assert two_owners.sign("ben").standing.is_in_force


def test_two_keys_of_one_person_are_one_person(two_owners):
    second = two_owners.key("second")
    ada, *others = two_owners.root.principals
    ada = replace(ada, keys=(*ada.keys, KeyState(second, "active", NOW)))
    two_owners.propose(principals=(ada, *others), root_keys=(*two_owners.root.root_keys, second.key_id))
    two_owners.sign("ada")
    two_owners.sign("ben")
    two_owners.propose(expires_ns=LONG - 1)
    two_owners.sign("ada")
    standing = two_owners.sign("ada", key="second").standing
    assert [one.signed for one in standing.quorums] == [("ada",), ("ada",)]
    assert not standing.is_in_force


def test_an_edited_proposal_has_lost_its_signatures(two_owners):
    """Whoever can write the folder swaps what was signed for something else, with the signatures still on it."""
    two_owners.propose(expires_ns=LONG - 1)
    two_owners.sign("ada")
    signed = two_owners.roots.proposal(4)
    other = replace(two_owners.root, version=4, quorum=1)
    two_owners.roots.propose(4, replace(signed, payload=to_bytes(other)))
    assert "0 of 2 signed (nobody)" in policy_diff(two_owners.folder).quorums[0]
    assert not two_owners.sign("ben").standing.is_in_force
    assert two_owners.root.version == 3


def test_a_signature_over_other_bytes_than_the_proposed_is_refused(two_owners):
    two_owners.propose(expires_ns=LONG - 1)
    other = seal_root(replace(two_owners.root, version=4, quorum=1), [two_owners.signer("ada")])
    assert refused(hand_in_root, two_owners.folder, envelopes.to_json(other).decode()) == "policy.other-proposal"


def test_only_who_may_sign_versions_signs_and_only_with_their_own_key(two_owners):
    two_owners.propose(expires_ns=LONG - 1)
    assert refused(two_owners.sign, "gatekeeper") == "policy.not-a-signer"
    assert refused(two_owners.sign, "ada", key="ben") == "policy.not-a-signer"
    assert refused(two_owners.sign, "nobody") == "key.none-here"
    payload = two_owners.roots.proposal(4).payload
    for name in ("gatekeeper", "ledger"):
        by_service = sign(PAYLOAD_TYPE, payload, [two_owners.signer(name)])
        code = refused(hand_in_root, two_owners.folder, envelopes.to_json(by_service).decode())
        assert code == "policy.not-a-signer"
    assert two_owners.roots.proposal(4).signatures == ()


def test_a_lower_version_a_gap_and_no_change_are_refused(place):
    old, current = to_toml(policy_of(place.folder, 1).root), to_toml(place.root)
    assert refused(propose_policy, place.folder, old, "p") == "policy.other-version"
    gap = current.replace("version = 2", "version = 4")
    assert refused(propose_policy, place.folder, gap, "p") == "policy.other-version"
    assert refused(propose_policy, place.folder, current, "p") == "policy.unchanged"
    for version in (2, 4):
        sealed = seal_root(replace(place.root, version=version, expires_ns=LONG - 1), [place.signer("ada")])
        assert refused(propose_root, place.folder, envelopes.to_json(sealed).decode()) == "trust.not-next"


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        ('since = "2023-11-14T22:13:20Z"', 'since = "2023-11-14T22:13:19Z"', "trust.key-revived"),
        ('name = "gatekeeper"', 'name = "gatekeeper2"', "trust.key-dropped"),
        ("quorum = 1", "quorum = 2", "trust.inconsistent"),
        ('factory = "mine"', 'factory = "yours"', "trust.of-another"),
        ("production = false", "production = true", "trust.inconsistent"),
        ("quorum = 1", "quorum = 1\nkworum = 1", "policy.malformed"),
        ("quorum = 1", "quorum = ", "policy.not-toml"),
        ('role = "owner"', 'role = "gate"', "trust.inconsistent"),
    ],
)
def test_a_tampered_file_proposes_nothing(place, before, after, code):
    text = to_toml(place.root)
    assert before in text
    assert refused(propose_policy, place.folder, text.replace(before, after, 1), "p.toml") == code
    assert place.roots.proposal(3) is None


def test_an_expired_root_is_renewed_by_its_owners_and_never_proposed_as_expired(place):
    assert policy_of(place.folder, 1).days < 0
    assert "nothing moves forward" in policy_of(place.folder, 1).headline
    assert refused(place.propose, expires_ns=NOW) == "policy.expired"
    place.propose(expires_ns=LONG - 1)
    assert place.sign("ada").standing.is_in_force


def test_one_proposal_at_a_time_which_people_of_the_trust_root_withdraw(two_owners):
    two_owners.propose(expires_ns=LONG - 1)
    two_owners.sign("ada")
    assert refused(two_owners.propose, expires_ns=LONG - 2) == "policy.proposal-waits"
    two_owners.propose(expires_ns=LONG - 1)
    assert [one.signed for one in two_owners.sign("ada").standing.quorums] == [("ada",), ("ada",)]
    assert refused(withdraw_policy, two_owners.folder, person="mallory") == "policy.stranger"
    assert withdraw_policy(two_owners.folder, person="ben").version == 4
    assert refused(withdraw_policy, two_owners.folder, person="ben") == "policy.nothing-proposed"
    assert refused(two_owners.sign, "ben") == "policy.nothing-proposed"
    assert [one.signed for one in two_owners.propose(expires_ns=LONG - 2).standing.quorums] == [(), ()]


@pytest.mark.parametrize("damage", [b"", b"{}", b"\xff\x00", b'{"payload":"","payloadType":"x","signatures":[]}'])
def test_a_damaged_proposal_is_refused_in_words_and_can_be_withdrawn(place, damage):
    """Nobody is locked out of their policy by a file that anybody may have left."""
    place.propose(expires_ns=LONG - 1)
    (place.settings.trust / "proposed-000003.json").write_bytes(damage)
    assert refused(place.sign, "ada").startswith("attest.")
    assert refused(place.propose, expires_ns=LONG - 1).startswith("attest.")
    assert withdraw_policy(place.folder, person="ada").version == 3
    place.propose(expires_ns=LONG - 1)
    assert place.sign("ada").standing.is_in_force


def test_two_who_sign_at_the_same_moment_are_both_counted(two_owners):
    two_owners.propose(expires_ns=LONG - 1)
    threads = [threading.Thread(target=two_owners.sign, args=(name,)) for name in ("ada", "ben")]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert two_owners.root.version == 4


def test_differences_are_said_of_any_two_versions(two_owners):
    assert [row[0] for row in policy_diff(two_owners.folder, 2, 3).rows] == ["stricter", "came", "came"]
    assert policy_diff(two_owners.folder, 3, 2).rows[0][0] == "weaker"
    assert policy_diff(two_owners.folder, 3, 3).rows == [["same", "nothing differs"]]
    assert policy_diff(two_owners.folder, 1).rows == policy_diff(two_owners.folder, 1, 3).rows
    two_owners.propose(expires_ns=LONG - 1)
    waiting = policy_diff(two_owners.folder)
    assert (waiting.old, waiting.new, waiting.is_proposed) == (3, 4, True)
    for old, new in ((0, 1), (1, 5), (None, 5)):
        assert refused(policy_diff, two_owners.folder, old, new) == "policy.no-version"


def test_another_machine_believes_nothing_until_the_right_fingerprint_is_pinned(two_owners, tmp_path, monkeypatch):
    first = policy_of(two_owners.folder).first
    monkeypatch.setenv("ANDON_HOME", str(tmp_path / "another machine"))
    assert refused(policy_of, two_owners.folder) == "trust.not-pinned"
    wrong = fingerprint(replace(two_owners_root(two_owners), quorum=1))
    assert refused(pin_policy, two_owners.folder, wrong) == "trust.not-pinned"
    assert refused(pin_policy, two_owners.folder, "sha256:12") == "digest.malformed"
    assert refused(policy_of, two_owners.folder) == "trust.not-pinned"
    spoken = " ".join(in_groups(first)).upper()
    assert pin_policy(two_owners.folder, spoken).root.version == 3
    assert policy_of(two_owners.folder).first == first


def two_owners_root(place):
    return current_root(place.settings)


def test_a_pinned_machine_takes_no_other_trust_root(place, tmp_path, monkeypatch):
    """Somebody founds a factory of the same name in the folder's place; its owner's fingerprint is another one."""
    monkeypatch.setenv("ANDON_HOME", str(tmp_path / "mallory"))
    shutil.rmtree(place.settings.trust)
    forged = found_trust(load_settings(place.folder), NOW)
    monkeypatch.setenv("ANDON_HOME", str(tmp_path / "home"))
    assert refused(policy_of, place.folder) == "trust.not-pinned"
    assert refused(pin_policy, place.folder, fingerprint(forged)) == "trust.pinned"


def test_versions_that_were_taken_away_are_missed(two_owners):
    two_owners.home.save(Remembered(two_owners.settings.origin, 0, b"\0" * 32, 3))
    assert policy_of(two_owners.folder).root.version == 3
    (two_owners.settings.trust / "root-000003.json").unlink()
    assert refused(policy_of, two_owners.folder) == "policy.rolled-back"


def test_who_names_a_person_signs_alone_even_where_the_other_owners_keys_lie(two_owners, monkeypatch):
    """Both keys are on this machine; andon signs with that of who acts, and the other must act too."""
    put, public = name_in_policy(two_owners.folder, "grace", ["operations"], None)
    assert not put.standing.is_in_force
    assert [one.signed for one in put.standing.quorums] == [("ada",), ("ada",)]
    assert all(one.name != "grace" for one in two_owners.root.principals)
    assert two_owners.sign("ben").standing.is_in_force
    assert two_owners.signer("grace").public == public
    for name, roles, code in (
        ("grace", ["risk"], "key.person-exists"),
        ("hugo", [], "key.no-role"),
        ("hugo", ["witness"], "key.no-role"),
        ("hu go", ["risk"], "key.not-a-name"),
    ):
        assert refused(name_in_policy, two_owners.folder, name, roles, None) == code
    monkeypatch.setenv("ANDON_AS", "grace")
    assert refused(name_in_policy, Place(two_owners.folder).folder, "hugo", ["risk"], None) == "key.no-owner"
    assert not two_owners.home.key("hugo").exists()


def test_a_key_ends_at_once_where_one_owner_is_enough_and_with_all_signatures_where_not(place):
    key_id = place.signer("gatekeeper").key_id
    put = end_key(place.folder, key_id[:8], "retired", NOW + 5, person="")
    assert put.standing.is_in_force
    assert put.signed == "ada"
    (key,) = next(one.keys for one in place.root.principals if one.name == "gatekeeper")
    assert (key.state, key.since_ns) == ("retired", NOW + 5)
    place.propose(**place.with_owner("ben", quorum=2))
    place.sign("ada")
    place.sign("ben")
    waiting = end_key(place.folder, key_id, "compromised", NOW + 4, person="ben")
    assert not waiting.standing.is_in_force
    assert waiting.standing.quorums[0].signed == ("ben",)
    assert place.sign("ada").standing.is_in_force


def test_a_key_that_signs_versions_loses_that_with_its_end_unless_too_few_are_left(two_owners):
    ben = two_owners.signer("ben").key_id
    assert refused(end_key, two_owners.folder, ben, "compromised", NOW, person="ada") == "key.last-owner"
    put = two_owners.propose(**two_owners.with_owner("cleo", quorum=2))
    assert put.standing.version == 4
    for name in ("ada", "ben", "cleo"):
        standing = two_owners.sign(name).standing
        if standing.is_in_force:
            break
    end_key(two_owners.folder, ben, "compromised", NOW, person="ada")
    assert two_owners.sign("cleo").standing.quorums[0].signed == ("ada", "cleo")
    assert ben not in two_owners.root.root_keys
    for wanted, code in (("", "key.unknown"), ("zz", "key.unknown")):
        assert refused(end_key, two_owners.folder, wanted, "retired", NOW, person="ada") == code


def test_a_gatekeeper_of_its_own_answers_the_same_calls_and_takes_no_key(two_owners):
    """Above T0 the files are the gatekeeper's: people verify what it hands out, and hand in signatures."""
    two_owners.propose(expires_ns=LONG - 1)
    chain = answer_call({"call": "trust_chain", "arguments": {}}, two_owners.folder, "ada", print)
    assert chain["proposed"] == trust_chain(two_owners.folder).proposed
    payload = envelopes.from_json(chain["proposed"].encode()).payload
    for name in ("ada", "ben"):
        mine = envelopes.to_json(sign(PAYLOAD_TYPE, payload, [two_owners.signer(name)])).decode()
        call = {"call": "hand_in_root", "arguments": {"envelope": mine}}
        standing = from_json(Standing, answer_call(call, two_owners.folder, name, print))
        assert from_json(Standing, to_json(standing)) == standing
    assert standing.is_in_force
    withdraw = {"call": "withdraw_root", "arguments": {"person": "ben"}}
    assert refused(answer_call, withdraw, two_owners.folder, "ada", print) == "gatekeeper.other-person"
