"""A contract reads like a table, and whatever is wrong in it is said where it stands, with what was meant."""

import pytest

from andon.api.choosing import where
from andon.api.columns import boolean, category, event_time, fixed, integer, known_at, number, time
from andon.api.contract import Contract, contract_value
from andon.api.rules import rule
from andon.contracts.dataset import contract_from_json
from andon.expressions import tree
from andon.expressions.frame import compile_frame
from andon.expressions.plan import FeaturePlan
from andon.kernel.canonical import dumps, loads
from andon.kernel.errors import AndonError, InputError, UsageError

NEW_YORK = "America/New_York"


class Schedule(Contract):
    flight = category(key=True)
    asked = event_time(known_after="0s")
    origin = category(segment=True, one_of=("EWR", "JFK"))
    departs = time(tz=NEW_YORK)
    arrives = time(tz=NEW_YORK)
    distance = integer(gt=0, le=9000, unit="mi")
    fee = fixed(scale=2, ge=0.5)
    later = rule(arrives > departs, severity="warn", tolerance=0.01)


class Weather(Contract):
    origin = category(key=True)
    hour = event_time()
    published = known_at()
    wind = number(ge=0, nullable=True, max_null_share=0.05)
    calm = boolean(nullable=True)


class Gusts(Weather):
    gust = number()
    stronger = rule(gust >= 0)


SAME = Weather.origin == Schedule.origin


class Passenger(Contract):
    passenger = category(key=True, pii=True)
    born = time(pii=True, protected=True)
    sex = category(nullable=True, protected=True)
    children = integer(ge=0, protected=True)
    weight = number(pii=True)
    income = fixed(scale=2, protected=True)
    disabled = boolean(protected=True, segment=True)
    seat = category()


def test_a_mark_stands_in_the_contract_and_a_contract_without_any_is_what_it_was():
    """Marks were added later: the digest of what was published before must stay."""
    value = contract_value(Passenger, "ops")
    assert value.marked("pii") == ("passenger", "born", "weight")
    assert value.marked("protected") == ("born", "sex", "children", "income", "disabled")
    assert contract_from_json(loads(dumps(value.to_json()))) == value
    plain = [each for each in value.to_json()["columns"] if each["name"] == "seat"]
    assert set(plain[0]) == {"name", "kind", "role", "nullable", "unit", "tz", "scale", "segment"}
    assert contract_value(Schedule, "ops").marked("pii") == ()


def test_a_contract_becomes_data_that_reads_back():
    """The declaration is all that leaves the process that runs the team's code."""
    value = contract_value(Schedule, "ops")
    assert contract_from_json(loads(dumps(value.to_json()))) == value
    assert value.identity == ("flight", "asked")
    assert value.known_after_ns == 0
    assert value.column("departs").tz == NEW_YORK
    rules = {each.id: each for each in value.rules}
    assert rules["identity.unique"].columns == ("flight", "asked")
    assert rules["distance.range"].text == "distance > 0 and distance <= 9000"
    assert rules["origin.set"].columns == ("origin",)
    assert rules["later"].text == "arrives > departs"
    assert (rules["later"].severity, rules["later"].tolerance) == ("warn", 0.01)
    assert {each.id for each in value.rules if each.id.endswith(".present")} == {
        f"{c.name}.present" for c in value.columns
    }
    assert contract_value(Weather, "ops").of_role("known_at") == ("published",)


def test_the_rules_are_expressions_that_find_the_broken_rows():
    """A rule that cannot be computed would be no rule."""
    import polars as pl

    rules = {each.id: each for each in contract_value(Schedule, "ops").rules}
    frame = pl.DataFrame({"distance": [1, 0, None], "fee": [50, 49, None], "origin": ["JFK", "LGA", None]})
    for name in ("distance.range", "fee.range", "origin.set"):
        good = compile_frame(tree.from_json(rules[name].expression), lambda contract, column: column)
        assert frame.select(good.alias("good"))["good"].to_list() == [True, False, True]


