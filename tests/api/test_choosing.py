"""One of several values of a row: nulls are left out, and both compilers choose the same one."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.api.choosing import coalesce, max_horizontal, min_horizontal
from andon.api.columns import category, event_time, integer, number
from andon.api.contract import Contract
from andon.expressions.frame import compile_frame
from andon.expressions.row import compile_row
from andon.kernel.errors import UsageError


class Row(Contract):
    key = category(key=True)
    at = event_time()
    a = integer(nullable=True)
    b = integer(nullable=True)
    c = integer(nullable=True)
    x = number(nullable=True)


VALUE = st.none() | st.integers(-(2**63), 2**63 - 1)


@settings(max_examples=100, deadline=None)
@given(a=VALUE, b=VALUE, c=VALUE)
def test_the_least_the_greatest_and_the_first_that_is_there(a, b, c):
    """Polars' functions of these names leave nulls out; so must these, in training and in serving."""
    columns = (Row.a, Row.b, Row.c)
    chosen = {"least": min_horizontal(*columns), "most": max_horizontal(*columns), "first": coalesce(*columns)}
    there = [value for value in (a, b, c) if value is not None]
    expected = {
        "least": min(there, default=None),
        "most": max(there, default=None),
        "first": there[0] if there else None,
    }
    nodes = {name: each.node for name, each in chosen.items()}
    row = compile_row(nodes, lambda _, name: name)
    assert row.call({"a": a, "b": b, "c": c}) == expected
    frame = pl.DataFrame({"a": [a], "b": [b], "c": [c]}, schema=dict.fromkeys("abc", pl.Int64))
    compiled = [compile_frame(node, lambda _, name: name).alias(name) for name, node in nodes.items()]
    theirs = frame.select(pl.min_horizontal("a", "b", "c"), pl.max_horizontal("a", "b", "c").alias("most"))
    assert frame.select(compiled).to_dicts()[0] == expected
    assert theirs.row(0) == (expected["least"], expected["most"])


def test_values_of_other_kinds_are_not_compared():
    with pytest.raises(UsageError):
        coalesce(Row.a, Row.key)
