"""Derived datasets are declared beside the sources, and one that could not be made is refused at its line."""

import dataclasses
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from andon.contracts.declaration import Declaration
from andon.contracts.wire import from_json, to_json
from andon.expressions.plan import plan_from_json
from andon.kernel.canonical import dumps, loads
from andon.kernel.errors import AndonError, InputError, UsageError
from tests.api.test_factory import CODE, declared, load

LEGS = """
class Leg(Contract):
    id = category(key=True)
    arrived = event_time()
    known = known_at()
    shop = category(nullable=True)
    late_min = integer()


@factory.derive(Leg, spine=Arrival, known_after="1h", owner="legs")
class Legs:
    id = Arrival.id
    arrived = Arrival.arrived
    shop = Order.shop.lookup(match=Order.id == Arrival.id)
    late_min = Arrival.late_min


factory.data_gate(Legs, require=[checks.schema])


@factory.features(Order, label=is_late, label_within="2d")
class Known:
    shop_late = Leg.late_min.mean(over="1d", match=Leg.shop == Order.shop)
"""
OTHER = """
class Second(Contract):
    id = category(key=True)
    arrived = event_time()
    known = known_at()


@factory.derive(Second, spine=Leg)
class Seconds:
    id = Leg.id
    arrived = Leg.arrived


factory.data_gate(Seconds, require=[checks.schema])
"""
FEATURES = CODE[CODE.index("@factory.features") : CODE.index("class Knobs")]
DERIVED = CODE.replace(FEATURES, LEGS + "\n\n").replace("event_time, integer", "event_time, known_at, integer")


def test_a_derived_dataset_is_declared_with_its_contract_its_gate_and_what_it_reads(tmp_path):
    found = declared(tmp_path, DERIVED)
    (legs,) = found.derivations
    assert (legs.name, legs.contract, legs.owner, legs.known_after_ns) == ("Legs", "Leg", "legs", 3600 * 10**9)
    plan = plan_from_json(legs.plan)
    assert plan.reads == ("Arrival", "Order")
    assert plan.names == ("id", "arrived", "shop", "late_min")
    assert [origin.name for origin in found.origins] == ["orders", "arrivals", "Legs"]
    assert found.contracts["Leg"]["owner"] == "legs"
    assert next(policy.owner for policy in found.gates if policy.gate == "data:Legs") == "legs"
    again = {name: loads(dumps(to_json(getattr(found, name)))) for name in ("contracts", "code")}
    read = from_json(Declaration, loads(dumps(to_json(found))))
    assert dataclasses.replace(read, **again).digest() == found.digest()


def test_each_is_declared_after_what_it_is_derived_from(tmp_path):
    """Otherwise a run would derive the second from what the first was yesterday."""
    first = DERIVED.index("@factory.derive(Leg")
    contract = LEGS[: LEGS.index("@factory.derive")]
    code = DERIVED.replace(contract, "")[: first - len(contract)] + contract + OTHER
    code += DERIVED[first:]
    assert [one.name for one in declared(tmp_path, code).derivations] == ["Legs", "Seconds"]


WRONG = [
    (("    shop = Order.shop.lookup(match=Order.id == Arrival.id)\n", ""), "factory.derived-column", "shop = "),
    (("    late_min = Arrival.late_min\n", "    late_mni = Arrival.late_min\n"), "api.unknown-name", "'late_min'"),
    (("    late_min = Arrival.late_min\n", "    late_min = Arrival.late_mni\n"), "api.unknown-name", "'late_min'"),
    (("late_min = Arrival.late_min\n", "late_min = Arrival.late_min * 0.5\n"), "factory.derived-kind", "to_int"),
    (("late_min = Arrival.late_min\n", "late_min = Arrival.id.codes()\n"), "factory.learned", "in features"),
    (("late_min = Arrival.late_min\n", "late_min = 3\n"), "factory.column", "outside"),
    (("late_min = Arrival.late_min\n", "late_min = Order.items\n"), "expression.not-joined", "lookup"),
    (
        ("late_min = Arrival.late_min\n", "late_min = Arrival.late_min\n    known = Arrival.arrived\n"),
        "factory.derived-known-at",
        "known_after=",
    ),
    (("    known = known_at()\n", ""), "factory.derived-known-at", "known_at()"),
    (
        ("    arrived = event_time()\n    known = known_at()\n", '    arrived = event_time(known_after="1h")\n'),
        "factory.derived-known-at",
        "no known_after=",
    ),
    (("(Leg, spine=Arrival", "(Leg, spine=Plain"), "factory.no-source", "@factory.ingest(Plain"),
    (("Order.shop.lookup(match=Order.id", "Plain.name.lookup(match=Plain.id"), "factory.no-source", "Plain"),
    (('known_after="1h", owner', 'known_after="soon", owner'), "time.not-a-duration", ""),
    (("factory.data_gate(Legs, require=[checks.schema])\n", ""), "factory.no-gate", "factory.data_gate(Legs"),
    (("data_gate(Legs", "data_gate(Leg"), "factory.unknown", "source"),
]


