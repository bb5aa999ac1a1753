"""A factory's declarations as a user writes them; both type checkers must find nothing, and no error unseen."""

# ruff: noqa: B015, B018, PGH003
from typing import assert_type

from andon.api.categories import Category
from andon.api.choosing import where
from andon.api.columns import boolean, category, event_time, fixed, integer, known_at, number, time
from andon.api.contract import Contract
from andon.api.rules import rule
from andon.api.typed import Bool, Float, Int

NEW_YORK = "America/New_York"


class Schedule(Contract):
    flight = category(key=True)
    asked = event_time(known_after="0s")
    carrier = category(segment=True)
    origin = category(segment=True, one_of=("EWR", "JFK", "LGA"))
    departs = time(tz=NEW_YORK)
    arrives = time(tz=NEW_YORK)
    distance = integer(gt=0, unit="mi")
    later = rule(arrives > departs, tolerance=0.01)


class Departure(Contract):
    flight = category(key=True)
    departed = event_time(known_after="5m")
    origin = category()
    late_min = integer(ge=-120, le=2000, unit="min")
    fee = fixed(scale=2, ge=0)
    diverted = boolean(nullable=True)


class Weather(Contract):
    origin = category(key=True)
    hour = event_time()
    published = known_at()
    wind_mph = number(ge=0, le=150, nullable=True, max_null_share=0.05, unit="mph")


same_origin = Departure.origin == Schedule.origin
here = Weather.origin == Schedule.origin
is_late = Departure.late_min.lookup(match=Departure.flight == Schedule.flight) > 15


class Delay:
    hour = Schedule.departs.hour(NEW_YORK)
    carrier = Schedule.carrier.codes(min_count=100)
    carrier_late = Schedule.carrier.target_mean(smoothing=50)
    wind = Weather.wind_mph.last(within="3h", match=here)
    late_3h = Departure.late_min.mean(over="3h", match=same_origin)
    late_1d = Departure.late_min.mean(over="1d", match=same_origin, where=Departure.late_min > 0)
    busy_1h = Departure.flight.count(over="1h", match=same_origin)
    fees_1d = Departure.fee.sum(over="1d", match=same_origin)
    worst_1d = Departure.late_min.max(over="1d", match=same_origin)
    calmest_1d = Weather.wind_mph.min(over="1d", match=here)
    spread_1d = Departure.late_min.std(over="1d", match=same_origin)
    carriers_1d = Departure.flight.distinct(over="1d", match=same_origin)
    first_ns = Schedule.asked - Departure.departed.min(over="1d", match=same_origin)
    getting_worse = late_3h - late_1d
    per_mile = 100 * late_3h / Schedule.distance
    far = where(Schedule.distance > 1000, Schedule.distance, Schedule.distance - 1)
    flying_ns = Schedule.arrives - Schedule.departs
    is_far = ~((Schedule.distance > 100) & (Schedule.origin == "JFK") | Schedule.carrier.is_null())


assert_type(is_late, Bool)
assert_type(Delay.hour, Int)
assert_type(Delay.carrier_late, Float)
assert_type(Delay.worst_1d, Int)
assert_type(Delay.calmest_1d, Float)
assert_type(Delay.spread_1d, Float)
assert_type(Delay.carriers_1d, Int)
assert_type(Departure.flight.first(over="1d", match=same_origin), Category)
assert_type(Delay.getting_worse, Float)
assert_type(Schedule.distance + 1, Int)
assert_type(Schedule.distance + 1.5, Float)
assert_type(Schedule.origin, Category)

# What must be refused before it runs: with the error gone, the comment itself is an error.
Schedule.carrier > 5  # type: ignore[operator]  # pyright: ignore
Schedule.carrier == Schedule.distance  # type: ignore[operator]  # pyright: ignore
Schedule.distanse  # type: ignore[attr-defined]  # pyright: ignore
Schedule.departs + Schedule.asked  # type: ignore[operator]  # pyright: ignore
Schedule.distance & Schedule.origin  # type: ignore[operator]  # pyright: ignore
Schedule.distance.hour("UTC")  # type: ignore[attr-defined]  # pyright: ignore
Weather.wind_mph.mean(over="3h", match=here)  # type: ignore[attr-defined]  # pyright: ignore
Weather.wind_mph.std(over="3h", match=here)  # type: ignore[attr-defined]  # pyright: ignore
Departure.origin.min(over="3h", match=same_origin)  # type: ignore[attr-defined]  # pyright: ignore
Schedule.departs.hour()  # type: ignore[call-arg]  # pyright: ignore
Schedule.distance.lookup(match=Schedule.distance)  # type: ignore[arg-type]  # pyright: ignore
