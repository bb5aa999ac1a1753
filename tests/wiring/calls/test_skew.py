"""The skew audit: what was served, computed again by the plan that makes training sets, compared bit by bit."""

import math
from dataclasses import replace

import pytest

from andon.kernel.errors import InputError
from andon.wiring.calls.skewed import skew_of
from andon.wiring.calls.verdicts import verdicts_of
from tests.wiring.calls.test_tracing import closed, relog
from tests.wiring.small_factory import CODE


def audited(released):
    return skew_of(released.folder, "", "", 10_000)


def test_what_was_served_is_what_training_would_have_computed(released):
    """The promise of one definition: not nearly the same, the same."""
    found = audited(released)
    assert found.is_clean
    assert found.given == 1
    assert {one.feature for one in found.features} == {"weight", "depot", "before", "busy"}
    assert found.compared == 4 * (found.predictions - found.given)


@pytest.mark.parametrize(("feature", "change"), [("busy", 1.0), ("weight", None), ("before", 1e-16), ("depot", -1.0)])
def test_one_value_that_differs_in_one_bit_is_found_with_its_prediction(released, feature, change):
    """A tolerance would hide the last bit, and a tree that splits there answers something else."""
    first, *others = closed(released)
    value = first.inputs[feature]
    other = math.nextafter(value, math.inf) if change is None or (change < 1e-9 and change > 0) else value + change
    relog(released, replace(first, inputs={**first.inputs, feature: other}), *others)
    found = audited(released)
    assert [(one.feature, one.examples) for one in found.features if one.differing] == [(feature, (first.id,))]
    assert found.differing == 1


def test_a_question_about_a_row_that_its_dataset_does_not_have_is_not_passed_over(released):
    """A log that names what was never published is a log that was edited, or a server that read something else."""
    first, *others = closed(released)
    relog(released, replace(first, entity={"parcel": "p999999"}), *others)
    found = audited(released)
    assert found.lost == 1
    assert not found.is_clean


def test_before_the_first_prediction_there_is_nothing_to_audit(founded):
    with pytest.raises(InputError, match="Nothing was predicted"):
        audited(founded)


def test_a_release_gate_may_demand_that_what_is_served_is_what_training_computes(released):
    """One served value that training would not compute holds up the next release until somebody has understood it."""
    first, *others = closed(released)
    value = first.inputs["busy"]
    relog(released, replace(first, inputs={**first.inputs, "busy": value + 1.0}), *others)
    code = CODE.replace("checks.target_healthy]", "checks.target_healthy, checks.no_skew]")
    changed = code.replace("LEAST", "0.6").replace("c: float = 1.0", "c: float = 2.0")
    (released.folder / "factory.py").write_text(changed)
    refused = released.run()
    assert refused.exit_code == 4
    assert [run.stage for run in refused.runs if run.state == "refused"] == ["release gate"]
    verdict = verdicts_of(released.folder, "release:late")
    assert "features.skew" in str(verdict)
