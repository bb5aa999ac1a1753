"""The routing table and the number in the cell."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.contracts.routing import (
    MAX_SEQUENCE,
    Generation,
    Position,
    Slot,
    generation_from_bytes,
    position,
)
from andon.kernel.canonical import dumps, loads
from andon.kernel.digest import of_bytes
from andon.kernel.errors import InputError


def release(number: int) -> str:
    return of_bytes(str(number).encode())


def table(**changes: object) -> Generation:
    members: dict[str, object] = {
        "sequence": 3,
        "target": "local",
        "factory": "flights",
        "slots": (Slot("late", release(1), "champion"), Slot("late", release(0), "last-known-good")),
        "champion": 0,
        "safer": (1,),
    }
    return Generation(**(members | changes))  # type: ignore[arg-type]


@given(st.integers(0, MAX_SEQUENCE), st.integers(0, 255))
def test_a_position_survives_the_cell(sequence: int, place: int) -> None:
    packed = Position(sequence, place).packed()
    assert position(packed) == Position(sequence, place)
    assert packed < 2**64


@given(st.integers(1, 50), st.integers(0, 255), st.integers(1, 50), st.integers(0, 255))
def test_a_later_sequence_is_a_larger_number_whatever_the_slot(a: int, x: int, b: int, y: int) -> None:
    if a < b:
        assert Position(a, x).packed() < Position(b, y).packed()


def test_a_table_survives_the_wire_and_keeps_its_identity() -> None:
    again = generation_from_bytes(table().to_bytes())
    assert again == table()
    assert again.digest == table().digest


@pytest.mark.parametrize(
    "changes",
    [
        {"sequence": 0},
        {"sequence": MAX_SEQUENCE + 1},
        {"slots": (), "safer": ()},
        {"champion": 1},
        {"safer": (0,)},
        {"safer": (2,)},
        {"safer": (-1,)},
        {"safer": (1, 1)},
        {"slots": (Slot("late", release(1), "champion"), Slot("other", release(0), "last-known-good"))},
        {"slots": (Slot("late", release(1), "champion"), Slot("late", release(1), "last-known-good"))},
        {"slots": (Slot("late", release(1), "champion"), Slot("late", release(0), "champion"))},
        {"slots": (Slot("late", "sha256:0", "champion"),), "safer": ()},
    ],
)
def test_a_table_that_contradicts_itself_cannot_be_made(changes: dict[str, object]) -> None:
    with pytest.raises(InputError):
        table(**changes)


@pytest.mark.parametrize("name", ["sequence", "target", "slots", "champion", "safer", "factory"])
def test_a_table_with_a_member_missing_or_unknown_is_not_read(name: str) -> None:
    value = dict(loads(table().to_bytes()))  # type: ignore[arg-type]
    with pytest.raises(InputError):
        generation_from_bytes(dumps({key: item for key, item in value.items() if key != name}))
    with pytest.raises(InputError):
        generation_from_bytes(dumps({**value, "share": 0.5}))


def test_only_the_champion_and_safer_slots_may_answer() -> None:
    slots = (*table().slots, Slot("late", release(7), "last-known-good"))
    assert [table(slots=slots).allows(place) for place in range(4)] == [True, True, False, False]


def test_an_unknown_release_is_refused_with_the_known_ones_named() -> None:
    with pytest.raises(InputError) as error:
        table().place_of(release(9))
    assert release(0) in error.value.fix
