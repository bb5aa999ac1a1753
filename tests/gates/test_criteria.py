"""Measured values against a policy, with an oracle of its own."""

import math
from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.contracts.evidence import Evidence, Measurement
from andon.contracts.policy import Criterion, Finding, Policy, SignOffRule
from andon.gates.criteria import check_policy, final_failures, outcome, weigh
from andon.kernel.digest import of_bytes
from andon.kernel.errors import RefusedError

SUBJECT, ROWS, CHAMPION = of_bytes(b"subject"), of_bytes(b"rows"), of_bytes(b"champion")


def evidence(*measurements: Measurement) -> Evidence:
    return Evidence(SUBJECT, ROWS, measurements)


def policy(*criteria: Criterion) -> Policy:
    return Policy("model:late", "ops", criteria)


def only(criterion: Criterion, *measurements: Measurement, champion: str = CHAMPION) -> Finding:
    (finding,) = weigh(policy(criterion), evidence(*measurements), champion)
    return finding


AUC = Criterion("auc", "ge", 0.7)
GOOD = Measurement("auc", 0.8, lower=0.75, upper=0.85, n=1000)


def test_a_value_on_the_right_side_of_the_bound_holds() -> None:
    assert only(AUC, GOOD).holds == "yes"


@pytest.mark.parametrize("value", [None, math.nan, math.inf, True, "0.9", 10**400, [0.9]])
def test_what_is_not_a_finite_number_never_holds(value: object) -> None:
    finding = only(AUC, replace(GOOD, value=value))
    assert finding.holds == "no"
    assert finding.value is None


def test_a_metric_nobody_measured_does_not_hold() -> None:
    assert only(AUC, replace(GOOD, metric="accuracy")).why == "not measured"


def test_a_metric_measured_twice_does_not_hold() -> None:
    assert only(AUC, GOOD, replace(GOOD, value=0.9)).holds == "no"


@pytest.mark.parametrize("n", [True, -1, 3.5, None])
def test_a_number_of_rows_that_is_no_count_does_not_hold(n: object) -> None:
    assert only(AUC, replace(GOOD, n=n)).holds == "no"


@pytest.mark.parametrize("side", ["lower", "upper"])
def test_a_bound_that_was_not_measured_does_not_hold(side: str) -> None:
    criterion = replace(AUC, side=side)
    assert only(criterion, GOOD).holds == "yes"
    assert only(criterion, replace(GOOD, lower=None, upper=None)).holds == "no"


def test_the_lower_bound_is_compared_when_the_criterion_says_so() -> None:
    strict = replace(AUC, bound=0.78)
    assert only(strict, GOOD).holds == "yes"
    assert only(replace(strict, side="lower"), GOOD).holds == "no"


def test_too_few_rows_never_hold_however_good_the_value() -> None:
    finding = only(replace(AUC, min_n=1001), GOOD)
    assert finding.holds == "too few"
    assert outcome([finding]) == "PENDING"
    assert outcome([finding], few_accepted=True) == "PASSED"


def test_every_slice_that_was_measured_must_hold() -> None:
    by = replace(AUC, by="origin", min_n=500)
    slices = [replace(GOOD, slice=f"origin={name}") for name in ("EWR", "JFK", "LGA")]
    assert {f.holds for f in weigh(policy(by), evidence(*slices), "")} == {"yes"}
    slices[1] = replace(slices[1], value=0.6)
    slices[2] = replace(slices[2], n=499)
    held = [(f.slice, f.holds) for f in weigh(policy(by), evidence(*slices), "")]
    assert held == [("origin=EWR", "yes"), ("origin=JFK", "no"), ("origin=LGA", "too few")]


def test_slices_that_nobody_measured_do_not_hold() -> None:
    assert only(replace(AUC, by="origin"), GOOD, replace(GOOD, slice="carrier=UA")).holds == "no"


def test_a_team_measurement_counts_only_where_the_policy_names_it() -> None:
    theirs = replace(GOOD, measured_by="factory")
    assert only(AUC, theirs).holds == "no"
    named = replace(AUC, metric="factory:gain")
    assert only(named, replace(theirs, metric="factory:gain")).holds == "yes"
    assert only(named, replace(GOOD, metric="factory:gain")).holds == "no"


def test_a_difference_counts_only_against_the_present_champion() -> None:
    criterion = Criterion("auc.difference", "ge", -0.005, baseline="champion")
    measured = Measurement("auc.difference", 0.0, n=10, baseline=CHAMPION)
    assert only(criterion, measured).holds == "yes"
    assert only(criterion, replace(measured, baseline=SUBJECT)).holds == "no"
    assert only(criterion, replace(measured, baseline="")).holds == "no"


def test_without_a_champion_a_difference_is_not_applicable_and_says_why() -> None:
    finding = only(Criterion("auc.difference", "ge", 0.0, baseline="champion"), champion="")
    assert (finding.holds, finding.why) == ("not applicable", "not applicable: first release")
    assert outcome([finding]) == "PASSED"


def test_a_policy_that_demands_nothing_is_refused() -> None:
    with pytest.raises(RefusedError) as caught:
        weigh(policy(), evidence(GOOD), "")
    assert caught.value.code == "gates.empty-policy"


@pytest.mark.parametrize(
    "bad",
    [
        policy(replace(AUC, bound=math.nan)),
        policy(replace(AUC, bound=True)),
        policy(replace(AUC, min_n=-1)),
        replace(policy(AUC), gate="late"),
        replace(policy(AUC), gate="deploy:late"),
        replace(policy(AUC), signoffs=(SignOffRule("operations", 0, 1),)),
        replace(policy(AUC), signoffs=(SignOffRule("operations", 1, 0),)),
        replace(policy(AUC), signoffs=(SignOffRule("", 1, 1),)),
    ],
)
def test_a_policy_that_cannot_be_judged_is_refused(bad: Policy) -> None:
    with pytest.raises(RefusedError) as caught:
        check_policy(bad)
    assert caught.value.code == "gates.malformed-policy"


