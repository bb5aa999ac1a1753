"""A mark on a column reaches everything that is computed from it, however far away, and nothing else."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from andon.contracts.dataset import Column, DatasetContract
from andon.contracts.declaration import Declaration, Derivation
from andon.expressions import tree
from andon.expressions.functions import BOOL, CATEGORY, INT
from andon.expressions.marks import behind_derived, carried_marks, marked_columns, marks_of, reads_of, words_of_marks
from andon.expressions.plan import FeaturePlan

HOUR = 3600 * 10**9
WHO, PLACE, AGE = (
    tree.column("Ask", name, kind) for name, kind in (("who", CATEGORY), ("place", CATEGORY), ("age", INT))
)
THEIRS, SEX, FARE = (
    tree.column("Trip", name, kind) for name, kind in (("who", CATEGORY), ("sex", CATEGORY), ("fare", INT))
)
LATE = tree.column("Trip", "late", BOOL)
LABEL = tree.apply("lookup", LATE, match=tree.apply("eq", THEIRS, WHO))
ASK = DatasetContract(
    "Ask",
    (
        Column("who", "category", "key", pii=True),
        Column("place", "category"),
        Column("age", "int", pii=True, protected=True),
        Column("asked", "time", "event_time"),
    ),
)
TRIP = DatasetContract(
    "Trip",
    (
        Column("who", "category", "key"),
        Column("sex", "category", protected=True),
        Column("fare", "int"),
        Column("late", "bool", protected=True),
        Column("at", "time", "event_time", pii=True),
    ),
)
MARKED = marked_columns([ASK, TRIP])


def declared(*derivations):
    contracts = {each.name: each.to_json() for each in (ASK, TRIP)}
    return Declaration("f", "ada", "", contracts, (), (), (), (), (), {}, derivations)


def window(value, op="count", key=None, **params):
    match = tree.apply("eq", THEIRS, key or PLACE)
    return tree.apply(op, value, match=match, over_ns=HOUR, event_time="at", **params)


def carried(node):
    return dict(marks_of(node, LABEL, MARKED))


def columns_in(value):
    """Every column that stands in the JSON of an expression, found without knowing what its functions mean."""
    if isinstance(value, dict):
        if value.get("op") == "column":
            yield f"{value['contract']}.{value['name']}"
        for each in value.values():
            yield from columns_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from columns_in(each)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_row_expression_carries_exactly_the_marks_of_the_columns_that_stand_in_it(make, data):
    node = data.draw(make.expressions)
    there = set(columns_in(tree.to_json(node)))
    marked = data.draw(st.sets(st.sampled_from([f"S.{name}" for name in "xyijfbctu"])))
    found = marks_of(node, node, {"pii": frozenset(marked), "protected": frozenset()})
    assert set(found.get("pii", ())) == marked & there
    assert "protected" not in found


def test_the_value_the_key_the_filter_and_the_event_time_of_a_join_all_count():
    """A count of somebody's trips says who they are by the key alone, whatever is counted."""
    assert carried(window(FARE)) == {"pii": ("Trip.at",)}
    assert carried(window(FARE, key=WHO)) == {"pii": ("Ask.who", "Trip.at")}
    assert carried(window(SEX, "distinct")) == {"pii": ("Trip.at",), "protected": ("Trip.sex",)}
    women = tree.apply("eq", SEX, tree.literal("f", CATEGORY))
    assert carried(window(FARE, where=women)) == {"pii": ("Trip.at",), "protected": ("Trip.sex",)}
    assert carried(tree.apply("lookup", FARE, match=tree.apply("eq", THEIRS, PLACE))) == {}


def test_computing_with_a_value_or_asking_whether_it_is_there_takes_no_mark_away():
    for node in (tree.apply("bucket", AGE, tree.literal(18, INT)), tree.apply("is_null", AGE)):
        assert carried(node) == {"pii": ("Ask.age",), "protected": ("Ask.age",)}
    assert carried(tree.apply("codes", PLACE, min_count=1)) == {}


def test_what_learns_from_labels_carries_the_marks_of_the_label():
    """The mean outcome of a place tells about the outcomes of the people there."""
    mean = tree.apply("target_mean", PLACE, smoothing=3)
    assert reads_of(mean, LABEL) == ("Ask.place", "Ask.who", "Trip.late", "Trip.who")
    assert carried(mean) == {"pii": ("Ask.who",), "protected": ("Trip.late",)}


def test_a_plan_says_in_words_which_features_come_from_which_columns():
    codes = tree.apply("codes", PLACE, min_count=1)
    plan = FeaturePlan("Ask", "asked", (("place", codes), ("grown", tree.apply("ge", AGE, tree.literal(18, INT)))))
    found = carried_marks(plan.to_json(), tree.to_json(LABEL), declared())
    assert found == {"grown": {"pii": ("Ask.age",), "protected": ("Ask.age",)}}
    assert words_of_marks(found) == [("pii", "grown from Ask.age"), ("protected", "grown from Ask.age")]
    assert words_of_marks({}) == []


def test_a_derived_dataset_hides_no_mark_however_often_it_is_derived_anew():
    """A copy of a column under another name is about the same person."""
    rider = tree.column("Leg", "rider", CATEGORY)
    legs = FeaturePlan("Trip", "at", (("rider", THEIRS), ("woman", tree.apply("eq", SEX, tree.literal("f", CATEGORY)))))
    before = tree.apply("last", rider, match=tree.apply("eq", rider, rider), within_ns=HOUR, event_time="at")
    turns = FeaturePlan("Leg", "at", (("before", before), ("woman", tree.column("Leg", "woman", BOOL))))
    made = declared(
        Derivation("Legs", "Leg", "ops", legs.to_json(), 0), Derivation("Turns", "Turn", "ops", turns.to_json(), 0)
    )
    behind = behind_derived(made.derivations)
    assert behind["Turn.woman"] == ("Leg.woman", "Trip.sex")
    assert behind["Turn.before"] == ("Leg.at", "Leg.rider", "Trip.who")
    theirs = tree.column("Turn", "place", CATEGORY)
    count = tree.apply(
        "count",
        tree.column("Turn", "woman", BOOL),
        match=tree.apply("eq", theirs, PLACE),
        over_ns=HOUR,
        event_time="at",
    )
    found = carried_marks(FeaturePlan("Ask", "asked", (("women", count),)).to_json(), tree.to_json(LABEL), made)
    assert found == {"women": {"protected": ("Trip.sex",)}}
