"""Which time is asked for next, and whether history may be loaded."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.contracts.dataset import Column, DatasetContract
from andon.kernel.errors import InputError
from andon.line.ingest.window import check_known_at, is_empty, next_window

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
