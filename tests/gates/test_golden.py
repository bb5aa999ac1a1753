"""The written forms of what gates and people sign never change: other machines read them for years."""

from pathlib import Path

import pytest

from andon.attest.statement import from_bytes, to_bytes
from andon.contracts.evidence import Evidence, Measurement, Span
from andon.contracts.policy import Criterion, Policy, SignOffRule
from andon.gates.annulment import Annulment, annulment_statement
from andon.gates.criteria import weigh
from andon.gates.delegation import Delegation, delegation_statement
from andon.gates.request import Question
from andon.gates.serving import Admission, Revocation, decision_statement
from andon.gates.signoff import SignOff, signoff_statement
from andon.gates.verdict import Moved, Verdict, read_verdict, verdict_statement
from andon.gates.waiver import Waiver, waiver_statement
from andon.kernel.digest import of_bytes

GOLDEN = Path(__file__).parents[1] / "golden"
SUBJECT, ROWS = of_bytes(b"subject"), of_bytes(b"rows")
POLICY = Policy(
    "model:late",
    "ops",
    (Criterion("auc", "ge", 0.7, side="lower", by="origin", min_n=500), Criterion("brier", "le", 0.2)),
    (SignOffRule("operations", 1, 432_000_000_000_000),),
)
EVIDENCE = Evidence(
    SUBJECT,
    ROWS,
    (
        Measurement("auc", 0.75, lower=0.7125, upper=0.7875, n=900, slice="origin=JFK"),
        Measurement("brier", None, n=900, problem="not a finite number: nan"),
    ),
    Span("Schedule", 1_799_000_000_000_000_000, 1_800_000_000_000_000_000),
)


def verdict():
    return Verdict(
        domain="golden.example",
        factory="flights",
        gate="model:late",
        target="local",
        subject=SUBJECT,
        content=of_bytes(b"content"),
        evidence=EVIDENCE,
        declared=POLICY,
        policy=POLICY,
        findings=weigh(POLICY, EVIDENCE, ""),
        outcome="FAILED",
        champion="",
        is_first=True,
        looks=3,
        excluded=("al",),
        signoffs=(),
        waivers=(),
        stands=(),
        output="",
        publish=Moved("dataset/flights/Schedule", of_bytes(b"dataset"), 7),
        tier="T1",
        root_version=2,
        time_ns=1_800_000_000_000_000_001,
    )


def statements():
    question = Question("flights", "model:late", SUBJECT, "local", EVIDENCE.digest(), POLICY.digest())
    signoff = SignOff(
        domain="golden.example",
        factory="flights",
        gate="model:late",
        target="local",
        decision="approve",
        evidence=EVIDENCE.digest(),
        policy=POLICY.digest(),
        role="operations",
        reason="ääh, fine",
        time_ns=1_800_000_000_000_000_002,
    )
    admission = Admission(
        domain="golden.example",
        factory="flights",
        model_name="late",
        target="local",
        release=of_bytes(b"release"),
        model=SUBJECT,
        relied=(of_bytes(b"one"), of_bytes(b"two")),
        root=of_bytes(b"root"),
        root_version=3,
        tier="T1",
        publish=Moved("serving/flights/late/local", of_bytes(b"release"), 2),
        time_ns=1_800_000_000_000_000_003,
    )
    waiver = Waiver(
        domain="golden.example",
        factory="flights",
        gate="model:late",
        target="local",
        verdict=of_bytes(b"verdict"),
        criterion=POLICY.criteria[0],
        slice="origin=JFK",
        worst=0.69,
        role="risk",
        reason="too few rows in winter",
        expires_ns=1_800_086_400_000_000_000,
        time_ns=1_800_000_000_000_000_004,
    )
    annulment = Annulment(
        "golden.example", "flights", of_bytes(b"verdict"), "model:late", "labels of June", 1_800_000_000_000_000_005
    )
    delegation = Delegation(
        "golden.example", "flights", "cy", "risk", 1_800_086_400_000_000_000, "holiday", 1_800_000_000_000_000_006
    )
    revocation = Revocation(
        "golden.example", "flights", of_bytes(b"release"), "bo", "leaked", 1_800_000_000_000_000_007
    )
    return {
        "waiver.json": waiver_statement(waiver, SUBJECT),
        "annulment.json": annulment_statement(annulment, verdict()),
        "delegation.json": delegation_statement(delegation),
        "revocation.json": decision_statement(revocation),
        "gate-verdict.json": verdict_statement(verdict()),
        "signoff.json": signoff_statement(question, signoff),
        "admission.json": decision_statement(admission),
    }


@pytest.mark.parametrize("name", statements())
def test_a_statement_is_written_as_it_always_was(name):
    assert to_bytes(statements()[name]) == (GOLDEN / name).read_bytes()


def test_a_verdict_reads_back_as_the_value_it_was():
    assert read_verdict(from_bytes((GOLDEN / "gate-verdict.json").read_bytes())) == verdict()