def test_one_no_fails_whatever_people_say() -> None:
    bad = only(AUC, replace(GOOD, value=0.5))
    few = only(replace(AUC, min_n=5000), GOOD)
    assert outcome([bad, few], few_accepted=True) == "FAILED"
    assert outcome([bad], people_missing=True) == "FAILED"


def test_missing_people_leave_a_good_subject_pending() -> None:
    assert outcome([only(AUC, GOOD)], people_missing=True) == "PENDING"


def test_only_what_andon_found_nothing_to_compare_with_is_not_applicable() -> None:
    """Nobody else may say so, and nothing that was compared may be left out."""
    usual = Criterion("volume.lowest", "ge", 0.6, baseline="published")
    none = Measurement("volume.lowest", None, problem="3 weeks are known, and 4 are needed")
    finding = only(usual, none)
    assert (finding.holds, finding.value) == ("not applicable", None)
    assert finding.why == "not applicable: 3 weeks are known, and 4 are needed"
    assert outcome([finding]) == "PASSED"
    assert outcome([only(usual)]) == "FAILED"
    for other in (replace(none, measured_by="factory"), replace(none, baseline=SUBJECT), replace(none, n=-1)):
        assert only(usual, other).holds == "no"
    assert only(usual, none, none).holds == "no"
    assert only(replace(usual, baseline=""), none).holds == "no"
    assert only(usual, replace(none, value=0.5, baseline=SUBJECT)).holds == "no"


def test_a_sick_target_waits_and_is_never_final() -> None:
    sick = only(Criterion("target.healthy", "ge", 1.0), Measurement("target.healthy", 0.0, n=1))
    assert sick.holds == "no"
    assert outcome([sick], few_accepted=True) == "PENDING"
    assert final_failures([sick]) == ()


def test_only_a_measured_no_is_final() -> None:
    measured, missing = only(AUC, replace(GOOD, value=0.5)), only(AUC)
    assert final_failures([measured, missing, only(AUC, GOOD)]) == (measured,)


numbers = st.one_of(st.none(), st.floats(), st.booleans(), st.text(max_size=3), st.integers(-3, 3))
measurements = st.builds(
    Measurement,
    metric=st.sampled_from(["auc", "brier", "factory:gain"]),
    value=numbers,
    lower=numbers,
    upper=numbers,
    n=st.integers(0, 30),
    slice=st.sampled_from(["", "origin=A", "origin=B", "carrier=A"]),
    baseline=st.sampled_from(["", CHAMPION, SUBJECT]),
    measured_by=st.sampled_from(["andon", "factory", "someone"]),
)
criteria = st.builds(
    Criterion,
    metric=st.sampled_from(["auc", "brier", "factory:gain"]),
    op=st.sampled_from(["ge", "le"]),
    bound=st.floats(-2, 2),
    side=st.sampled_from(["point", "lower", "upper"]),
    by=st.sampled_from(["", "origin"]),
    min_n=st.integers(0, 30),
    baseline=st.sampled_from(["", "champion", "published"]),
)


def oracle_passes(demanded: Criterion, made: list[Measurement], champion: str) -> bool:
    """The rule of the design in other words: everything relevant is one good number."""
    if demanded.baseline == "champion" and not champion:
        return True
    relevant = [m for m in made if m.metric == demanded.metric]
    relevant = [m for m in relevant if (m.slice.split("=")[0] == "origin" if demanded.by else m.slice == "")]
    if not relevant or len({m.slice for m in relevant}) < len(relevant):
        return False
    for m in relevant:
        is_ours = (m.measured_by == "andon") != demanded.metric.startswith("factory:") and m.measured_by != "someone"
        if demanded.baseline == "published" and (m.value, m.baseline) == (None, "") and is_ours:
            continue  # there was nothing to compare with
        number = {"point": m.value, "lower": m.lower, "upper": m.upper}[demanded.side]
        if isinstance(number, bool | str) or number is None or number != number or abs(number) == math.inf:
            return False
        if (number - demanded.bound) * (1 if demanded.op == "ge" else -1) < 0 or m.n < demanded.min_n:
            return False
        if not is_ours or (demanded.baseline == "champion" and m.baseline != champion):
            return False
    return True


@settings(max_examples=400)
@given(st.lists(measurements, max_size=6), st.lists(criteria, min_size=1, max_size=3), st.sampled_from(["", CHAMPION]))
def test_a_gate_passes_exactly_when_the_oracle_says_so(
    made: list[Measurement], demanded: list[Criterion], champion: str
) -> None:
    findings = weigh(policy(*demanded), evidence(*made), champion)
    assert (outcome(findings) == "PASSED") == all(oracle_passes(c, made, champion) for c in demanded)
    assert {f.holds for f in findings} <= set(get_args(Finding.__annotations__["holds"]))


@settings(max_examples=200)
@given(st.lists(measurements, max_size=6), criteria, st.data())
def test_taking_a_measurement_away_never_turns_a_failure_of_the_whole_into_a_pass(
    made: list[Measurement], demanded: Criterion, data: st.DataObject
) -> None:
    whole = replace(demanded, by="")
    distinct = list({(m.metric, m.slice): m for m in made}.values())
    kept = data.draw(st.lists(st.sampled_from(distinct), unique_by=id)) if distinct else []
    if outcome(weigh(policy(whole), evidence(*distinct), CHAMPION)) != "PASSED":
        assert outcome(weigh(policy(whole), evidence(*kept), CHAMPION)) != "PASSED"
