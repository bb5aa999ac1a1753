"""What a change of a contract breaks, and what it does not."""

from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.api.columns import boolean, category, event_time, integer, number, time
from andon.api.contract import Contract, contract_value
from andon.api.rules import exists_in, rule, unique
from andon.line.ingest.judge import judge_rows
from andon.registry.contract_changes import contract_changes


class Plane(Contract):
    tail = category(key=True)
    other = category()


def made(known_after="1h", owner="ops", **body):
    """A flight whose columns and rules are as given; what is None is left out."""
    members = {
        "flight": category(key=True),
        "at": event_time(known_after=known_after),
        "origin": category(segment=True, one_of=("EWR", "JFK", "LGA")),
        "tail": category(nullable=True, pattern="N.+"),
        "seats": integer(ge=1, le=500, tolerance=0.1),
        "wind": number(nullable=True, max_null_share=0.1),
        "left": time(),
        "late": boolean(severity="block"),
    }
    members |= body
    members.setdefault("orderly", rule(members["left"] >= members["at"], tolerance=0.5))
    members.setdefault("one_tail", unique(members["tail"]))
    members.setdefault("known", exists_in(members["tail"], Plane.tail, severity="warn"))
    kept = {name: value for name, value in members.items() if value is not None}
    return contract_value(type("Flight", (Contract,), kept), owner)


def tail(**options):
    return category(**{"nullable": True, "pattern": "N.+"} | options)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({}, {}),
        ({"owner": "data"}, {"owner": "compatible"}),
        ({"known_after": "2h"}, {"known after": "breaking"}),
        ({"known_after": None}, {"known after": "breaking"}),
        ({"more": number(nullable=True)}, {"more": "compatible"}),
        ({"more": number()}, {"more": "breaking"}),
        ({"wind": None}, {"wind": "breaking"}),
        ({"wind": number(max_null_share=None)}, {"wind: nullable": "compatible", "rule wind.null_share": "breaking"}),
        ({"wind": number(nullable=True, max_null_share=0.2)}, {"rule wind.null_share": "breaking"}),
        ({"wind": number(nullable=True, max_null_share=0.05)}, {"rule wind.null_share": "compatible"}),
        ({"seats": number(ge=1, le=500, tolerance=0.1)}, {"seats: kind": "breaking", "rule seats.range": "compatible"}),
        ({"seats": integer(ge=1, le=400, tolerance=0.1)}, {"rule seats.range": "compatible"}),
        ({"seats": integer(gt=1, lt=500, tolerance=0.1)}, {"rule seats.range": "compatible"}),
        ({"seats": integer(gt=0, le=500, tolerance=0.1)}, {"rule seats.range": "breaking"}),
        ({"seats": integer(ge=1, tolerance=0.1)}, {"rule seats.range": "breaking"}),
        ({"seats": integer(ge=1, le=500, tolerance=0.2)}, {"rule seats.range": "breaking"}),
        ({"seats": integer(ge=1, le=500, severity="block")}, {"rule seats.range": "compatible"}),
        ({"seats": integer(ge=1, le=500, unit="1", tolerance=0.1)}, {"seats: unit": "compatible"}),
        ({"origin": category(segment=True, one_of=("EWR", "JFK"))}, {"rule origin.set": "compatible"}),
        ({"origin": category(segment=True, one_of=("EWR", "X"))}, {"rule origin.set": "breaking"}),
        ({"origin": category(one_of=("EWR", "JFK", "LGA"), pii=True)},
         {"origin: segment": "breaking", "origin: pii": "compatible"}),
        ({"tail": tail(pattern="N[0-9]+")}, {"rule tail.pattern": "breaking"}),
        ({"tail": tail(severity="block")}, {"rule tail.pattern": "compatible"}),
        ({"tail": tail(severity="warn")}, {"rule tail.pattern": "breaking"}),
        ({"late": boolean(nullable=True)}, {"late: nullable": "breaking"}),
        ({"left": time(tz="America/New_York")}, {"left: tz": "breaking"}),
        ({"known": None}, {"rule known": "breaking"}),
    ],
)  # fmt: skip
def test_each_change_is_breaking_or_compatible(body, found):
    changes = contract_changes(made(), made(**body))
    assert {one.what: one.meaning for one in changes} == found
    assert all(one.why for one in changes)


def test_what_breaks_stands_first_and_names_the_columns_it_concerns():
    changes = contract_changes(made(), made(owner="data", wind=None, more=number(nullable=True)))
    assert [(one.what, one.columns) for one in changes] == [("wind", ("wind",)), ("owner", ()), ("more", ("more",))]


numbers = st.integers(-3, 3)
limits = st.dictionaries(st.sampled_from(["ge", "gt", "le", "lt"]), numbers, min_size=1)


@given(limits, limits, st.lists(numbers, min_size=1, unique=True))
def test_what_is_called_compatible_lets_no_value_in_that_could_not_be_there(before, after, values):
    def bounded(bounds):
        return contract_value(type("Flight", (Contract,), {"key": integer(key=True), "x": integer(**bounds)}), "ops")

    old, new = bounded(before), bounded(after)
    frame = pl.DataFrame({"key": range(len(values)), "x": values})
    good = [set(judge_rows(frame, one, now_ns=0).good["x"]) for one in (old, new)]
    if all(one.meaning == "compatible" for one in contract_changes(old, new)):
        assert good[1] <= good[0]
    assert contract_changes(old, replace(old)) == ()
