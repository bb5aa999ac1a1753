"""Moving the route: who may move it where, and what a cut-off move leaves."""

import threading
from pathlib import Path

import pytest

from andon.attest.envelope import from_json, sign, to_json
from andon.contracts.routing import PAYLOAD_TYPE, Position
from andon.kernel.errors import AndonError, ConflictError, InputError, RefusedError
from andon.line.serve.cell import Cell, open_cell
from andon.line.serve.folder import hold
from andon.line.serve.routing import Ack, flip, live_workers, promote, read_tables, table_in_force, write_ack
from andon.line.serve.succession import first_table, next_table
from tests.line.serve.world import World, patience, table

A, B, C, D = ("sha256:" + digit * 64 for digit in "abcd")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def move(world: World, new, **options):
    options = {"check_alone": lambda _: None, "patience": patience(5), "now_ns": lambda: 7} | options
    return promote(world.folder, world.sealed(new), world.open_table, **options)


def at(world: World) -> Position:
    cell = Cell(world.folder.cell)
    try:
        return cell.position
    finally:
        cell.close()


def test_the_first_promotion_points_the_cell_at_the_champion(world):
    moved = move(world, table(1, A))
    assert (moved.release, moved.before, moved.sequence, moved.moved_ns) == (A, "", 1, 7)
    assert at(world) == Position(1, 0)
    assert world.folder.routing.exists()
    assert not world.folder.prepared.exists()


def test_a_rollback_is_one_store_and_stays_after_every_process_is_gone(world):
    move(world, table(1, A))
    move(world, table(2, B, A))
    held = Cell(world.folder.cell)
    moved = flip(world.folder, A, world.open_table, 9)
    assert held.position == Position(2, 1)
    held.close()
    assert (moved.before, moved.release) == (B, A)
    assert table_in_force(world.folder, world.open_table)[1] == Position(2, 1)
    assert flip(world.folder, A, world.open_table, 9).before == A


def test_a_rollback_never_goes_forward_or_to_a_stranger(world):
    move(world, table(1, A))
    move(world, table(2, B, A))
    flip(world.folder, A, world.open_table, 9)
    with pytest.raises(RefusedError) as forward:
        flip(world.folder, B, world.open_table, 9)
    with pytest.raises(InputError) as stranger:
        flip(world.folder, C, world.open_table, 9)
    assert (forward.value.code, stranger.value.code) == ("serve.not-safer", "routing.unknown-release")
    assert at(world) == Position(2, 1)


@pytest.mark.parametrize("sequence", [1, 2])
def test_a_table_that_is_not_newer_is_refused(world, sequence):
    move(world, table(1, A))
    move(world, table(2, B, A))
    with pytest.raises(RefusedError) as error:
        move(world, table(sequence, C, A))
    assert error.value.code == "serve.older"
    assert at(world) == Position(2, 0)


def test_a_table_of_another_target_does_not_take_over_the_folder(world):
    move(world, table(1, A))
    other = first_table("flights", "other", "local", B)
    with pytest.raises(RefusedError) as error:
        move(world, next_table(other, Position(1, 0), C))
    assert error.value.code == "serve.other-route"


def test_only_a_gates_signature_makes_a_table(world):
    new = table(1, A)
    wrong = [
        to_json(sign(PAYLOAD_TYPE, new.to_bytes(), (world.stranger,))),
        to_json(sign("application/json", new.to_bytes(), (world.signer,))),
        new.to_bytes(),
        b"",
        world.sealed(new)[:-5],
        world.sealed(first_table("others", "late", "local", A)),
    ]
    edited = from_json(world.sealed(new))
    wrong.append(to_json(type(edited)(edited.payload_type, table(1, B).to_bytes(), edited.signatures)))
    for data in wrong:
        with pytest.raises(AndonError):
            promote(
                world.folder, data, world.open_table, check_alone=lambda _: None, patience=patience(), now_ns=lambda: 1
            )
    assert not world.folder.cell.exists()


def test_a_table_that_cannot_be_loaded_is_not_promoted_when_no_server_runs(world):
    move(world, table(1, A))

    def refuse(_):
        raise InputError("test.damaged", "damaged")

    with pytest.raises(InputError):
        move(world, table(2, B, A), check_alone=refuse)
    assert at(world) == Position(1, 0)
    assert not world.folder.prepared.exists()
    assert move(world, table(2, B, A)).before == A