@pytest.mark.parametrize(("change", "code", "fix"), WRONG)
def test_what_cannot_be_derived_is_refused_with_a_fix(tmp_path, change, code, fix):
    assert DERIVED.count(change[0]) == 1
    with pytest.raises(AndonError) as caught:
        declared(tmp_path, DERIVED.replace(*change))
    assert caught.value.code == code, caught.value
    assert fix in caught.value.fix
    assert "factory.py" in caught.value.place or code in ("api.unknown-name", "time.not-a-duration")


def test_a_spine_without_event_time_is_refused(tmp_path):
    """Nobody could say what its rows see."""
    silent = 'factory.ingest(Plain, every="1h")(plains)\nfactory.data_gate(plains, require=[checks.schema])\n'
    source = "def plains(window: Window) -> pl.LazyFrame:\n    return pl.LazyFrame()\n\n\n" + silent
    code = DERIVED.replace("class Leg(Contract)", f"{source}\n\nclass Leg(Contract)")
    code = code.replace("(Leg, spine=Arrival", "(Leg, spine=Plain")
    code = code.replace(
        "    id = Arrival.id\n    arrived = Arrival.arrived\n", "    id = Plain.id\n    arrived = Order.asked\n"
    )
    with pytest.raises(UsageError) as caught:
        declared(tmp_path, code)
    assert caught.value.code == "factory.no-event-time"


def test_a_dataset_that_is_derived_from_itself_is_refused_with_the_circle(tmp_path):
    """It would never be there for the first time."""
    contract = OTHER[: OTHER.index("@factory.derive")]
    code = DERIVED.replace(LEGS, contract + LEGS).replace(
        "class Knobs", OTHER.replace(contract, "") + "\n\nclass Knobs"
    )
    code = code.replace(
        "Order.shop.lookup(match=Order.id == Arrival.id)", "Second.id.lookup(match=Second.id == Arrival.id)"
    )
    with pytest.raises(UsageError) as caught:
        declared(tmp_path, code)
    assert caught.value.code == "factory.derived-circle"
    assert caught.value.found in ("Leg from Second from Leg", "Second from Leg from Second")
    assert "factory.py" in caught.value.place


def test_one_contract_has_one_origin(tmp_path):
    again = LEGS[LEGS.index("@factory.derive") : LEGS.index("factory.data_gate")].replace("class Legs", "class Again")
    with pytest.raises(UsageError) as caught:
        declared(tmp_path, DERIVED.replace("class Knobs", f"{again}\n\nclass Knobs"))
    assert caught.value.code == "factory.doubled-contract"


def test_a_feature_that_is_a_moment_is_refused(tmp_path):
    with pytest.raises(UsageError) as caught:
        declared(tmp_path, CODE.replace("    double = items * 2\n", "    when = Order.asked\n"))
    assert caught.value.code == "factory.not-numeric"
    assert ".hour(tz)" in caught.value.fix


NOON = datetime(2025, 3, 3, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_a_derivation_is_tried_on_rows_and_its_rows_are_taken_for_features(tmp_path):
    """The whole way of a row can be seen in a notebook, before there is a factory."""
    module = load(tmp_path, DERIVED)
    orders = pl.DataFrame({"id": ["a", "b"], "asked": [NOON, NOON + 4 * HOUR], "shop": ["x", "x"], "items": [1, 2]})
    arrivals = pl.DataFrame({"id": ["a", "c"], "arrived": [NOON + HOUR, NOON + HOUR], "late_min": [30, 5]})
    legs = module.factory.frame(module.Legs, {module.Order: orders, module.Arrival: arrivals})
    assert legs.rows() == [
        ("a", NOON + HOUR, NOON + 2 * HOUR + timedelta(minutes=5), "x", 30),
        ("c", NOON + HOUR, NOON + 2 * HOUR + timedelta(minutes=5), None, 5),
    ]
    found = module.factory.frame(module.Known, {module.Order: orders, module.Leg: legs})
    assert found["shop_late"].to_list() == [None, 30.0]
    with pytest.raises(UsageError, match="needs rows of Order"):
        module.factory.frame(module.Legs, {module.Arrival: arrivals})
    broken = DERIVED.replace(
        "    late_min = integer()\n\n\n@factory.derive", "    late_min = integer(le=9)\n\n\n@factory.derive"
    )
    module = load(tmp_path, broken)
    with pytest.raises(InputError, match=r"late_min.range: 1"):
        module.factory.frame(module.Legs, {module.Order: orders, module.Arrival: arrivals})
