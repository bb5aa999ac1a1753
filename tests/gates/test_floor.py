"""What a target's floor adds to a factory's gates: never less than either, nothing twice, and said in words."""

import base64
import hashlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.attest.trust_root import Demand, Floor, KeyState, Principal, RoleInterval, TrustRoot
from andon.contracts.declaration import Declaration, Release, Source
from andon.contracts.policy import Criterion, Policy, SignOffRule
from andon.gates.floor import DEFAULT_WITHIN_NS, effective_policy, weaker_than
from andon.kernel.digest import of_bytes
from andon.kernel.signing import PublicKey

DAY_NS = 86_400_000_000_000
GATES = ("data", "training", "model", "release")

# Few metrics, bounds and sample sizes, so that two criteria often speak of the same thing.
same = st.builds(
    Criterion,
    metric=st.just("auc"),
    op=st.sampled_from(["ge", "le"]),
    bound=st.sampled_from([0.25, 0.5, 0.75]),
    min_n=st.sampled_from([0, 10, 100]),
    severity=st.sampled_from(["block", "warn"]),
)
criteria = same | st.builds(
    replace,
    same,
    metric=st.sampled_from(["auc", "loss"]),
    slice=st.sampled_from(["", "carrier=AA"]),
    side=st.just("lower"),
)
demands = st.lists(
    st.builds(Demand, gate=st.sampled_from(["model", "model:late", "model:late", "model:early"]), criterion=criteria),
    max_size=3,
).map(tuple)
asked = st.dictionaries(st.sampled_from(["risk", "ops"]), st.integers(1, 3), max_size=2).map(lambda d: tuple(d.items()))
rules = st.lists(
    st.builds(
        SignOffRule,
        role=st.sampled_from(["risk", "ops", "*"]),
        people=st.integers(1, 3),
        within_ns=st.sampled_from([DAY_NS, 90 * DAY_NS]),
    ),
    max_size=3,
).map(tuple)
policies = st.builds(
    Policy,
    gate=st.sampled_from(["model:late", "model:late", "release:late"]),
    owner=st.just("science"),
    criteria=st.lists(criteria, max_size=3).map(tuple),
    signoffs=rules,
)
floors = st.builds(
    Floor,
    target=st.just("eu"),
    production=st.just(True),
    gates=st.just(GATES),
    tier=st.just("T1"),
    signoffs=asked,
    criteria=demands,
    first_criteria=demands,
    first_signoffs=asked,
)
# Every value beside every bound and every number of rows beside every least one, for each example.
MEASURED = [(value, n) for value in (None, 0.2, 0.3, 0.6, 0.8) for n in (5, 50, 500)]


def severest(asked_of, value, n):
    """0 passed, 1 left to people, 2 refused: the worst that any blocking criterion says; written anew, not borrowed."""
    worst = 0
    for one in asked_of:
        if one.severity == "warn":
            continue
        if value is None:
            worst = 2
        elif n < one.min_n:
            worst = max(worst, 1)
        elif not (value >= one.bound if one.op == "ge" else value <= one.bound):
            worst = 2
    return worst


def warned(asked_of, value, n):
    return severest([replace(one, severity="block") for one in asked_of], value, n)


def of_one(asked_of, key):
    return [one for one in asked_of if (one.metric, one.side, one.slice) == key]


def about(demanded, gate):
    return [one.criterion for one in demanded if one.gate in (gate, gate.split(":")[0])]


@settings(max_examples=200, deadline=None)
@given(policies, floors, st.booleans())
def test_the_joined_policy_says_exactly_what_the_severer_of_the_two_says(policy, floor, has_champion):
    """Weaker would let something past the floor or past the factory; stricter would refuse what nobody refused."""
    joined = effective_policy(policy, floor, has_champion=has_champion).criteria
    added = about(floor.criteria, policy.gate) + ([] if has_champion else about(floor.first_criteria, policy.gate))
    for key in {(one.metric, one.side, one.slice) for one in (*policy.criteria, *added)}:
        ours, theirs, both = (of_one(asked_of, key) for asked_of in (policy.criteria, added, joined))
        for judge in (severest, warned):
            for value, n in MEASURED:
                assert judge(both, value, n) == max(judge(ours, value, n), judge(theirs, value, n))