def test_every_living_worker_must_agree_before_the_cell_moves(world):
    move(world, table(1, A))
    new = table(2, B, A)
    seen = []

    def agree_one_by_one():
        seen.append(at(world))
        name = "w0" if len(seen) == 1 else "w1"
        write_ack(world.folder, Ack(name, new.digest, ""), 2)

    with hold(world.folder.workers / "w0.lock"), hold(world.folder.workers / "w1.lock"):
        assert live_workers(world.folder) == ["w0", "w1"]
        move(world, new, patience=patience(5, agree_one_by_one), check_alone=lambda _: pytest.fail("workers live"))
    assert seen == [Position(1, 0), Position(1, 0)]
    assert at(world) == Position(2, 0)
    assert live_workers(world.folder) == []


@pytest.mark.parametrize(
    ("ack", "code"),
    [
        (Ack("w0", table(2, B, A).digest, "the bytes are damaged"), "serve.worker-refused"),
        (Ack("w0", table(2, C, A).digest, ""), "serve.no-answer"),
        (None, "serve.no-answer"),
    ],
)
def test_a_worker_that_refuses_or_is_silent_stops_the_promotion(world, ack, code):
    move(world, table(1, A))

    def answer():
        if ack is not None:
            write_ack(world.folder, ack, 2)

    with hold(world.folder.workers / "w0.lock"), pytest.raises(RefusedError) as error:
        move(world, table(2, B, A), patience=patience(4, answer))
    assert error.value.code == code
    assert at(world) == Position(1, 0)
    assert not world.folder.prepared.exists()


def test_two_moves_at_once_do_not_mix(world):
    move(world, table(1, A))
    with world.folder.moving(), pytest.raises(ConflictError):
        move(world, table(2, B, A))


def test_a_promotion_killed_after_the_cell_moved_is_settled_by_the_next_move(world):
    move(world, table(1, A))
    world.folder.prepared.write_bytes(world.sealed(table(2, B, A)))
    cell = Cell(world.folder.cell)
    cell.move(Position(2, 0))
    cell.close()
    assert table_in_force(world.folder, world.open_table)[0] == table(2, B, A)
    assert flip(world.folder, A, world.open_table, 1).before == B
    assert move(world, table(3, C, A)).before == A
    assert set(read_tables(world.folder, world.open_table)[0]) == {3}


def test_a_promotion_killed_before_the_cell_moved_leaves_the_old_one_in_force(world):
    move(world, table(1, A))
    world.folder.prepared.write_bytes(world.sealed(table(2, B, A)))
    assert table_in_force(world.folder, world.open_table)[0] == table(1, A)
    assert move(world, table(2, C, A)).release == C


@pytest.mark.parametrize("damage", [b"", b"{}", b"\xff" * 40])
def test_a_damaged_table_is_named_and_followed_by_nobody(world, damage):
    move(world, table(1, A))
    world.folder.routing.write_bytes(damage)
    with pytest.raises(InputError) as error:
        flip(world.folder, A, world.open_table, 1)
    assert "routing.json" in error.value.found


def test_a_cut_off_cell_is_refused_and_made_anew_by_the_next_promotion(world):
    move(world, table(1, A))
    world.folder.cell.write_bytes(b"123")
    with pytest.raises(InputError) as error:
        Cell(world.folder.cell)
    assert error.value.code == "serve.no-cell"
    open_cell(world.folder.cell).close()
    assert at(world) == Position(0, 0)


def test_what_a_reader_sees_is_one_of_the_stored_positions(world):
    move(world, table(1, A))
    cell, stop, seen = Cell(world.folder.cell), threading.Event(), set()
    places = [Position(n, n % 200) for n in range(1, 400)]

    def read():
        other = Cell(world.folder.cell)
        while not stop.is_set():
            seen.add(other.position)
        other.close()

    thread = threading.Thread(target=read)
    thread.start()
    for place in places:
        cell.move(place)
    stop.set()
    thread.join()
    cell.close()
    assert seen <= {*places, Position(1, 0)}


def test_a_champion_that_was_rolled_back_is_no_way_back_for_the_next_one():
    first = first_table("flights", "late", "local", A)
    second = next_table(first, Position(1, 0), B)
    assert [slot.release for slot in second.slots] == [B, A]
    third = next_table(second, Position(2, 1), C)
    assert [slot.release for slot in third.slots] == [C, A]
    fourth = next_table(third, Position(3, 0), D)
    assert [slot.release for slot in fourth.slots] == [D, C, A]
    again = next_table(fourth, Position(4, 0), A)
    assert [slot.release for slot in again.slots] == [A, D, C]
    assert again.sequence == 5


def test_what_was_revoked_is_no_way_back_and_does_not_stop_the_next_release():
    first = first_table("flights", "late", "local", A)
    second = next_table(first, Position(1, 0), B)
    assert [slot.release for slot in next_table(second, Position(2, 0), C, {B}).slots] == [C, A]
    assert [slot.release for slot in next_table(second, Position(2, 0), C, {A, B}).slots] == [C]
