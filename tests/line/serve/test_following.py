"""A worker follows the route, and nothing damaged, missing or older ever takes down what it has."""

from pathlib import Path

import numpy as np
import pytest

from andon.contracts.routing import Position
from andon.kernel.errors import AndonError
from andon.line.serve.cell import Cell
from andon.line.serve.errors import NotReadyError
from andon.line.serve.following import RETRY_NS, Follower, Sources
from andon.line.serve.predict import Serving
from andon.line.serve.routing import flip, promote
from andon.line.serve.sealing import seal_state
from andon.line.serve.state import ServedDataset, ServingState, read_state, state_bytes
from tests.line.serve.world import World, patience, table


class Ticks:
    now = 0

    def __call__(self) -> int:
        return self.now


class Prepared:
    """Remembers the state that it was prepared on."""

    def __init__(self, state: dict[str, str]) -> None:
        self.state = state


class Stage:
    """A world with one worker, whose background work is done between the steps of a promotion."""

    def __init__(self, root: Path) -> None:
        self.world = World(root)
        self.ticks = Ticks()
        self.prepared: list[str] = []
        self.revoked: set[str] = set()
        self.a, self.b, self.c = (self.world.shelf.add(bias) for bias in (0.0, 1.0, 2.0))
        self.promote(table(1, self.a))
        self.worker = self.follower("w0")
        self.worker.refresh()

    def follower(self, name: str) -> Follower:
        def prepare(loaded, state):
            self.prepared.append(loaded.release)
            return Serving(loaded, features=Prepared(state.digests()))

        sources = Sources(self.world.shelf, self.world.open_table, self.world.open_state, prepare, lambda: self.revoked)
        return Follower(self.world.folder, name, sources, self.ticks)

    def promote(self, new, *, live=False):
        from andon.line.serve.folder import hold

        world = self.world
        refresh = (self.worker.refresh) if live else (lambda: None)
        with hold(world.folder.workers / ("w0.lock" if live else "none")):
            return promote(
                world.folder,
                world.sealed(new),
                world.open_table,
                check_alone=world.check_alone,
                patience=patience(5, refresh),
                now_ns=lambda: 1,
            )


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_a_worker_answers_with_the_champion(stage):
    assert stage.worker.serving().loaded.release == stage.a
    assert stage.worker.serving().sequence == 1
    assert stage.worker.problems() == ()


def test_a_revoked_champion_stops_answering_and_the_safer_release_answers(stage):
    stage.promote(table(2, stage.b, stage.a), live=True)
    assert stage.worker.serving().loaded.release == stage.b
    stage.revoked.add(stage.b)
    stage.worker.refresh()
    assert stage.worker.serving().loaded.release == stage.a
    assert stage.worker.serving().packed == Position(2, 1).packed()
    assert any("revoked" in problem for problem in stage.worker.problems())


def test_where_everything_is_revoked_nothing_answers(stage):
    stage.promote(table(2, stage.b, stage.a), live=True)
    stage.revoked |= {stage.a, stage.b}
    stage.worker.refresh()
    with pytest.raises(NotReadyError):
        stage.worker.serving()


def test_a_revoked_release_is_not_fallen_back_to(stage):
    stage.promote(table(2, stage.b, stage.a), live=True)
    stage.revoked.add(stage.a)
    stage.worker.refresh()
    flip(stage.world.folder, stage.a, stage.world.open_table, 1)
    assert stage.worker.serving().loaded.release == stage.b


def test_a_promotion_and_a_rollback_show_in_the_very_next_request(stage):
    stage.promote(table(2, stage.b, stage.a), live=True)
    assert stage.worker.serving().loaded.release == stage.b
    flip(stage.world.folder, stage.a, stage.world.open_table, 1)
    assert stage.worker.serving().loaded.release == stage.a
    assert stage.worker.serving().packed == Position(2, 1).packed()


def test_a_damaged_release_is_refused_by_the_worker_and_the_champion_stays(stage):
    stage.world.shelf.objects[stage.b]["model"] += b" "
    with pytest.raises(AndonError) as error:
        stage.promote(table(2, stage.b, stage.a), live=True)
    assert error.value.code == "serve.worker-refused"
    assert "test.damaged" in error.value.found
    stage.worker.refresh()
    assert stage.worker.serving().loaded.release == stage.a
    assert stage.worker.problems() == ()


def test_a_golden_answer_that_differs_is_a_refusal_too(stage):
    objects = stage.world.shelf.objects
    objects[stage.b] = {**objects[stage.b], "package.json": objects[stage.a]["package.json"]}
    with pytest.raises(AndonError) as error:
        stage.promote(table(2, stage.b, stage.a), live=True)
    assert "package.golden-differs" in error.value.found


@pytest.mark.parametrize("damage", [None, b"", b"{", b"\x00" * 4096])
def test_a_damaged_or_missing_table_harms_no_running_worker_and_it_says_so(stage, damage):
    routing = stage.world.folder.routing
    routing.unlink() if damage is None else routing.write_bytes(damage)
    stage.worker.refresh()
    assert stage.worker.serving().loaded.release == stage.a
    assert stage.worker.problems()
    assert stage.worker.peek() is not None


