"""Texts, vectors and bytes come out as they went in, in every bit: of a frame, of one row, of the online store."""

import struct

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from andon.contracts.dataset import Column, DatasetContract
from andon.expressions import tree
from andon.expressions.buckets import in_buckets
from andon.expressions.conformance import conformance
from andon.expressions.evaluate import evaluate, spine_of
from andon.expressions.events import read_events, value_names
from andon.expressions.frame import compile_frame, dtype_of
from andon.expressions.functions import BLOB, BOOL, FLOAT, INT, TEXT, TIME, Type
from andon.expressions.joins import read_join
from andon.expressions.online.block import Block
from andon.expressions.online.spine import SpineBlocks
from andon.expressions.plan import FeaturePlan, plan_from_json
from andon.expressions.row import checked, compile_row
from andon.kernel.canonical import dumps, loads
from andon.kernel.errors import InputError
from tests.fakes.online import TablePoint

WIDTH = 3
VECTOR = Type("vector", size=WIDTH)
SINGLES = [0.0, -0.0, 1.0, 0.1, -3.4028234663852886e38, 1e-45, 2.0**-149, 16777216.0]
MOMENT = pl.Datetime("ns", "UTC")
_QUIET = [HealthCheck.too_slow]


def single(value):
    return struct.unpack("f", struct.pack("f", value))[0]


VALUES = {
    TEXT: st.sampled_from(["", "a", "é", "a\nb", "\0", "zz'\"\\", "𝄞"]) | st.text(max_size=30),
    BLOB: st.sampled_from([b"", b"\0", b"\xff\xfe"]) | st.binary(max_size=30),
    VECTOR: st.tuples(
        *[st.sampled_from(SINGLES).map(single) | st.floats(width=32, allow_nan=False, allow_infinity=False)] * WIDTH
    ),
}
NAMES = {TEXT: ("note", "other_note"), BLOB: ("photo", "other_photo"), VECTOR: ("body", "other_body")}


def column(contract, name, type_):
    return tree.column(contract, name, type_)


def nodes(contract):
    """Everything that can be said of such values in one row."""
    flag = column(contract, "flag", BOOL)
    found = {}
    for type_, (first, second) in NAMES.items():
        a, b = column(contract, first, type_), column(contract, second, type_)
        found |= {
            first: a,
            f"{first}_there": tree.apply("is_null", a),
            f"{first}_filled": tree.apply("fill_null", a, b),
            f"{first}_chosen": tree.apply("where", flag, a, tree.apply("where", tree.apply("is_null", b), a, b)),
        }
    return found


def bits(value):
    """A value such that equal means equal in every bit and in kind."""
    if isinstance(value, list | tuple):
        return [struct.pack("<d", each) for each in value]
    return type(value), value


ROWS = st.lists(
    st.fixed_dictionaries(
        {"flag": st.none() | st.booleans()}
        | {name: st.none() | VALUES[type_] for type_, names in NAMES.items() for name in names}
    ),
    min_size=1,
    max_size=6,
)
SCHEMA = {"flag": pl.Boolean()} | {name: dtype_of(type_) for type_, names in NAMES.items() for name in names}


@settings(max_examples=100, deadline=None, suppress_health_check=_QUIET)
@given(rows=ROWS)
def test_a_row_and_a_frame_of_one_and_many_rows_agree_in_every_bit(rows):
    """A model would be asked with another embedding than it learned from."""
    frame = pl.DataFrame(rows, schema=SCHEMA)
    said = nodes("S")
    row = compile_row(said, lambda _, name: name)
    assert tuple(tree.from_json(loads(dumps(tree.to_json(node)))) for node in said.values()) == tuple(said.values())
    for part in (frame, frame.head(1)):
        found = part.select(compile_frame(node, lambda _, name: name).alias(name) for name, node in said.items())
        for given_, values in zip(rows, found.rows(named=True), strict=False):
            one = row.call(checked(row.columns, given_))
            assert {name: bits(value) for name, value in one.items()} == {n: bits(v) for n, v in values.items()}
            for first, _ in NAMES.values():
                assert bits(values[first]) == bits(given_[first]), "not as it went in"


