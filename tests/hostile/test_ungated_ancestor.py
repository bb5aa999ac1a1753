"""A release whose ancestor never passed its gate."""

from dataclasses import replace

import pytest

from tests.gates.world import refusal


def released(world, *, judge=("data", "training", "model"), blocked=0.0):
    batch = world.batch()
    publication = world.publication(batch)
    if "data" in judge:
        world.judge_data(batch, blocked)
    world.add(batch)
    dataset = world.add(publication.manifest)
    model = world.model(dataset=dataset)
    world.add(model)
    if "training" in judge:
        world.judge_training(model)
    if "model" in judge:
        world.judge_model(model)
    world.add(world.report(model))
    world.made.release = world.keeper.bind(world.release(model))
    world.build_approved()
    return world


def test_untouched_with_every_gate_passed_it_is_admitted(at):
    world = at("bound").build_approved()
    assert refusal(world.admit) == ""


@pytest.mark.parametrize("gate", ["data", "training", "model"])
def test_a_gate_that_never_judged_stops_the_release(at, gate):
    gates = [one for one in ("data", "training", "model") if one != gate]
    assert refusal(released(at("founded"), judge=gates).admit) == "gates.no-pass"


def test_a_batch_that_failed_its_gate_stops_the_release(at):
    assert refusal(released(at("founded"), blocked=3.0).admit) == "gates.not-passed"


def test_a_model_from_no_recorded_source_is_stopped(at):
    world = at("bound")
    dataset = world.add(replace(world.the("dataset"), inputs=()))
    model = world.model(b"from nowhere", dataset=dataset)
    world.judge_training(model)
    world.judge_model(model)
    world.made.release = world.keeper.bind(world.release(model))
    world.build_approved()
    assert refusal(world.admit) == "gates.lineage-open"


def test_a_report_about_another_model_is_stopped(at):
    world = at("bound")
    other = world.model(b"other")
    world.judge_training(other)
    report = world.add(world.report(other))
    release = world.release(world.the("model"))
    swapped = replace(release, inputs=(release.inputs[0], replace(release.inputs[1], digest=report)))
    world.made.release = world.keeper.bind(swapped)
    world.build_approved()
    assert refusal(world.admit) == "gates.lineage-open"
