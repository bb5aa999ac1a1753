"""Which time is asked for next, and whether history may be loaded."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.contracts.dataset import Column, DatasetContract
from andon.contracts.reading import Delta, Files, Sql
from andon.kernel.errors import InputError
from andon.line.ingest.window import check_known_at, has_window, is_empty, next_window, with_lag

COLUMNS = (Column("k", "int", "key"), Column("at", "time", "event_time"))


@given(st.lists(st.integers(0, 10**18), min_size=1, max_size=12))
def test_windows_join_without_gap_or_overlap_and_never_go_back(as_ofs):
    committed, windows = None, []
    for as_of in as_ofs:
        window = next_window(committed, as_of)
        if not is_empty(window):
            windows.append(window)
            committed = window[1]
    assert windows[0] == (None, as_ofs[0])
    assert all(before[1] == after[0] < after[1] for before, after in pairwise(windows))
    assert committed == max(as_ofs)


def test_history_that_features_look_back_at_must_say_when_it_was_known():
    bare = DatasetContract("T", COLUMNS)
    with pytest.raises(InputError) as caught:
        check_known_at(bare, used_by_windows=True, is_first_load=True)
    assert caught.value.code == "ingest.known-at-undeclared"
    assert "known_after" in caught.value.fix
    check_known_at(bare, used_by_windows=True, is_first_load=False)
    check_known_at(bare, used_by_windows=False, is_first_load=True)
    declared = (
        DatasetContract("T", COLUMNS, known_after_ns=0),
        DatasetContract("T", (*COLUMNS, Column("p", "time", "known_at"))),
    )
    for contract in declared:
        check_known_at(contract, used_by_windows=True, is_first_load=True)


@given(committed=st.none() | st.integers(0, 10**9), as_of=st.integers(0, 10**9), settle=st.integers(0, 10**6))
def test_the_newest_rows_are_left_alone_and_nothing_goes_back(committed, as_of, settle):
    since, until = next_window(committed, as_of, settle_ns=settle)
    assert since == committed
    assert until == (as_of - settle if committed is None else max(committed, as_of - settle))


def test_a_lag_begins_earlier_and_the_beginning_has_none():
    assert with_lag(100, 30) == 70
    assert with_lag(None, 30) is None


def test_what_cannot_be_asked_for_a_window_is_read_as_it_is_now():
    bounded = Sql("env:X", "select 1 where 1 < :until")
    assert [has_window(one) for one in (None, bounded)] == [True, True]
    assert not any(has_window(one) for one in (Sql("env:X", "select ':until'"), Files(("a",)), Delta("t")))
