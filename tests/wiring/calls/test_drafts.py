"""What a person reads before signing is what they sign: every member of it, from the very bytes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.adapters.keys import generate_key, verifier
from andon.attest import envelope as envelopes
from andon.attest.statement import Statement, Subject, from_bytes, to_bytes, unseal
from andon.contracts.policy import Criterion
from andon.contracts.wire import to_json
from andon.gates.annulment import Annulment
from andon.gates.delegation import Delegation, delegation_statement
from andon.gates.signoff import SignOff
from andon.gates.waiver import Waiver, waiver_statement
from andon.kernel.errors import AndonError
from andon.wiring.calls.drafts import sign_draft, words_of

A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64
MOMENT_NS = 1_700_000_000_000_000_000
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=30)


def statements(reason="why", role="risk", worst=0.5):
    signoff = SignOff("d", "f", "release:late", "local", "approve", A, B, role, reason, MOMENT_NS)
    annulment = Annulment("d", "f", B, "model:late", reason, MOMENT_NS)
    criterion = Criterion("auc", "ge", 0.8)
    waiver = Waiver("d", "f", "model:late", "local", B, criterion, "depot=north", worst, role, reason, MOMENT_NS, 0)
    delegation = Delegation("d", "f", "rita", role, MOMENT_NS, reason, 0)
    return [
        Statement((Subject("release:late", A),), "andon/signoff/v1", to_json(signoff)),
        Statement((Subject("model:late", A), Subject("verdict", B)), "andon/annulment/v1", to_json(annulment)),
        waiver_statement(waiver, A),
        delegation_statement(delegation),
    ]


@settings(max_examples=40)
@given(reason=WORDS, role=WORDS, worst=st.floats(allow_nan=False, allow_infinity=False))
def test_the_words_leave_nothing_out(reason, role, worst):
    for statement in statements(reason, role, worst):
        rows = words_of(to_bytes(statement).decode())
        said = [value for _, value in rows]
        assert len(rows) == 1 + len(statement.subjects) + len(statement.predicate)
        assert all(subject.digest in said for subject in statement.subjects)
        assert reason in said
        assert role in said or "role" not in statement.predicate
        if "worst" in statement.predicate:
            assert float(dict(rows)["worst value accepted"]) == worst


def test_the_words_of_a_waiver_are_those_that_matter():
    rows = dict(words_of(to_bytes(statements()[2]).decode()))
    assert rows["criterion"] == "auc >= 0.8"
    assert rows["slice"] == "depot=north"
    assert rows["worst value accepted"] == "0.5"
    assert rows["expires"] == "2023-11-14T22:13:20Z"
    assert rows["of the verdict"] == B


def test_what_is_signed_is_the_draft_to_the_byte(tmp_path):
    public = generate_key(tmp_path / "k" / "me.pem")
    for statement in statements():
        text = to_bytes(statement).decode()
        signed = sign_draft(None, text, "me", (tmp_path / "k" / "me.pem").as_uri())
        envelope = envelopes.from_json(signed.encode())
        assert envelope.payload.decode() == text
        found, keys = unseal(envelope, {public.key_id: verifier(public)}, statement.predicate_type)
        assert (found, keys) == (from_bytes(text.encode()), {public.key_id})


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace('"approve"', '"appr\\u006fve"'),
        lambda text: text.replace(",", ", ", 1),
        lambda text: text.replace("andon/signoff/v1", "andon/gate-verdict/v1"),
        lambda text: text + text,
    ],
)
def test_another_spelling_or_another_kind_is_not_signed(tmp_path, change):
    generate_key(tmp_path / "k" / "me.pem")
    text = change(to_bytes(statements()[0]).decode())
    with pytest.raises(AndonError):
        sign_draft(None, text, "me", (tmp_path / "k" / "me.pem").as_uri())