def test_a_null_share_becomes_a_rule_of_the_batch():
    """A source that goes blind is a failed batch, not many bad rows."""
    rules = {each.id: each for each in contract_value(Weather, "ops").rules}
    assert (rules["wind.null_share"].scope, rules["wind.null_share"].severity, rules["wind.null_share"].share) == (
        "null_share",
        "block",
        0.05,
    )
    assert "wind.present" not in rules


def test_a_subclass_has_its_own_copies_of_inherited_columns_and_rules():
    """A column that still named the base would join and check the wrong dataset."""
    assert Gusts.wind.node.text("contract") == "Gusts"
    assert Weather.wind.node.text("contract") == "Weather"
    value = contract_value(Gusts, "ops")
    assert [each.name for each in value.columns] == ["origin", "hour", "published", "wind", "calm", "gust"]

    class Storm(Gusts):
        name = category(key=True)

    stronger = next(each for each in contract_value(Storm, "ops").rules if each.id == "stronger")
    assert tree.contracts_of(tree.from_json(stronger.expression)) == ("Storm",)


def test_the_example_of_features_is_a_plan():
    """One definition, for training and for serving."""
    wind = Weather.calm.last(within="3h", match=SAME)
    features = {
        "hour": Schedule.departs.hour(NEW_YORK),
        "carrier": Schedule.origin.codes(min_count=2),
        "n": Weather.wind.count(over="1h", match=SAME, where=Weather.wind > 3),
        "calm": wind.fill_null(False),
        "far": where(Schedule.distance > 1000, Schedule.distance, Schedule.distance - 1),
        "per_mile": 100 / Schedule.distance + Schedule.fee.to_float(),
        "rather": 10 - Schedule.fee,
    }
    plan = FeaturePlan("Schedule", "asked", tuple((name, each.node) for name, each in features.items()))
    assert plan.contracts == ("Weather",)
    assert [str(each) for each in plan.types] == ["int", "int", "int", "bool", "int", "float", "fixed(2)"]


def test_numbers_of_different_kinds_meet_as_floats_and_exact_ones_stay_exact():
    """A bound of 15 on a float and of 15.0 on an int mean the same."""
    assert (Schedule.distance > 15.0).node == (Schedule.distance > 15).node
    assert (Weather.wind > 15).node == (Weather.wind > 15.0).node
    assert (Schedule.fee >= 0.1).node.args[1].value == 10
    assert (Schedule.fee >= 0.001).node.args[1].type.kind == "float"
    assert (Schedule.distance * 2).node.type.kind == "int"
    assert (Schedule.distance * 2.5).node.type.kind == "float"
    assert (Schedule.arrives - Schedule.departs).node.type.kind == "int"
    assert (Schedule.departs > "2013-07-01").node.args[1].value == 1372636800 * 10**9


@pytest.mark.parametrize(
    ("call", "hint"),
    [
        (lambda: Schedule.distanse, "'distance'"),
        (lambda: Schedule.distance.buckett, "'bucket'"),
        (lambda: Schedule.distance and 1, "& | ~"),
        (lambda: not Schedule.distance, "& | ~"),
        (lambda: 0 < Schedule.distance < 5, "(x > 0) & (x < 5)"),
        (lambda: 1 if Schedule.distance > 5 else 2, "where("),
        (lambda: Schedule.origin in ("EWR", "JFK"), "is_in"),
        (lambda: "E" in Schedule.origin, "is_in"),
        (lambda: list(Schedule.origin), "is_in"),
        (lambda: Schedule.origin > 5, "same kind"),
        (lambda: Schedule.origin == 5, "same kind"),
        (lambda: Schedule.origin == Schedule.distance, "one kind"),
        (lambda: Schedule.origin + "x", "same kind"),
        (lambda: 5 + Schedule.origin, "same kind"),
        (lambda: Schedule.distance & Schedule.origin, "same kind"),
        (lambda: Schedule.departs + Schedule.arrives, "same kind"),
        (lambda: -Schedule.departs, "same kind"),
        (lambda: Schedule.fee % 2, "same kind"),
        (lambda: Schedule.distance % 2.5, "same kind"),
        (lambda: Schedule.origin.starts_with(5), "same kind"),
        (lambda: Schedule.distance == None, "same kind"),  # noqa: E711
        (lambda: Schedule.distance > True, "same kind"),
        (lambda: Schedule.fee + 0.5, "to_float"),
        (lambda: Schedule.distance.clip(0, 0.5), "same kind"),
        (lambda: Weather.wind.mean(over="3h", match=SAME), "fixed(scale="),
        (lambda: Weather.wind.std(over="3h", match=SAME), "fixed(scale="),
        (lambda: Weather.wind.max(over="3 hours", match=SAME), "3h"),
        (lambda: Weather.wind.last(within="3 hours", match=SAME), "3h"),
        (lambda: Weather.wind.last(within="3h", match=True), "same kind"),
    ],
)
def test_what_cannot_be_is_refused_with_a_hint(call, hint):
    """Python would otherwise answer something, and nobody would know."""
    with pytest.raises(UsageError) as caught:
        call()
    assert hint in caught.value.fix


