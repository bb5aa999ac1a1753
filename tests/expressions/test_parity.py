"""The frame and the row compiler give equal bits, for every expression, every value and any number of rows."""

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from andon.expressions.frame import compile_frame
from andon.expressions.row import compile_row
from andon.expressions.tree import digest, from_json, to_json
from andon.kernel.canonical import dumps, loads

_SLOW_TO_MAKE = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]


def _plain(contract, column):
    return column


@settings(max_examples=150, deadline=None, suppress_health_check=_SLOW_TO_MAKE)
@given(data=st.data())
def test_a_row_and_a_frame_of_one_two_and_many_rows_agree_in_every_bit(make, data):
    """A tree split on the last bit would otherwise answer differently in training and in serving."""
    node = data.draw(make.expressions)
    rows = data.draw(make.rows)
    frame = make.frame(rows)
    expression = compile_frame(node, _plain).alias("out")
    physical = expression.to_physical() if node.type.kind == "time" else expression
    row = compile_row({"out": node}, _plain)
    columns = frame.with_columns(pl.col("t", "u").to_physical()).to_dicts()
    expected = [make.bits(row.call(values)["out"]) for values in columns]
    for part in (frame, frame.head(1), frame.head(2)):
        found = part.select(physical)["out"].to_list()
        assert [make.bits(value) for value in found] == expected[: len(part)], row.source


@settings(max_examples=50, deadline=None, suppress_health_check=_SLOW_TO_MAKE)
@given(data=st.data())
def test_an_expression_survives_its_json_and_its_digest_is_stable(make, data):
    """A plan that reads back as something else would be served as something else."""
    node = data.draw(make.expressions)
    written = dumps(to_json(node))
    again = from_json(loads(written))
    assert again == node
    assert digest(again) == digest(node)
    assert dumps(to_json(again)) == written


@settings(max_examples=50, deadline=None, suppress_health_check=_SLOW_TO_MAKE)
@given(data=st.data())
def test_a_column_that_is_one_value_throughout_changes_no_bit(make, data):
    """Polars computes with a known constant in another way; the same rows must give the same features."""
    node = data.draw(make.expressions)
    rows = [data.draw(make.rows)[0]] * 5
    frame = make.frame(rows)
    constant = frame.head(5).with_columns(
        pl.lit(rows[0][name], dtype=frame.schema[name]).alias(name) for name in ("y",)
    )
    out = compile_frame(node, _plain).alias("out")
    physical = out.to_physical() if node.type.kind == "time" else out
    found, expected = (each.select(physical)["out"].to_list() for each in (constant, frame))
    assert [make.bits(value) for value in found] == [make.bits(value) for value in expected]
