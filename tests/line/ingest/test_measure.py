"""What the data gate gets to see of a judged batch."""

import polars as pl

from andon.contracts.dataset import Column, DatasetContract, Rule
from andon.contracts.evidence import find
from andon.expressions.functions import Type
from andon.expressions.tree import apply, column, literal, to_json
from andon.line.ingest.judge import judge_rows
from andon.line.ingest.measure import blocks, measure_batch

AT_LEAST_0 = to_json(apply("ge", column("P", "x", Type("int")), literal(0, Type("int"))))
COLUMNS = (Column("id", "int", "key"), Column("x", "int", nullable=True), Column("y", "float", nullable=True))
ROWS = {"id": [1, 2, 3, 4], "x": ["1", "-1", "3", "4"], "y": [1.0, None, float("nan"), 4.0]}


def judged(rules=(), **columns):
    contract = DatasetContract("P", COLUMNS, rules)
    return judge_rows(pl.DataFrame(ROWS | columns, strict=False), contract, now_ns=0).counts, contract


def value(counts, contract, metric):
    found = find(measure_batch(counts, contract), metric)
    assert found is not None
    assert found.n == counts.rows_in
    assert found.measured_by == "andon"
    return found.value


def rule(severity="quarantine", tolerance=1.0):
    return Rule("x.low", "row", severity, ("x",), AT_LEAST_0, tolerance=tolerance)


def test_rows_and_shares_are_measured_over_all_landed_rows():
    counts, contract = judged((rule(),), id=[1, 1, 3, 4], x=["1", "1", "-3", "4"], y=[1.0, 1.0, 1.0, None])
    for metric, expected in {
        "rows.in": 4,
        "rows.good": 2,
        "rows.quarantined": 1,
        "rows.duplicate": 1,
        "rows.quarantined.share": 0.25,
        "rule.x.low.broken": 1,
        "rule.x.low.share": 0.25,
        "null_share.y": 0.25,
        "null_share.x": 0.0,
        "schema.matches": 1.0,
        "blocked": 0,
    }.items():
        assert value(counts, contract, metric) == expected, metric


def test_each_metric_is_measured_once():
    counts, contract = judged((rule(), Rule("id.unique", "unique", "block", ("id",))))
    metrics = [m.metric for m in measure_batch(counts, contract)]
    assert len(metrics) == len(set(metrics))


def test_a_block_rule_blocks_from_the_first_broken_row():
    counts, contract = judged((rule("block"),))
    assert value(counts, contract, "blocked") == 1
    assert counts.quarantined == 1
    assert "x.low" in blocks(counts, contract)[0]
    counts, contract = judged((rule("block"),), x=["1", "2", "3", "4"])
    assert value(counts, contract, "blocked") == 0


def test_a_tolerance_blocks_only_above_it():
    counts, contract = judged((rule(tolerance=0.25),))
    assert value(counts, contract, "blocked") == 0
    counts, contract = judged((rule(tolerance=0.24),))
    assert value(counts, contract, "blocked") == 1


def test_too_many_nulls_block_and_no_row_is_set_aside_for_it():
    nulls = Rule("y.nulls", "null_share", "block", ("y",), share=0.5)
    counts, contract = judged((nulls,))
    assert (value(counts, contract, "blocked"), value(counts, contract, "rule.y.nulls.broken")) == (0, 2)
    counts, contract = judged((nulls,), y=[None, None, float("nan"), 1.0])
    assert (value(counts, contract, "blocked"), counts.quarantined) == (1, 0)
    assert value(counts, contract, "null_share.y") == 0.75


def test_conflicts_count_for_the_rule_that_demands_the_identity():
    unique = Rule("id.unique", "unique", "block", ("id",))
    counts, contract = judged((unique,), id=[1, 1, 3, 4])
    assert value(counts, contract, "rule.id.unique.broken") == 2
    assert value(counts, contract, "blocked") == 1


def test_a_column_of_another_type_altogether_is_a_breach_of_the_schema():
    counts, contract = judged(x=["red", "blue", "red", None])
    assert counts.unlike == ("x",)
    assert value(counts, contract, "schema.matches") == 0.0
    assert value(counts, contract, "blocked") == 1
    counts, contract = judged(x=["red", "2", None, None])
    assert (value(counts, contract, "schema.matches"), value(counts, contract, "rule.x.type.broken")) == (1.0, 1)
    assert value(counts, contract, "null_share.x") == 0.5


def test_an_empty_batch_has_shares_of_zero_and_nothing_against_it():
    nulls = Rule("y.nulls", "null_share", "block", ("y",), share=0.0)
    counts, contract = judged((rule("block"), nulls), id=[], x=[], y=[])
    assert value(counts, contract, "rows.quarantined.share") == 0.0
    assert value(counts, contract, "blocked") == 0
    assert all(m.value is not None for m in measure_batch(counts, contract))
