"""Counting people: distinct, in their role, for exactly this question, in time."""

import base64
import hashlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.attest.trust_root import Floor, KeyState, Principal, RoleInterval, TrustRoot
from andon.contracts.policy import SignOffRule
from andon.gates.request import Question
from andon.gates.said import Said
from andon.gates.signoff import ANY_ROLE, SignOff, acceptance_rules, count, signoff_statement
from andon.kernel.digest import of_bytes
from andon.kernel.errors import InputError
from andon.kernel.signing import PublicKey

NOW, WITHIN = 1_000_000_000_000_000, 1_000_000_000_000
QUESTION = Question("flights", "release:late", of_bytes(b"r"), "local", of_bytes(b"e"), of_bytes(b"p"))
OTHER = replace(QUESTION, evidence=of_bytes(b"other"))
PEOPLE = {"al": ("operations",), "bo": ("operations", "risk"), "cy": ("operations",), "di": ("risk",), "ed": ()}
ELSEWHERE = "bo: signed for another target, factory or trust domain"
RULE = SignOffRule("operations", 2, WITHIN)


def key(name):
    raw = hashlib.sha256(name.encode()).digest()
    return PublicKey(hashlib.sha256(raw).hexdigest(), "ed25519", base64.b64encode(raw).decode())


def principals():
    for name, roles in PEOPLE.items():
        keys = tuple(KeyState(key(name + part), "active", 0) for part in ("", "2"))
        yield Principal(name, "person", keys, tuple(RoleInterval(role, 0) for role in roles))
    yield Principal("gatekeeper", "service", (KeyState(key("gatekeeper"), "active", 0),), (RoleInterval("gate", 0),))


ROOT = TrustRoot(
    version=1,
    domain="tests",
    factory="flights",
    expires_ns=2 * NOW,
    quorum=1,
    root_keys=(key("al").key_id,),
    principals=tuple(principals()),
    floors=(Floor("local", production=False, gates=("release",), signoffs=(("risk", 1),)),),
)


def said(index, who, decision="approve", *, role="operations", question=QUESTION, signed_ns=NOW, keys=()):
    signoff = SignOff(
        "tests",
        question.factory,
        question.gate,
        question.target,
        decision,
        question.evidence,
        question.policy,
        role,
        "because",
        signed_ns,
    )
    statement = signoff_statement(question, signoff)
    signers = frozenset(key(name).key_id for name in keys or (who,))
    envelope = b"%d" % index
    return Said(of_bytes(envelope), envelope, statement, signers, index, max(signed_ns, NOW - WITHIN))


def counted(rule, voices, excluded=()):
    return count(rule, QUESTION, voices, ROOT, excluded=excluded, now_ns=NOW)


def test_two_people_of_the_role_are_enough_and_one_is_not():
    assert counted(RULE, [said(0, "al"), said(1, "bo")]).is_met
    assert not counted(RULE, [said(0, "al")]).is_met


def test_what_is_missing_is_said_in_words():
    assert counted(RULE, []).missing() == "2 sign-offs by people of the role operations"
    assert counted(RULE, [said(0, "al")]).missing() == "1 sign-off by a person of the role operations"
    assert counted(RULE, [said(0, "al"), said(1, "bo")]).missing() == ""


@pytest.mark.parametrize(
    ("voice", "why"),
    [
        (said(0, "ed"), "ed: did not have the role operations when signing"),
        (said(0, "bo", role="risk"), "bo: signed as risk"),
        (said(0, "bo", question=OTHER), "bo: approved other evidence or another policy"),
        (
            said(0, "bo", question=replace(QUESTION, target="x")),
            "bo: signed for another target, factory or trust domain",
        ),
        (
            said(0, "bo", question=replace(QUESTION, factory="x")),
            "bo: signed for another target, factory or trust domain",
        ),
        (said(0, "bo", signed_ns=NOW - WITHIN - 1), "bo: the sign-off has expired"),
        (said(0, "gatekeeper"), "gatekeeper: a service never signs off"),
        (said(0, "nobody"), "statement 0 is signed by no key that counts"),
        (said(0, "", keys=("al", "bo")), "statement 0 is signed by several principals"),
    ],
)
def test_why_somebody_does_not_count_is_said(voice, why):
    found = counted(replace(RULE, people=1), [voice])
    assert (found.approved, found.uncounted) == ((), (why,))


@pytest.mark.parametrize("question", [replace(QUESTION, gate="model:late"), replace(QUESTION, subject=of_bytes(b"s"))])
def test_what_is_about_something_else_is_not_even_mentioned(question):
    assert counted(RULE, [said(0, "bo", question=question)]).uncounted == ()


def test_any_role_means_one_that_the_person_has():
    anybody = SignOffRule(ANY_ROLE, 1, WITHIN)
    assert counted(anybody, [said(0, "di", role="risk")]).is_met
    assert not counted(anybody, [said(0, "di", role="operations")]).is_met
    assert not counted(anybody, [said(0, "ed", role="risk")]).is_met


def test_a_rule_for_a_role_nobody_has_is_never_met():
    assert not counted(SignOffRule("wizard", 1, WITHIN), [said(0, "bo", role="wizard")]).is_met


def test_a_sign_off_about_another_question_is_not_made():
    with pytest.raises(InputError):
        signoff_statement(OTHER, SignOff("tests", "flights", *([""] * 2), "approve", "", "", "", "", 1))


def test_where_no_rule_asks_for_people_one_of_any_role_accepts_too_few_rows():
    (rule,) = acceptance_rules(())
    assert (rule.role, rule.people) == (ANY_ROLE, 1)
    assert acceptance_rules((RULE,)) == (RULE,)


voices = st.lists(
    st.tuples(
        st.sampled_from([*PEOPLE, "gatekeeper"]),
        st.sampled_from(["", "2"]),
        st.sampled_from(["approve", "reject"]),
        st.sampled_from(["operations", "risk"]),
        st.sampled_from([QUESTION, OTHER]),
        st.sampled_from([NOW, NOW - WITHIN - 1]),
    ),
    max_size=8,
)


@settings(max_examples=300, deadline=None)
@given(voices, st.sets(st.sampled_from(list(PEOPLE)), max_size=2), st.integers(1, 3))
def test_the_count_is_what_a_clerk_with_a_list_would_find(spoken, excluded, people):
    rule = replace(RULE, people=people)
    made = [
        said(index, who, decision, role=role, question=question, signed_ns=at, keys=(who + part,))
        for index, (who, part, decision, role, question, at) in enumerate(spoken)
    ]
    last = {who: (decision, role, question, at) for who, _, decision, role, question, at in spoken if who in PEOPLE}
    against = {who for who, one in last.items() if one[0] == "reject" and "operations" in PEOPLE[who]}
    in_favour = {
        who
        for who, one in last.items()
        if one == ("approve", "operations", QUESTION, NOW) and "operations" in PEOPLE[who] and who not in excluded
    }
    found = counted(rule, made, excluded)
    assert {name for name, _ in found.approved} == in_favour
    assert set(found.rejected) == against
    assert found.is_met == (not against and len(in_favour) >= people)
    assert found.is_met == (found.missing() == "")


@settings(max_examples=100, deadline=None)
@given(voices, st.sets(st.sampled_from(list(PEOPLE)), max_size=2))
def test_excluding_more_people_never_helps(spoken, excluded):
    made = [
        said(index, who, decision, role=role, question=question, signed_ns=at, keys=(who + part,))
        for index, (who, part, decision, role, question, at) in enumerate(spoken)
    ]
    if counted(RULE, made, excluded).is_met:
        assert counted(RULE, made).is_met
