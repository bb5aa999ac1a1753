"""What every keeper of names must do, whether in memory or in the control database."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from andon.adapters.sql.database import open_database
from andon.kernel.digest import of_bytes
from andon.kernel.errors import ConflictError, InputError, UsageError
from andon.registry.ports import Ref
from tests.fakes.refs import MemoryRefs
from tests.fakes.units import MemoryUnits

A, B, C = (of_bytes(text) for text in (b"a", b"b", b"c"))


@pytest.fixture(params=["memory", "sql"])
def keeper(request, tmp_path):
    if request.param == "memory":
        yield MemoryUnits(), MemoryRefs()
    else:
        database = open_database(f"sqlite:///{tmp_path}/andon.db")
        yield database.units, database.refs
        database.close()


def test_a_name_moves_from_what_is_expected_and_every_place_is_kept(keeper):
    units, refs = keeper
    assert refs.get("dataset/Schedule") is None
    with units.begin() as unit:
        assert refs.move(unit, "dataset/Schedule", None, A, 10) == Ref("dataset/Schedule", A, 1, 10)
    with units.begin() as unit:
        refs.move(unit, "dataset/Schedule", A, B, 20)
    with units.begin() as unit:
        refs.move(unit, "dataset/Schedule", B, A, 30)
    assert refs.get("dataset/Schedule") == Ref("dataset/Schedule", A, 3, 30)
    assert [(ref.digest, ref.sequence) for ref in refs.history("dataset/Schedule")] == [(A, 1), (B, 2), (A, 3)]


@pytest.mark.parametrize("expected", [None, B, C])
def test_a_name_that_stands_elsewhere_is_not_moved(keeper, expected):
    units, refs = keeper
    with units.begin() as unit:
        refs.move(unit, "model/delay", None, A, 1)
    with pytest.raises(ConflictError) as caught, units.begin() as unit:
        refs.move(unit, "model/delay", expected, B, 2)
    assert caught.value.code == "registry.ref-moved"
    assert refs.get("model/delay") == Ref("model/delay", A, 1, 1)


def test_a_name_that_nothing_has_is_not_moved_from_something(keeper):
    units, refs = keeper
    with pytest.raises(ConflictError), units.begin() as unit:
        refs.move(unit, "model/delay", A, B, 2)
    assert refs.history("model/delay") == []


def test_a_move_in_a_unit_that_fails_never_happened(keeper):
    units, refs = keeper

    def move_and_fail():
        with units.begin() as unit:
            refs.move(unit, "model/delay", None, A, 1)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        move_and_fail()
    assert refs.get("model/delay") is None
    assert refs.with_prefix("") == []


def test_a_unit_that_is_over_takes_no_moves(keeper):
    units, refs = keeper
    with units.begin() as unit:
        pass
    with pytest.raises(UsageError) as caught:
        refs.move(unit, "model/delay", None, A, 1)
    assert caught.value.code == "database.unit-over"


@pytest.mark.parametrize("name", ["", "/a", "a/", "a//b", "../a", "a b", "a@2", "a%", "ä", "a" * 201, "a\n"])
def test_a_name_of_another_form_is_refused(keeper, name):
    units, refs = keeper
    with pytest.raises(InputError) as caught, units.begin() as unit:
        refs.move(unit, name, None, A, 1)
    assert caught.value.code == "registry.malformed-name"


def test_only_a_digest_can_be_pointed_to(keeper):
    units, refs = keeper
    with pytest.raises(InputError), units.begin() as unit:
        refs.move(unit, "model/delay", None, "latest", 1)


names = st.lists(st.text("aB_.-", min_size=1, max_size=2).filter(lambda t: t[0] not in ".-"), min_size=1, max_size=2)


@given(st.lists(names.map("/".join), max_size=6), st.text("aB_/%", max_size=3))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_prefix_finds_exactly_the_names_that_begin_so(keeper, moved, prefix):
    units, refs = keeper
    known = {ref.name for ref in refs.with_prefix("")}
    with units.begin() as unit:
        for name in set(moved) - known:
            refs.move(unit, name, None, A, 1)
    everything = known | set(moved)
    found = [ref.name for ref in refs.with_prefix(prefix)]
    assert found == sorted(name for name in everything if name.startswith(prefix))