@settings(max_examples=80, deadline=None)
@given(policies, floors, st.booleans())
def test_every_role_asks_for_the_most_people_and_the_freshest_signatures(policy, floor, has_champion):
    joined = effective_policy(policy, floor, has_champion=has_champion)
    added = dict(floor.signoffs)
    for role, people in () if has_champion else floor.first_signoffs:
        added[role] = max(people, added.get(role, 0))
    if not policy.gate.startswith("release:"):
        added = {}
    for rule in (*policy.signoffs, *(SignOffRule(role, n, DEFAULT_WITHIN_NS) for role, n in added.items())):
        assert any(
            one.role == rule.role and one.people >= rule.people and one.within_ns <= rule.within_ns
            for one in joined.signoffs
        )
    assert {rule.role for rule in joined.signoffs} == {rule.role for rule in policy.signoffs} | set(added)


@settings(max_examples=60, deadline=None)
@given(policies, floors, st.booleans())
def test_joining_again_changes_nothing(policy, floor, has_champion):
    once = effective_policy(policy, floor, has_champion=has_champion)
    assert effective_policy(once, floor, has_champion=has_champion) == once
    assert (once.gate, once.owner) == (policy.gate, policy.owner)


@settings(max_examples=60, deadline=None)
@given(policies, floors)
def test_a_first_release_is_asked_at_least_what_a_later_one_is(policy, floor):
    first = effective_policy(policy, floor, has_champion=False)
    later = effective_policy(policy, floor, has_champion=True)
    again = effective_policy(first, replace(floor, first_criteria=(), first_signoffs=()), has_champion=True)
    assert again == first
    assert {rule.role for rule in later.signoffs} <= {rule.role for rule in first.signoffs}


def test_without_a_floor_and_where_the_floor_asks_nothing_the_policy_is_the_factorys_own():
    """Its digest is in what people sign; it must not change for nothing."""
    policy = Policy("model:late", "science", (Criterion("auc", "ge", 0.7), Criterion("auc", "ge", 0.7)))
    assert effective_policy(policy, None, has_champion=False) is policy
    floor = Floor("local", False, GATES, signoffs=(("risk", 1),))
    assert effective_policy(policy, floor, has_champion=False).digest() == policy.digest()


def test_the_stricter_bound_stands_alone():
    policy = Policy("model:late", "science", (Criterion("auc", "ge", 0.7), Criterion("loss", "le", 0.2)))
    floor = Floor("eu", False, GATES, criteria=(Demand("model", Criterion("auc", "ge", 0.8)),))
    joined = effective_policy(policy, floor, has_champion=True)
    assert [one.text() for one in joined.criteria] == ["loss <= 0.2", "auc >= 0.8"]


def test_a_malformed_bound_of_the_factory_is_kept_so_that_its_gate_refuses_it():
    """Dropping it in favour of the floor's would repair in silence what nobody meant."""
    broken = Criterion("auc", "ge", float("-inf"))
    floor = Floor("eu", False, GATES, criteria=(Demand("model", Criterion("auc", "ge", 0.8)),))
    joined = effective_policy(Policy("model:late", "science", (broken,)), floor, has_champion=True)
    assert broken in joined.criteria


def key(name):
    raw = hashlib.sha256(name.encode()).digest()
    return PublicKey(hashlib.sha256(raw).hexdigest(), "ed25519", base64.b64encode(raw).decode())


def root(*floors_of):
    ada = Principal("ada", "person", (KeyState(key("ada"), "active", 0),), (RoleInterval("owner", 0),))
    return TrustRoot(1, "tests", "flights", 10**15, 1, (key("ada").key_id,), (ada,), floors_of)


def declaration(*gates, target="eu"):
    return Declaration(
        factory="flights",
        owner="science",
        purpose="late flights",
        contracts={},
        sources=(Source("schedule", "Schedule", "science", DAY_NS, of_bytes(b"f")),),
        feature_sets=(),
        models=(),
        gates=gates,
        releases=(Release("late", target, 20_000_000),),
        code={},
    )