def joined():
    """The newest of another contract's rows and its latest version, each kind beside a number and a category."""
    match = tree.apply("eq", column("Event", "who", INT), column("Ask", "who", INT))
    found = {"own_body": column("Ask", "own_body", VECTOR)}
    for type_, (name, _) in NAMES.items():
        value = column("Event", name, type_)
        last = tree.apply("last", value, match=match, within_ns=50, event_time="at")
        found |= {f"last_{name}": last, f"now_{name}": tree.apply("lookup", value, match=match)}
    level = column("Event", "level", FLOAT)
    found["last_level"] = tree.apply("last", level, match=match, within_ns=50, event_time="at")
    found["filled"] = tree.apply("fill_null", found["last_body"], found["own_body"])
    return FeaturePlan("Ask", "asked", tuple(found.items()))


EVENTS = st.lists(
    st.fixed_dictionaries(
        {"who": st.integers(0, 2), "at": st.integers(0, 90), "late": st.integers(0, 40), "level": st.floats(-9, 9)}
        | {names[0]: st.none() | VALUES[type_] for type_, names in NAMES.items()}
    ),
    max_size=12,
)
ASKS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 150), st.none() | VALUES[VECTOR]), min_size=1, max_size=4)


def events_of(rows):
    schema = {"who": pl.Int64, "at": pl.Int64, "late": pl.Int64, "level": pl.Float64}
    schema |= {names[0]: dtype_of(type_) for type_, names in NAMES.items()}
    frame = pl.DataFrame(rows, schema=schema).with_row_index("_row").with_columns(pl.col("_row").cast(pl.Int64))
    known = (pl.col("at") + pl.col("late")).cast(MOMENT)
    return frame.with_columns(pl.col("at").cast(MOMENT), _known_at=known, _object=pl.lit("sha256:a")).lazy()


@settings(max_examples=60, deadline=None, suppress_health_check=_QUIET)
@given(events=EVENTS, asks=ASKS)
def test_the_newest_row_gives_its_values_unchanged_in_training_and_in_serving(events, asks):
    plan = plan_from_json(loads(dumps(joined().to_json())))
    tables = {"Event": events_of(events)}
    rows = [{"who": who, "own_body": body} for who, _, body in asks]
    moments = [asked for _, asked, _ in asks]
    whole = evaluate(plan, spine_of(plan, rows, moments), tables).rows(named=True)
    point = TablePoint(plan, tables)
    for row, asked, expected in zip(rows, moments, whole, strict=True):
        found = point.features(row, asked)
        assert {name: bits(value) for name, value in found.items()} == {n: bits(v) for n, v in expected.items()}
        seen = [
            (event["at"], event["at"] + event["late"], place, event)
            for place, event in enumerate(events)
            if event["who"] == row["who"] and event["at"] + event["late"] < asked
        ]
        newest = max(seen, default=None, key=lambda one: one[:3])
        for name in ("note", "photo", "body"):
            is_seen = newest is not None and asked - newest[0] <= 50
            assert bits(found[f"last_{name}"]) == bits(newest[3][name] if is_seen else None)


@settings(max_examples=60, deadline=None, suppress_health_check=_QUIET)
@given(rows=ROWS, alike=st.booleans())
def test_the_rows_that_questions_are_about_are_kept_as_they_are(rows, alike):
    """Several rows of one key share a block, in which equal values stand once."""
    contract = DatasetContract(
        "S",
        (
            Column("id", "int", "key"),
            Column("flag", "bool", nullable=True),
            *(
                Column(name, type_.kind, nullable=True, size=type_.size)
                for type_, names in NAMES.items()
                for name in names
            ),
        ),
    )
    spine = SpineBlocks(contract)
    frame = pl.DataFrame(rows, schema=SCHEMA).with_row_index("_row").with_columns(pl.col("_row").cast(pl.Int64))
    ids = pl.lit(7, dtype=pl.Int64) if alike else pl.col("_row")
    table = frame.with_columns(id=ids, _known_at=pl.col("_row").cast(MOMENT), _object=pl.lit("sha256:a")).lazy()
    kept = dict(spine.pack(table))
    for number, row in enumerate(rows):
        key = 7 if alike else number
        found = spine.newest(Block(kept[spine.key({"id": key})]), number)
        assert {name: bits(found[name]) for name in SCHEMA} == {name: bits(row[name]) for name in SCHEMA}


