"""Bounds as people write them become criteria that gates judge, and what cannot be judged is refused at once."""

import math
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon import Contract, SignOff, accuracy, auc, brier, category, checks, event_time, integer, log_loss, mae, rmse
from andon.api.criteria import ALWAYS, Condition, conditions_of, promised
from andon.contracts.evidence import Evidence, Measurement
from andon.contracts.policy import Criterion, GateKind, Policy, SignOffRule
from andon.gates.criteria import outcome, weigh
from andon.kernel.errors import UsageError

METRICS = (auc, brier, log_loss, accuracy, rmse, mae)
bounds = st.floats(allow_nan=False, allow_infinity=False)


class Row(Contract):
    id = category(key=True)
    at = event_time(known_after="0s")
    origin = category(segment=True)
    size = integer()


@given(st.sampled_from(METRICS), bounds)
def test_a_comparison_means_the_same_from_both_sides(metric, bound):
    assert (metric >= bound).criterion == Criterion(metric.name, "ge", bound)
    assert (bound <= metric).criterion == (metric >= bound).criterion
    assert (metric <= bound).criterion == Criterion(metric.name, "le", bound)
    assert (bound >= metric).criterion == (metric <= bound).criterion


@given(st.sampled_from(METRICS), bounds, bounds)
def test_a_condition_holds_for_exactly_the_values_that_python_says(metric, bound, value):
    """The gate's own judging is the oracle: the operator must not have been turned around."""
    for condition, expected in ((metric >= bound, value >= bound), (metric <= bound, value <= bound)):
        evidence = Evidence("sha256:0", "sha256:1", (Measurement(metric.name, value, n=10),))
        findings = weigh(Policy("model:late", "ops", (condition.criterion,)), evidence, "")
        assert (outcome(findings) == "PASSED") is expected


def test_bounds_of_the_interval_and_segments_stand_in_the_criterion():
    assert (auc.lower() >= 0.7).criterion == Criterion("auc", "ge", 0.7, side="lower")
    assert (brier.upper() <= 0.2).criterion == Criterion("brier", "le", 0.2, side="upper")
    assert (auc.by(Row.origin, min_n=500) >= 0.62).criterion == Criterion("auc", "ge", 0.62, by="origin", min_n=500)
    assert (auc.lower().by(Row.origin, min_n=5) >= 0.6).criterion.side == "lower"


def test_no_worse_than_the_champion_looks_at_the_worse_end_of_the_difference():
    """A metric that is better when higher may lose at most the margin; a loss may gain at most the margin."""
    better = auc.no_worse_than_champion(margin=0.005).criterion
    assert better == Criterion("auc.difference", "ge", -0.005, side="lower", baseline="champion")
    loss = brier.no_worse_than_champion(margin=0.01).criterion
    assert loss == Criterion("brier.difference", "le", 0.01, side="upper", baseline="champion")


@pytest.mark.parametrize("metric", METRICS)
def test_no_worse_than_champion_fails_a_clearly_worse_model_and_passes_an_equal_one(metric):
    condition = metric.no_worse_than_champion(margin=0.01)
    worse = 0.2 if metric.is_loss else -0.2
    for shift, expected in ((worse, "FAILED"), (0.0, "PASSED")):
        found = Measurement(f"{metric.name}.difference", shift, shift - 0.005, shift + 0.005, n=9, baseline="sha256:c")
        evidence = Evidence("sha256:0", "sha256:1", (found,))
        findings = weigh(Policy("model:late", "ops", (condition.criterion,)), evidence, "sha256:c")
        assert outcome(findings) == expected


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: 0.5 <= auc <= 0.9,
        lambda: (auc >= 0.5) and (brier <= 0.2),
        lambda: not (auc >= 0.5),
        lambda: bool(checks.schema),
        lambda: auc > 0.5,
        lambda: auc < 0.5,
        lambda: auc == 0.5,
        lambda: auc != 0.5,
        lambda: checks.overfitting_at_most(float("nan")),
        lambda: auc >= math.inf,
        lambda: auc >= True,
        lambda: auc >= "0.7",
        lambda: auc.by("origin", min_n=3),
        lambda: auc.by(Row.origin, min_n=0),
        lambda: auc.by(Row.size + 1, min_n=3),
        lambda: auc.no_worse_than_champion(margin=-0.1),
        lambda: auc.lower().no_worse_than_champion(margin=0.1),
        lambda: checks.quarantined_at_most(1.5),
        lambda: checks.quarantined_at_most(math.nan),
        lambda: SignOff("", people=1),
        lambda: SignOff("ops", people=0),
        lambda: SignOff("ops", people=True),
        lambda: SignOff("ops", within="soon"),
    ],
)
def test_what_no_gate_could_judge_is_refused_with_a_fix(wrong):
    with pytest.raises(UsageError) as caught:
        wrong()
    assert caught.value.fix
    assert caught.value.code.split(".")[0] in ("criteria", "time")


def test_a_refusal_names_the_line_it_stands_on():
    with pytest.raises(UsageError) as caught:
        bool(auc >= 0.5)
    assert __file__ in caught.value.place


VOLUMES = (("lowest", "ge", 0.8), ("highest", "le", 1.25))


def test_every_kind_of_gate_has_its_own_checks_and_what_it_always_demands():
    assert set(ALWAYS) == set(get_args(GateKind))
    for kind, always in ALWAYS.items():
        for check in always:
            assert all(condition.gates == (kind,) for condition in check.conditions)
    schema = {condition.criterion for condition in checks.schema.conditions}
    assert schema == {Criterion("blocked", "le", 0.0), Criterion("schema.matches", "ge", 1.0)}
    assert [check.name for check in ALWAYS["training"]] == ["completed", "packaged"]
    assert [check.name for check in ALWAYS["model"]] == ["no_leak"]


def test_what_a_source_promises_is_a_condition_on_what_was_published_before():
    age = Criterion("fresh.age_s", "le", 5400.0, baseline="published")
    low, high = (Criterion(f"volume.{name}", op, bound, baseline="published") for name, op, bound in VOLUMES)
    assert [one.criterion for one in promised(checks.fresh, 5400 * 10**9, None)] == [age]
    assert promised(checks.fresh, None, 0.5) == ()
    assert [one.criterion for one in promised(checks.volume, None, 0.8)] == [low, high]
    assert [one.criterion.bound for one in promised(checks.volume, None, None)] == [0.5, 2.0]
    (nulls,) = checks.nulls_like_before(0.05).conditions
    assert nulls.criterion == Criterion(
        "null_share_change", "le", 0.05, side="lower", by="column", baseline="published"
    )
    with pytest.raises(UsageError):
        checks.distribution_like_before(1.5)


def test_a_check_and_a_condition_both_come_apart_into_conditions():
    assert all(isinstance(each, Condition) for each in conditions_of(checks.schema))
    condition = auc >= 0.5
    assert [id(each) for each in conditions_of(condition)] == [id(condition)]


def test_a_sign_off_becomes_a_rule():
    assert SignOff("operations", people=2, within="5d").rule() == SignOffRule("operations", 2, 5 * 86_400 * 10**9)
