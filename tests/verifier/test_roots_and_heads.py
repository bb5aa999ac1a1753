"""Who may sign what follows from the pinned trust root, version by version; what was said stands under signed heads."""

import json
from dataclasses import replace

import pytest

from andon.adapters.keys import load_signer
from andon.attest.envelope import to_json
from andon.attest.succession import seal_root
from andon.kernel.armour import unwrap, wrap
from andon.ledger.checkpoint import Checkpoint, sign
from andon.ledger.merkle import leaf_hash, root
from tests.gates.world import DOMAIN, FACTORY, found
from tests.verifier.shown import shown


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A world with one decision in its ledger and two versions of its trust root."""
    made = found(tmp_path_factory.mktemp("roots") / "world")
    made.judge_data(made.batch())
    made.govern(owner="al")
    yield made
    made.database.close()


def second(world, *signers, **changes):
    """The second version of the trust root with changes, signed by these."""
    changed = replace(world.root, **changes)
    return to_json(seal_root(changed, [load_signer(world.home.key(name)) for name in signers]))


def trust_problems(verify, seen):
    checks = verify.Checks()
    trust = verify.read_trust(seen.files, seen.pinned, checks)
    if trust.versions:
        ledger = verify.read_ledger(seen.files, seen.index, trust, checks)
        verify.read_statements(seen.files, ledger, trust, checks)
    return {path: "; ".join(text for at, text in checks.problems if at == path) for path, _ in checks.problems}


def with_second(verify, world, data):
    seen = shown(verify, world)
    seen.files["trust/000002.dsse.json"] = data
    return trust_problems(verify, seen).get("trust/000002.dsse.json", "")


def test_a_next_trust_root_needs_the_quorum_of_the_one_before(verify, world):
    assert with_second(verify, world, second(world, "al")) == ""
    assert "0 of 1 people" in with_second(verify, world, second(world, "bo"))
    own = tuple(key.public.key_id for one in world.root.principals if one.name == "bo" for key in one.keys)
    assert "0 of 1 people" in with_second(verify, world, second(world, "bo", root_keys=own))


def test_one_person_with_two_keys_is_no_quorum_of_two(verify, world):
    both = tuple(key.public.key_id for one in world.root.principals if one.name in ("al", "bo") for key in one.keys)
    data = second(world, "al", root_keys=both, quorum=2)
    assert "1 of 2 people" in with_second(verify, world, data)
    assert with_second(verify, world, second(world, "al", "bo", root_keys=both, quorum=2)) == ""


def test_versions_have_no_gap_and_stay_with_their_factory(verify, world):
    assert "version 3" in with_second(verify, world, second(world, "al", version=3))
    assert "another factory" in with_second(verify, world, second(world, "al", domain="other.example"))


def test_a_key_neither_leaves_its_owner_nor_comes_back_to_life(verify, world):
    people = world.root.principals
    assert "left its owner" in with_second(verify, world, second(world, "al", principals=people[:-1]))
    seen = shown(verify, world)
    retired = tuple(
        replace(one, keys=tuple(replace(key, state="retired") for key in one.keys)) if one.name == "cy" else one
        for one in people
    )
    seen.files["trust/000002.dsse.json"] = second(world, "al", principals=retired)
    seen.files["trust/000003.dsse.json"] = second(world, "al", version=3)
    assert "came back to life" in trust_problems(verify, seen)["trust/000003.dsse.json"]


def test_a_key_that_does_not_have_its_own_id_is_refused(verify, world):
    envelope = json.loads(second(world, "al"))
    payload = unwrap(envelope["payload"])
    known = world.root.principals[1].keys[0].public
    forged = payload.replace(known.value.encode(), world.root.principals[2].keys[0].public.value.encode(), 1)
    assert forged != payload
    envelope["payload"] = wrap(forged)
    data = json.dumps(envelope, separators=(",", ":"), sort_keys=True).encode()
    assert "its own id" in with_second(verify, world, data)


def test_a_head_that_another_key_than_the_ledgers_signed_is_refused(verify, world):
    seen = shown(verify, world)
    leaves = seen.files["ledger/leaves.ndjson"].splitlines()
    head = Checkpoint(f"{DOMAIN}/{FACTORY}", len(leaves), root([leaf_hash(leaf) for leaf in leaves]))
    path = f"ledger/checkpoint-{len(leaves):012d}.txt"
    for who, said in (("ledger", ""), ("gatekeeper", "no key of the ledger"), ("mallory", "no key of the ledger")):
        note = sign(head, load_signer(world.home.key(who)))
        seen.files[path] = note.encode()
        found_ = trust_problems(verify, seen).get(path, "")
        assert said in found_
        assert bool(said) == bool(found_)


def test_a_head_over_other_leaves_is_refused_even_if_the_ledgers_key_signed_it(verify, world):
    """A fork: two histories, each under a right signature. The leaves decide which one the head is of."""
    seen = shown(verify, world)
    size = len(seen.files["ledger/leaves.ndjson"].splitlines())
    note = sign(Checkpoint(f"{DOMAIN}/{FACTORY}", size, b"\x07" * 32), load_signer(world.home.key("ledger")))
    seen.files[f"ledger/checkpoint-{size:012d}.txt"] = note.encode()
    seen.index["ledger"]["root"] = (b"\x07" * 32).hex()
    found_ = trust_problems(verify, seen)
    assert {"ledger/leaves.ndjson", f"ledger/checkpoint-{size:012d}.txt"} <= set(found_)


@pytest.mark.parametrize(
    ("old", "new"),
    [(b'"time_ns":"1', b'"time_ns":"2'), (b'"kind":"gate-verdict"', b'"kind":"release"'), (b'"index":0', b'"index":1')],
)
def test_an_edited_leaf_is_refused(verify, world, old, new):
    seen = shown(verify, world)
    leaves = seen.files["ledger/leaves.ndjson"]
    seen.files["ledger/leaves.ndjson"] = leaves.replace(old, new, 1)
    assert seen.files["ledger/leaves.ndjson"] != leaves
    assert "ledger/leaves.ndjson" in trust_problems(verify, seen)