FULL = (
    Policy("data:schedule", "science", (Criterion("rows.quarantined", "le", 0.01),)),
    Policy("training:late", "science", (Criterion("auc", "ge", 0.6),)),
    Policy("model:late", "science", (Criterion("auc", "ge", 0.7),)),
    Policy("release:late", "science", (Criterion("target.latency", "le", 0.02),), (SignOffRule("risk", 1, DAY_NS),)),
)


def test_a_factory_that_asks_as_much_as_the_floor_is_weaker_nowhere():
    floor = Floor(
        "eu",
        True,
        GATES,
        signoffs=(("risk", 1),),
        tier="T1",
        criteria=(Demand("model", Criterion("auc", "ge", 0.7)),),
        policies=(("model:late", FULL[2].digest()),),
    )
    assert weaker_than(declaration(*FULL), root(floor)) == ()


def test_each_weakness_names_gate_rule_owner_and_what_the_factory_has():
    floor = Floor(
        "eu",
        True,
        GATES,
        signoffs=(("risk", 2), ("legal", 1)),
        owner="the risk board",
        tier="T1",
        criteria=(
            Demand("model", Criterion("auc", "ge", 0.8, min_n=500)),
            Demand("model", Criterion("calibration", "le", 0.1)),
        ),
        first_criteria=(
            Demand("model:late", Criterion("auc", "ge", 0.9)),
            Demand("model:late", Criterion("calibration", "le", 0.1)),
        ),
        first_signoffs=(("owner", 1), ("legal", 1)),
    )
    found = weaker_than(declaration(*FULL), root(floor))
    assert {(one.target, one.owner, one.is_error) for one in found} == {("eu", "the risk board", False)}
    assert [(one.gate, one.rule, one.declared) for one in found] == [
        ("model:late", "auc >= 0.8 on at least 500 rows", "auc >= 0.7"),
        ("model:late", "calibration <= 0.1", "nothing about calibration"),
        ("model:late", "auc >= 0.9, for a first release", "auc >= 0.7"),
        ("release:late", "2 of risk within 30 d", "1 of risk within 1 d"),
        ("release:late", "1 of legal within 30 d", "nobody"),
        ("release:late", "1 of owner within 30 d, for a first release", "nobody"),
    ]


@pytest.mark.parametrize("without", range(4))
def test_a_gate_that_the_floor_requires_and_nobody_declares_is_an_error(without):
    gates = [policy for i, policy in enumerate(FULL) if i != without]
    found = weaker_than(declaration(*gates), root(Floor("eu", False, GATES)))
    assert [(one.gate, one.is_error) for one in found] == [(FULL[without].gate, True)]


def test_a_pinned_policy_that_differs_or_is_not_there_is_an_error():
    pinned = (("model:late", of_bytes(b"other")), ("data:weather", of_bytes(b"w")), ("model:early", of_bytes(b"e")))
    found = weaker_than(declaration(*FULL), root(Floor("eu", False, GATES, policies=pinned)))
    assert [(one.gate, one.declared, one.is_error) for one in found] == [
        ("model:late", FULL[2].digest(), True),
        ("data:weather", "no such gate", True),
    ]


def test_gates_of_unknown_kinds_and_of_unknown_sources_are_errors_and_those_of_models_elsewhere_are_not():
    gates = ("blessing", "data:weather", "model:early", "model:late")
    found = weaker_than(declaration(*FULL), root(Floor("eu", False, gates)))
    assert [(one.gate, one.is_error) for one in found] == [("blessing", True), ("data:weather", True)]


def test_a_target_without_a_floor_is_an_error():
    (found,) = weaker_than(declaration(*FULL, target="moon"), root(Floor("eu", False, GATES)))
    assert (found.target, found.is_error) == ("moon", True)


@settings(max_examples=60, deadline=None)
@given(policies.filter(lambda policy: policy.gate == "model:late"), floors)
def test_where_the_factory_is_nowhere_weaker_the_floor_changes_no_judgement(policy, floor):
    """`andon check` may not be silent where the floor will bite."""
    floor = replace(floor, signoffs=(), first_signoffs=())
    declared = declaration(policy, *(one for one in FULL if one.gate != "model:late"))
    about_it = [one for one in weaker_than(declared, root(floor)) if one.gate == "model:late"]
    is_changed = effective_policy(policy, floor, has_champion=False) != policy
    assert bool(about_it) == is_changed
