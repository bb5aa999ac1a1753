"""What is claimed about which bytes."""

import json

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.attest import statement as st_module
from andon.attest.envelope import Envelope, from_json, sign, to_json
from andon.attest.statement import (
    GATE_VERDICT,
    PAYLOAD_TYPE,
    PREDICATE_TYPES,
    RELEASE,
    SIGNOFF,
    Statement,
    Subject,
    from_bytes,
    seal,
    to_bytes,
    unseal,
)
from andon.kernel.digest import of_bytes
from andon.kernel.errors import AndonError, IntegrityError

numbers = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
statements = st.builds(
    Statement,
    st.lists(
        st.builds(Subject, st.text(min_size=1, max_size=8), st.binary(max_size=3).map(of_bytes)),
        min_size=1,
        max_size=3,
        unique_by=lambda subject: subject.digest,
    ).map(tuple),
    st.sampled_from(sorted(PREDICATE_TYPES)),
    st.dictionaries(st.text(max_size=5), values, max_size=4),
)
VERDICT = Statement((Subject("model", of_bytes(b"model")),), GATE_VERDICT, {"gate": "model", "verdict": "PASSED"})


@given(statements)
@settings(max_examples=60, deadline=None)
def test_a_statement_is_canonical_in_toto_json_and_reads_back(statement):
    data = to_bytes(statement)
    value = json.loads(data, parse_int=float)
    assert data == rfc8785.dumps(value)
    assert value["_type"] == "https://in-toto.io/Statement/v1"
    assert [item["digest"] for item in value["subject"]] == [
        {"sha256": subject.digest.removeprefix("sha256:")} for subject in statement.subjects
    ]
    read = from_bytes(data)
    assert to_bytes(read) == data
    assert (read.subjects, read.predicate_type) == (statement.subjects, statement.predicate_type)


@given(statements)
@settings(max_examples=20, deadline=None)
def test_a_sealed_statement_opens_with_its_key_only(signer_of, verifiers_for, statement):
    envelope = from_json(to_json(seal(statement, signer_of(1))))
    opened, signers = unseal(envelope, verifiers_for(1, 2), statement.predicate_type)
    assert to_bytes(opened) == to_bytes(statement)
    assert signers == {signer_of(1).key_id}
    with pytest.raises(IntegrityError, match="unsigned"):
        unseal(envelope, verifiers_for(2), statement.predicate_type)


def test_a_statement_of_another_kind_is_refused(signer_of, verifiers_for):
    envelope = seal(VERDICT, signer_of(1))
    for kind in PREDICATE_TYPES - {GATE_VERDICT}:
        with pytest.raises(IntegrityError, match=f"{kind} is expected"):
            unseal(envelope, verifiers_for(1), kind)


def test_rightly_signed_bytes_of_another_payload_type_are_refused(signer_of, verifiers_for):
    for kind in ("text/plain", "application/vnd.in-toto+json ", "application/vnd.andon.trust-root+json"):
        with pytest.raises(IntegrityError, match="payload type"):
            unseal(sign(kind, to_bytes(VERDICT), [signer_of(1)]), verifiers_for(1), GATE_VERDICT)


def test_a_swapped_payload_is_refused(signer_of, verifiers_for):
    other = Statement((Subject("model", of_bytes(b"other")),), GATE_VERDICT, VERDICT.predicate)
    forged = Envelope(PAYLOAD_TYPE, to_bytes(other), seal(VERDICT, signer_of(1)).signatures)
    with pytest.raises(IntegrityError, match="unsigned"):
        unseal(forged, verifiers_for(1), GATE_VERDICT)


def test_the_predicate_types_are_those_that_exist_and_no_others():
    names = {"gate-verdict", "signoff", "release", "admission", "rollback", "revocation"}
    names |= {"waiver", "annulment", "delegation", "recovery"}
    assert frozenset(f"andon/{name}/v1" for name in names) == PREDICATE_TYPES
    constants = {value for name, value in vars(st_module).items() if name.isupper() and str(value).startswith("andon/")}
    assert constants == PREDICATE_TYPES


GOOD = json.loads(to_bytes(VERDICT))
SUBJECT = GOOD["subject"][0]


@pytest.mark.parametrize(
    "changes",
    [
        {"_type": "https://in-toto.io/Statement/v0.1"},
        {"predicateType": "andon/blessing/v1"},
        {"predicateType": "andon/gate-verdict/v2"},
        {"predicateType": None},
        {"predicate": None},
        {"predicate": []},
        {"subject": []},
        {"subject": {}},
        {"subject": [SUBJECT, SUBJECT]},
        {"subject": [{**SUBJECT, "uri": "x"}]},
        {"subject": [{**SUBJECT, "name": ""}]},
        {"subject": [{**SUBJECT, "digest": {"sha1": "00"}}]},
        {"subject": [{**SUBJECT, "digest": {**SUBJECT["digest"], "sha512": "00"}}]},
        {"subject": [{**SUBJECT, "digest": {"sha256": SUBJECT["digest"]["sha256"].upper()}}]},
        {"subject": [{**SUBJECT, "digest": {"sha256": "00"}}]},
        {"more": 1},
    ],
    ids=str,
)
def test_a_malformed_statement_is_refused_even_when_it_is_signed(changes, signer_of, verifiers_for):
    envelope = sign(PAYLOAD_TYPE, rfc8785.dumps({**GOOD, **changes}), [signer_of(1)])
    with pytest.raises(IntegrityError, match=r"attest\.malformed"):
        unseal(envelope, verifiers_for(1), GATE_VERDICT)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**53, b"bytes", {1: 2}])
def test_what_has_no_canonical_form_cannot_be_said(value, signer_of):
    with pytest.raises(AndonError):
        seal(Statement(VERDICT.subjects, SIGNOFF, {"x": value}), signer_of(1))


@pytest.mark.parametrize(
    ("subjects", "kind"),
    [
        ((), RELEASE),
        ((VERDICT.subjects[0],) * 2, RELEASE),
        ((Subject("a", "sha256:00"),), RELEASE),
        ((Subject("", of_bytes(b"")),), RELEASE),
        (VERDICT.subjects, "andon/blessing/v1"),
    ],
)
def test_a_statement_about_nothing_or_of_no_kind_cannot_be_made(subjects, kind):
    with pytest.raises(IntegrityError, match=r"attest\.malformed"):
        Statement(subjects, kind, {})