def test_a_worker_that_starts_on_a_damaged_table_is_not_ready_and_recovers_when_it_is_mended(stage):
    good = stage.world.folder.routing.read_bytes()
    stage.world.folder.routing.write_bytes(good[:-9])
    late = stage.follower("w1")
    late.refresh()
    with pytest.raises(NotReadyError) as error:
        late.serving()
    assert "routing.json" in error.value.found
    stage.world.folder.routing.write_bytes(good)
    late.refresh()
    assert late.serving().loaded.release == stage.a


@pytest.mark.parametrize("to", [Position(1, 5), Position(0, 0), Position(9, 0), Position(1, 255)])
def test_a_cell_that_points_nowhere_is_not_followed(stage, to):
    stage.worker.serving()
    cell = Cell(stage.world.folder.cell)
    cell.move(to)
    assert stage.worker.serving().loaded.release == stage.a
    assert "not followed" in stage.worker.problems()[-1]
    cell.move(Position(1, 0))
    assert stage.worker.problems() == ()
    cell.close()


def test_a_lower_sequence_is_refused_even_when_its_table_still_lies_there(stage):
    stage.promote(table(2, stage.b, stage.a), live=True)
    assert stage.worker.serving().loaded.release == stage.b
    old = stage.world.sealed(table(1, stage.a))
    stage.world.folder.routing.write_bytes(old)
    cell = Cell(stage.world.folder.cell)
    cell.move(Position(1, 0))
    stage.worker.refresh()
    assert stage.worker.serving().loaded.release == stage.b
    assert stage.worker.problems()
    cell.close()


def test_a_rollback_to_a_release_this_worker_could_not_load_is_not_answered_by_the_one_rolled_back(stage):
    stage.promote(table(2, stage.b, stage.a), live=True)
    stage.world.shelf.objects[stage.a]["model"] += b" "
    late = stage.follower("w1")
    late.refresh()
    assert late.serving().loaded.release == stage.b
    flip(stage.world.folder, stage.a, stage.world.open_table, 1)
    with pytest.raises(NotReadyError):
        late.serving()
    stage.world.shelf.objects[stage.a]["model"] = stage.world.shelf.objects[stage.a]["model"].strip()
    stage.ticks.now += RETRY_NS
    late.refresh()
    assert late.serving().loaded.release == stage.a


def test_a_worker_that_starts_in_the_middle_of_a_promotion_is_ready_for_both(stage):
    stage.world.folder.prepared.write_bytes(stage.world.sealed(table(2, stage.b, stage.a)))
    late = stage.follower("w1")
    late.refresh()
    assert late.serving().loaded.release == stage.a
    cell = Cell(stage.world.folder.cell)
    cell.move(Position(2, 0))
    assert late.serving().loaded.release == stage.b
    cell.close()


def test_nothing_is_done_while_nothing_changes(stage):
    count = len(stage.prepared)
    assert not stage.worker.refresh()
    assert len(stage.prepared) == count


def test_a_published_dataset_version_reaches_the_next_answer(stage):
    path = stage.world.folder.state
    digest = "sha256:" + "d" * 64
    stage.world.publish(ServedDataset("Schedule", {}, digest, ()))
    stage.world.publish(ServedDataset("Arrival", {}, digest, ()))
    assert [one.name for one in read_state(path, stage.world.open_state).datasets] == ["Arrival", "Schedule"]
    assert stage.worker.serving().features.state == {}
    stage.worker.refresh()
    assert stage.worker.serving().features.state == {"Schedule": digest, "Arrival": digest}
    path.write_bytes(b"[]")
    stage.worker.refresh()
    assert stage.worker.serving().features.state == {"Schedule": digest, "Arrival": digest}
    assert any("state.json" in text for text in stage.worker.problems())


def test_a_dataset_that_no_gate_published_is_never_answered_from(stage):
    world = stage.world
    state = ServingState((ServedDataset("Schedule", {}, "sha256:" + "e" * 64, ()),))
    routing = world.folder.routing.read_bytes()
    for forged in (state_bytes(state), seal_state(state, world.stranger), routing):
        world.folder.state.write_bytes(forged)
        stage.worker.refresh()
        assert stage.worker.serving().features.state == {}
        assert any("state.json" in text for text in stage.worker.problems())
        with pytest.raises(AndonError):
            world.publish(ServedDataset("Arrival", {}, "sha256:" + "d" * 64, ()))
    world.folder.state.write_bytes(seal_state(state, world.signer))
    stage.worker.refresh()
    assert "Schedule" in stage.worker.serving().features.state
    assert stage.worker.problems() == ()


def test_releases_nobody_may_fall_back_to_are_forgotten(stage):
    stage.promote(table(2, stage.b, stage.a), live=True)
    assert stage.worker.serving().loaded.release == stage.b
    stage.promote(table(3, stage.c, stage.b), live=True)
    assert stage.worker.serving().loaded.release == stage.c
    stage.worker.refresh()
    stage.world.folder.state.parent.mkdir(exist_ok=True)
    stage.world.publish()
    stage.worker.refresh()
    assert set(stage.worker._loaded) == {stage.b, stage.c}
    assert np.isfinite(stage.worker.serving().loaded.predictor.predict(np.zeros((1, 2)))).all()
