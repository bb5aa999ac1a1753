"""Somebody moves the name of what a target serves, with plain SQL."""

from dataclasses import replace

from andon.gates.audit import verify_everything
from andon.gates.request import serving_ref
from tests.gates.world import FACTORY, TARGET, refusal


def test_untouched_the_same_release_is_admitted(at):
    world = at("approved")
    assert world.admit().release == world.made.release
    assert world.load().release == world.made.release


def audited(world):
    return {line.code for line in verify_everything(world.keeper.keeping) if line.code}


NAME = serving_ref(FACTORY, "late", TARGET)
MOVE = "insert into ref_moves (name, sequence, digest, moved_ns) values (?, ?, ?, 1)"


def test_a_name_put_on_a_release_that_was_never_admitted_deploys_nothing(at):
    world = at("approved")
    world.sql(MOVE, NAME, 1, world.made.release)
    assert refusal(world.admit) == "gates.ref-moved"
    assert refusal(lambda: world.keeper.serving("late", TARGET)) == "gates.ref-moved"
    assert "gates.ref-moved" in audited(world)


def test_a_name_edited_in_place_is_found(at):
    world = at("admitted")
    world.sql("update ref_moves set digest = ? where name = ?", world.made.model, NAME)
    assert refusal(lambda: world.keeper.serving("late", TARGET)) == "gates.ref-moved"
    assert "gates.ref-moved" in audited(world)


def test_a_name_taken_away_is_found(at):
    world = at("admitted")
    world.sql("delete from ref_moves where name = ?", NAME)
    assert refusal(lambda: world.keeper.champion("late", TARGET)) == "gates.ref-moved"
    assert audited(world) == {"gates.ref-moved"}


def test_a_dataset_name_moved_by_hand_is_found(at):
    world = at("admitted")
    world.sql(MOVE, "dataset/flights/Schedule", 2, world.made.snapshot)
    assert audited(world) == {"gates.ref-moved"}


def test_a_dataset_nobody_published_trains_no_model_that_is_admitted(at):
    world = at("founded")
    world.build_bound()
    good = world.the("dataset")
    evil = replace(good, content=(world.put(b"evil rows", "good"),))
    world.sql(MOVE, "dataset/flights/Schedule", 2, world.add(evil))
    model = world.model(b"poisoned", dataset=evil.digest)
    world.judge_training(model)
    world.judge_model(model)
    world.made.release = world.keeper.bind(world.release(model))
    world.build_approved()
    assert refusal(world.admit) == "gates.not-published"