def test_hasattr_and_completion_still_work():
    """A notebook asks for names that are not there all the time."""
    assert not hasattr(Schedule, "_repr_html_")
    assert not hasattr(Schedule.distance, "_repr_html_")
    assert "distance" in dir(Schedule)


def _contract(**body):
    return contract_value(type("Bad", (Contract,), body), "ops")


@pytest.mark.parametrize(
    ("code", "body"),
    [
        ("contract.no-key", lambda: {"a": integer()}),
        ("contract.event-times", lambda: {"k": category(key=True), "a": event_time(), "b": event_time()}),
        ("contract.known-at", lambda: {"k": category(key=True), "a": known_at(), "b": known_at()}),
        ("contract.known-at", lambda: {"k": category(key=True), "a": event_time(known_after="1h"), "b": known_at()}),
        ("contract.column", lambda: {"k": category(key=True), "a": Schedule.distance + 1}),
        ("contract.column", lambda: {"k": category(key=True), "_a": integer()}),
        ("contract.column", lambda: dict.fromkeys(("k", "l"), category(key=True))),
        ("contract.rule", lambda: {"k": category(key=True), "r": rule(Schedule.distance > 5)}),
        ("contract.rule", lambda: {"k": category(key=True), "r": rule(integer() > 5)}),
        ("contract.rule", lambda: {"k": category(key=True), "r": rule(True)}),
        ("contract.rule", lambda: {"k": category(key=True), "r": rule(Schedule.distance > 5, tolerance=2)}),
        ("contract.key", lambda: {"k": category(key=True, nullable=True)}),
        ("contract.null-share", lambda: {"k": category(key=True), "a": integer(max_null_share=0.1)}),
        ("contract.scale", lambda: {"k": category(key=True), "a": fixed(scale=0)}),
        ("contract.one-of", lambda: {"k": category(key=True, one_of="EWR")}),
        ("expression.operands", lambda: {"k": category(key=True), "a": integer(ge=0.5)}),
        ("expression.operands", lambda: {"k": category(key=True), "a": fixed(scale=1, ge=0.25)}),
        ("expression.literal", lambda: {"k": category(key=True), "a": number(ge=float("nan"))}),
        ("expression.unknown-zone", lambda: {"k": category(key=True), "a": time(tz="New_York")}),
        ("time.not-a-duration", lambda: {"k": category(key=True), "a": event_time(known_after="soon")}),
    ],
)
def test_a_contract_that_could_not_be_enforced_is_refused(code, body):
    """Nothing is declared that is not checked."""
    with pytest.raises(AndonError) as caught:
        _contract(**body())
    assert caught.value.code == code
    assert caught.value.fix


def test_a_window_over_a_contract_without_event_time_is_refused():
    """There would be nothing to measure the window by."""

    class Plane(Contract):
        tail = category(key=True)
        seats = integer()

    with pytest.raises(UsageError, match="event time"):
        Plane.seats.mean(over="3h", match=Plane.tail == Schedule.flight)
    assert Plane.seats.lookup(match=Plane.tail == Schedule.flight).node.op == "lookup"
    with pytest.raises(InputError, match="equalities"):
        Plane.seats.lookup(match=Plane.seats > Schedule.distance)
