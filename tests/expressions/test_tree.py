"""What is not an expression is refused, with its place and what to do, and never evaluated as something else."""

import pytest

from andon.expressions import tree
from andon.expressions.frame import compile_frame
from andon.expressions.functions import BOOL, CATEGORY, FLOAT, INT, TIME, Type
from andon.expressions.show import show
from andon.expressions.zones import zone
from andon.kernel.errors import InputError

X, N, C, T = (tree.column("S", name, each) for name, each in (("x", FLOAT), ("i", INT), ("c", CATEGORY), ("t", TIME)))
ONE = tree.literal(1.0, FLOAT)


@pytest.mark.parametrize(
    ("code", "call"),
    [
        ("unknown-function", lambda: tree.apply("system", X)),
        ("arity", lambda: tree.apply("add", X)),
        ("arity", lambda: tree.apply("abs", X, X)),
        ("type", lambda: tree.apply("add", X, N)),
        ("type", lambda: tree.apply("log", N)),
        ("type", lambda: tree.apply("gt", C, C)),
        ("type", lambda: tree.apply("add", *(tree.column("S", "f", Type("fixed", s)) for s in (1, 2)))),
        ("constant", lambda: tree.apply("log", ONE)),
        ("constant", lambda: tree.apply("fill_null", ONE, X)),
        ("divisor", lambda: tree.apply("div", X, tree.literal(0.0, FLOAT))),
        ("divisor", lambda: tree.apply("div", X, tree.literal(5e-324, FLOAT))),
        ("not-constant", lambda: tree.apply("clip", X, X, X)),
        ("order", lambda: tree.apply("clip", X, ONE, tree.literal(0.0, FLOAT))),
        ("params", lambda: tree.apply("hour", T)),
        ("params", lambda: tree.apply("add", X, X, tz="UTC")),
        ("params", lambda: tree.apply("codes", C, min_count=0)),
        ("params", lambda: tree.apply("codes", C, min_count=1, vocabulary=("b", "a"))),
        ("params", lambda: tree.apply("lookup", C, match=X)),
        ("literal", lambda: tree.literal(float("nan"), FLOAT)),
        ("literal", lambda: tree.literal(2**63, INT)),
        ("literal", lambda: tree.literal(True, INT)),
        ("literal", lambda: tree.literal("\ud800", CATEGORY)),
        ("unknown-zone", lambda: zone("../../etc/passwd")),
        ("unknown-zone", lambda: zone("Mars/Olympus")),
        ("zone-changed", lambda: compile_frame(tree.apply("hour", T, tz="UTC", table="sha256:0"), lambda c, n: n)),
        ("unfitted", lambda: compile_frame(tree.apply("codes", C, min_count=1), lambda c, n: n)),
        ("join", lambda: compile_frame(tree.apply("lookup", C, match=tree.apply("eq", C, C)), lambda c, n: n)),
    ],
)
def test_a_wrong_call_is_refused(code, call):
    """A tree that was never checked would fail in the middle of a training run, or not at all."""
    with pytest.raises(InputError) as caught:
        call()
    assert caught.value.code == f"expression.{code}"
    assert caught.value.fix


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {"op": "add"},
        {"op": "add", "args": "xy"},
        {"op": "column", "contract": "S", "name": "x"},
        {"op": "column", "contract": "S", "name": "x", "type": "string"},
        {"op": "column", "contract": "S", "name": "x", "type": "vector"},
        {"op": "column", "contract": "S", "name": "x", "type": "text", "size": 3},
        {"op": "column", "contract": "S", "name": "x", "type": "int", "more": 1},
        {"op": "column", "contract": "S", "name": "x", "type": "int", "scale": 2},
        {"op": "column", "contract": "S", "name": "x", "type": "fixed"},
        {"op": "literal", "type": "float", "value": "1.5"},
        {"op": "literal", "type": "float", "value": "nan"},
        {"op": "literal", "type": "int", "value": "01"},
        {"op": "literal", "type": "int", "value": 1},
        {"op": "literal", "type": "bool", "value": "true"},
    ],
)
def test_json_that_is_not_exactly_an_expression_is_refused(value):
    """Two ways to write one expression would give it two identities."""
    with pytest.raises(InputError):
        tree.from_json(value)


def test_a_tree_too_deep_to_walk_is_refused_and_no_recursion_error_is_met():
    """A file from outside must not bring down the process that reads it."""
    value = tree.to_json(X)
    for _ in range(5000):
        value = {"op": "neg", "args": [value]}
    with pytest.raises(InputError):
        tree.from_json(value)


def test_the_digest_tells_minus_zero_from_zero_and_one_column_from_another():
    """What computes other bits has another identity."""
    nodes = [tree.apply("add", X, tree.literal(v, FLOAT)) for v in (0.0, -0.0, 1.0)]
    nodes += [X, N, tree.column("S", "x", INT), tree.column("T", "x", FLOAT)]
    assert len({tree.digest(node) for node in nodes}) == len(nodes)


def test_columns_and_contracts_are_found_in_matches_filters_and_event_times():
    """Lineage of columns must not forget what only a join reads."""
    other = tree.column("E", "y", INT)
    match = tree.apply("eq", tree.column("E", "k", CATEGORY), C)
    where = tree.apply("gt", tree.column("E", "w", FLOAT), ONE)
    node = tree.apply("count", other, over_ns=5, event_time="at", match=match, where=where)
    assert tree.columns_of(node) == (("E", "at"), ("E", "k"), ("E", "w"), ("E", "y"), ("S", "c"))
    assert tree.contracts_of(node) == ("E", "S")
    assert tree.from_json(tree.to_json(node)) == node


def test_a_line_for_people_reads_like_what_was_written():
    """A reason for quarantine is read by people."""
    condition = tree.apply("and", tree.apply("gt", X, ONE), tree.apply("not", tree.column("S", "b", BOOL)))
    assert show(condition) == "(x > 1.0) & b.not()"
    cents = Type("fixed", 2)
    assert show(tree.apply("lt", tree.column("S", "f", cents), tree.literal(-5, cents))) == "f < -0.05"
