"""Texts, vectors and bytes are declared like other columns, are taken as they are, and a model takes vectors only."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import andon
from andon.api.choosing import coalesce, where
from andon.api.columns import blob, boolean, category, event_time, text, vector
from andon.api.contract import Contract, contract_value
from andon.api.factory import Factory
from andon.contracts.dataset import contract_from_json
from andon.contracts.model import Feature
from andon.expressions import tree
from andon.expressions.functions import Type
from andon.expressions.plan import FeaturePlan
from andon.kernel.canonical import dumps, loads
from andon.kernel.errors import AndonError, InputError, UsageError
from andon.line.matrix import features_of, inputs_of, matrix_of, rows_of


class Ask(Contract):
    ask = category(key=True)
    asked = event_time(known_after="0s")
    is_new = boolean()
    wish = text(pii=True)
    taste = vector(2, nullable=True, protected=True)
    other = vector(2)
    wide = vector(3)
    photo = blob(nullable=True, max_null_share=0.5)


class Note(Contract):
    note = category(key=True)
    at = event_time(known_after="5m")
    who = category()
    said = text(nullable=True)
    body = vector(2, nullable=True)


SAME = Note.who == Ask.ask


def test_they_stand_in_the_contract_with_their_marks_and_rules():
    value = contract_value(Ask, "ops")
    assert contract_from_json(loads(dumps(value.to_json()))) == value
    assert [(column.name, column.kind, column.size) for column in value.columns[3:]] == [
        ("wish", "text", 0),
        ("taste", "vector", 2),
        ("other", "vector", 2),
        ("wide", "vector", 3),
        ("photo", "blob", 0),
    ]
    assert (value.marked("pii"), value.marked("protected")) == (("wish",), ("taste",))
    ids = [rule.id for rule in value.rules]
    assert {"wish.present", "other.present", "photo.null_share"} <= set(ids)
    assert "taste.present" not in ids


@pytest.mark.parametrize("size", [0, -1, 16_385, 2.0, "2", True, None])
def test_a_vector_of_no_possible_size_is_refused_where_it_is_declared(size):
    with pytest.raises(UsageError) as error:
        vector(size)
    assert error.value.code == "contract.size"


@pytest.mark.parametrize(
    "attempt",
    [
        lambda: Ask.wish == "a",
        lambda: Ask.wish == Ask.wish,
        lambda: Ask.taste + Ask.other,
        lambda: Ask.taste > 1,
        lambda: Ask.taste[0],
        lambda: Ask.wish.fill_null("none"),
        lambda: Ask.taste.fill_null(Ask.wide),
        lambda: Ask.wish.fill_null(Ask.photo),
        lambda: coalesce(Ask.taste, Ask.wide),
        lambda: where(Ask.is_new, Ask.taste, Ask.wide),
        lambda: Note.said.count(over="1d", match=SAME),
        lambda: Note.body.distinct(over="1d", match=SAME),
        lambda: Note.said.first(over="1d", match=SAME),
        lambda: Ask.wish.codes(min_count=2),
        lambda: Ask.wish.starts_with("a"),
        lambda: Ask.photo.lookup(match=Ask.wish),
    ],
)
def test_nothing_is_computed_with_them(attempt):
    with pytest.raises((AndonError, TypeError)) as error:
        attempt()
    if isinstance(error.value, AndonError):
        assert error.value.fix


def test_what_can_be_said_of_them():
    taken = [
        where(Ask.is_new, Ask.taste, Ask.other),
        coalesce(Note.body.last(within="1d", match=SAME), Ask.taste, Ask.other),
        Note.said.lookup(match=SAME),
        Ask.photo.is_null(),
        Ask.wish.is_not_null(),
    ]
    assert [str(each.node.type) for each in taken] == ["vector(2)", "vector(2)", "text", "bool", "bool"]
    assert {andon.text, andon.vector, andon.blob} == {text, vector, blob}


def frames(n=3):
    moment = pl.Series(range(n)).cast(pl.Datetime("ns", "UTC"))
    return pl.DataFrame(
        {
            "ask": [f"a{number}" for number in range(n)],
            "asked": moment,
            "is_new": [True] * n,
            "wish": ["more"] * n,
            "taste": [[1.0, 0.1], None, [-0.0, 3.0]],
            "other": [[5.0, 6.0]] * n,
            "wide": [[7.0, 8.0, 9.0]] * n,
            "photo": [b"x", None, b""],
        },
        schema_overrides={"taste": pl.List(pl.Float32)},
    )


def test_features_tried_on_rows_at_hand_have_the_values_as_they_are():
    factory = Factory("shop", owner="ops", purpose="Say who buys")

    @factory.features(Ask, label=Ask.is_new, label_within="1d")
    class Inputs:
        wish = Ask.wish
        taste = Ask.taste
        photo = Ask.photo
        filled = Ask.taste.fill_null(Ask.other)

    found = factory.frame(Inputs, {Ask: frames()})
    assert found["taste"].to_list() == [[1.0, 0.10000000149011612], None, [-0.0, 3.0]]
    assert found["filled"].to_list()[1] == [5.0, 6.0]
    assert (found["wish"].to_list(), found["photo"].to_list()) == (["more"] * 3, [b"x", None, b""])


@pytest.mark.parametrize("name", ["wish", "photo"])
def test_a_model_takes_no_text_and_no_bytes(name):
    plan = FeaturePlan("Ask", "asked", ((name, Ask.columns[name].node),))
    with pytest.raises(InputError) as error:
        features_of(plan)
    assert error.value.code == "package.not-numeric"
    assert error.value.place == name


def column(name, type_):
    return name, tree.column("S", name, type_)


def test_a_vector_is_so_many_inputs_and_none_has_the_name_of_another():
    plan = FeaturePlan("S", "t", (column("x", Type("float")), column("v", Type("vector", size=2))))
    assert features_of(plan) == (
        Feature("x", "float", categorical=False),
        Feature("v_0", "float", categorical=False),
        Feature("v_1", "float", categorical=False),
    )
    doubled = FeaturePlan("S", "t", (column("v_1", Type("float")), column("v", Type("vector", size=2))))
    with pytest.raises(InputError) as error:
        features_of(doubled)
    assert (error.value.code, error.value.place) == ("package.doubled-input", "v_1")


SINGLE = st.floats(width=32, allow_nan=False, allow_infinity=False)


@settings(max_examples=100, deadline=None)
@given(data=st.data(), sizes=st.lists(st.integers(0, 3), min_size=1, max_size=5))
def test_a_row_gives_a_model_the_numbers_that_a_frame_gives_it(data, sizes):
    """Names like those of a vector's numbers, and vectors that are null, are where these could part."""
    names = data.draw(st.permutations(["v", "w", "v_3", "w_1", "v_0_1"]))[: len(sizes)]
    types = [Type("vector", size=size) if size else Type("float") for size in sizes]
    plan = FeaturePlan("S", "t", tuple(column(name, type_) for name, type_ in zip(names, types, strict=True)))
    try:
        features = features_of(plan)
    except InputError as error:
        assert error.code == "package.doubled-input"  # noqa: PT017  # either it is refused, or the two agree
        return
    values = {
        name: data.draw(st.none() | (st.tuples(*[SINGLE] * type_.size) if type_.size else st.floats(-5, 5)))
        for name, type_ in zip(names, types, strict=True)
    }
    frame = pl.DataFrame(
        [
            pl.Series(name, [value], dtype=pl.Array(pl.Float32, type_.size) if type_.size else pl.Float64)
            for (name, value), type_ in zip(values.items(), types, strict=True)
        ]
    )
    whole, alone = matrix_of(inputs_of(frame), features), rows_of([values], features)
    assert whole.tobytes() == alone.tobytes()
    assert inputs_of(frame).columns == [feature.name for feature in features]


@pytest.mark.parametrize(
    "values",
    [{}, {"v": (1.0,)}, {"v": (1.0, 2.0, 3.0)}, {"v": 5.0}, {"v": "ab"}, {"v_0": 1.0}, {"v": ()}, {"w": (1.0, 2.0)}],
)
def test_a_row_without_all_numbers_of_a_vector_is_refused(values):
    features = (Feature("v_0", "float", categorical=False), Feature("v_1", "float", categorical=False))
    with pytest.raises(InputError) as error:
        rows_of([values], features)
    assert error.value.code == "package.missing-feature"