def test_both_compilers_are_held_against_one_another_before_a_model_is_packaged():
    plan = FeaturePlan("S", "asked", tuple(nodes("S").items()))
    assert conformance(plan) == conformance(plan)
    other = FeaturePlan("S", "asked", (*tuple(nodes("S").items())[:-1], ("x", column("S", "body", VECTOR))))
    assert conformance(plan) != conformance(other)


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (VECTOR, (1.0, 2.0)),
        (VECTOR, (1.0, 2.0, 3.0, 4.0)),
        (VECTOR, (1.0, 2.0, float("nan"))),
        (VECTOR, (1.0, 2.0, float("inf"))),
        (VECTOR, (1.0, 2.0, 0.1)),
        (VECTOR, (1.0, 2.0, True)),
        (VECTOR, (1.0, 2.0, None)),
        (VECTOR, "123"),
        (TEXT, b"abc"),
        (TEXT, 1),
        (BLOB, "abc"),
    ],
)
def test_a_question_with_a_value_of_another_type_is_refused(type_, value):
    """0.1 is no 32-bit float: whoever asks has to round it as ingestion does."""
    with pytest.raises(InputError) as error:
        checked({"x": type_}, {"x": value})
    assert error.value.code == "expression.value-type"


@pytest.mark.parametrize("type_", [TEXT, BLOB, VECTOR])
@pytest.mark.parametrize("op", ["eq", "ne", "lt", "add", "codes", "count", "first", "distinct", "min", "len_chars"])
def test_nothing_is_computed_with_them(type_, op):
    """What they mean is for models to say; as text or bytes they would be equal by accident only."""
    value = column("S", "x", type_)
    params = {
        "codes": {"min_count": 1},
        **{
            each: {"over_ns": 5, "event_time": "at", "match": tree.apply("is_null", value)}
            for each in ("count", "first", "distinct", "min")
        },
    }
    two = (value, column("S", "y", type_))
    with pytest.raises(InputError) as error:
        tree.apply(op, *(two if op in ("eq", "ne", "lt", "add") else two[:1]), **params.get(op, {}))
    assert error.value.code == "expression.type"


@pytest.mark.parametrize(
    "change", [{"size": 0}, {"size": 2**14 + 1}, {"size": "3"}, {"type": "text"}, {"size": 1.0}, {"size": True}]
)
def test_a_vector_of_no_possible_size_is_no_expression(change):
    good = tree.to_json(column("S", "x", VECTOR))
    assert tree.from_json(good).type == VECTOR
    with pytest.raises(InputError):
        tree.from_json({**good, **change})


def test_a_literal_of_such_a_kind_is_no_expression():
    for kind in ("text", "blob"):
        with pytest.raises(InputError):
            tree.from_json({"op": "literal", "type": kind, "value": "abc"})


def test_types_are_told_with_their_size():
    assert [str(type_) for type_ in (TEXT, BLOB, VECTOR, TIME)] == ["text", "blob", "vector(3)", "time"]


@settings(max_examples=20, deadline=None, suppress_health_check=_QUIET)
@given(events=EVENTS, asks=ASKS)
def test_buckets_of_keys_change_no_bit(events, asks):
    """Many rows are joined in parts, which no small factory would show."""
    nodes_ = [node for node in joined().joins if node.args[0].type != FLOAT]
    joins = {str(number): read_join(node, "Ask") for number, node in enumerate(nodes_) if node.op == "last"}
    values = value_names(tuple(dict.fromkeys(join.value for join in joins.values())))
    rows = next(iter(joins.values())).rows
    seen = read_events(rows, tuple(values), {"Event": events_of(events)}).rename({"_k0": "_key"})
    asked = pl.DataFrame(sorted((asked, who) for who, asked, _ in asks), schema=["_t", "_key"], orient="row")
    one, many = (in_buckets(asked, seen, joins, values, size) for size in (10**6, 1))
    assert {name: [bits(v) for v in series.to_list()] for name, series in one.items()} == {
        name: [bits(v) for v in series.to_list()] for name, series in many.items()
    }
