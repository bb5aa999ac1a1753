"""The order of the line."""

from typing import get_args

import pytest

from andon.contracts.policy import GateKind
from andon.kernel.errors import UsageError
from andon.line.order import GATES, LINE, STAGES, StageName, gate_after, steps_of


def test_every_stage_and_every_gate_stands_on_the_line_once():
    assert get_args(StageName) == STAGES
    assert sorted(GATES) == sorted(get_args(GateKind))


def test_runs_cover_the_line_up_to_the_release():
    assert [step.stage for step in (*steps_of("ingest"), *steps_of("model"))] == list(STAGES[:5])
    assert steps_of("model")[-1].gate == "release"


def test_each_stage_names_the_gate_behind_it():
    assert [gate_after(step.stage) for step in LINE] == ["data", "", "training", "model", "release", "", ""]
    with pytest.raises(UsageError) as caught:
        gate_after("trian")
    assert "train" in caught.value.fix
