"""Will this flight arrive more than 15 minutes late? Asked two hours before it leaves."""

import lightgbm
import polars as pl
from flights_source import read

from andon import (
    Contract,
    Factory,
    Holdout,
    Params,
    Predictor,
    SignOff,
    TrainingSet,
    Window,
    auc,
    brier,
    by_time,
    category,
    checks,
    event_time,
    integer,
    known_at,
    number,
    progress,
    rule,
    time,
)

factory = Factory("flights", owner="ops-ml", purpose="Warn passengers whose flight will be late")
NEW_YORK = "America/New_York"


class Schedule(Contract):  # the spine: one row for each thing to predict
    flight = category(key=True)
    asked = event_time(known_after="0s")  # the moment of the question: two hours before departure
    carrier = category(segment=True)
    origin = category(segment=True, one_of=("EWR", "JFK", "LGA"))
    dest = category()
    tailnum = category(nullable=True)
    departs = time(tz=NEW_YORK)
    distance = integer(gt=0, unit="mi")

    asked_before_departure = rule(asked < departs)


class Departure(Contract):
    flight = category(key=True)
    departed = event_time(known_after="5m")  # we hear of it five minutes later
    origin = category()
    carrier = category()
    late_min = integer(ge=-120, le=2000, unit="min")


class Arrival(Contract):
    flight = category(key=True)
    arrived = event_time(known_after="5m")  # labels come late
    dest = category()
    late_min = integer(ge=-180, le=2000, unit="min")


class Weather(Contract):
    origin = category(key=True)
    hour = event_time()
    published = known_at()  # half an hour after its hour
    wind_mph = number(ge=0, le=150, nullable=True, max_null_share=0.05, unit="mph")
    visibility_mi = number(ge=0, le=10, unit="mi")


@factory.ingest(Schedule, every="1h", volume=0.4, owner="data-engineering")  # on holidays, evenings are half empty
def schedule(window: Window) -> pl.LazyFrame:
    return read("schedule", window)


@factory.ingest(Departure, every="10m")
def departures(window: Window) -> pl.LazyFrame:
    return read("departures", window)


@factory.ingest(Arrival, every="10m")
def arrivals(window: Window) -> pl.LazyFrame:
    return read("arrivals", window)


@factory.ingest(Weather, every="1h")
def weather(window: Window) -> pl.LazyFrame:
    return read("weather", window)


is_late = Arrival.late_min.lookup(match=Arrival.flight == Schedule.flight) > 15
same_origin = Departure.origin == Schedule.origin
same_carrier = Departure.carrier == Schedule.carrier
here = Weather.origin == Schedule.origin


@factory.features(Schedule, label=is_late, label_within="2d")
class Delay:  # one definition, for training and for serving
    hour = Schedule.departs.hour(NEW_YORK)
    weekday = Schedule.departs.weekday(NEW_YORK)
    distance = Schedule.distance
    carrier = Schedule.carrier.codes(min_count=100)  # fitted on training rows, kept in the model package
    wind = Weather.wind_mph.last(within="3h", match=here)
    visibility = Weather.visibility_mi.last(within="3h", match=here)
    origin_late_3h = Departure.late_min.mean(over="3h", match=same_origin)
    origin_late_1d = Departure.late_min.mean(over="1d", match=same_origin)
    carrier_late_1d = Departure.late_min.mean(over="1d", match=same_carrier)
    origin_busy_1h = Departure.flight.count(over="1h", match=same_origin)
    getting_worse = origin_late_3h - origin_late_1d


class Boosted(Params):
    leaves: int = 31
    rounds: int = 200
    rate: float = 0.05


@factory.model(Delay, split=by_time(tune="14d", holdout="21d"), limit="30m")
def late(train: TrainingSet, p: Boosted, seed: int) -> lightgbm.Booster:
    x, y = train.xy()
    options = {
        "objective": "binary",
        "num_leaves": p.leaves,
        "learning_rate": p.rate,
        "seed": seed,
        "deterministic": True,
        "num_threads": 2,
        "verbosity": -1,
    }
    rows = lightgbm.Dataset(x.to_numpy(), y.to_numpy())
    told = [lambda step: progress(step.iteration + 1, p.rounds)]
    return lightgbm.train(options, rows, num_boost_round=p.rounds, callbacks=told)


@factory.measure(late)  # the team's own measurement; what it may be stands in the gate
def gain_from_fog(model: Predictor, holdout: Holdout) -> float:
    """How much lower visibility lowers the risk (it never should)."""
    return float((model(holdout) - model(holdout.changed(visibility=0.25))).mean())


factory.data_gate(
    schedule, departures, arrivals, weather, require=[checks.schema, checks.no_pii, checks.quarantined_at_most(0.10)]
)

factory.training_gate(late, require=[checks.completed, checks.converged, checks.packaged, auc >= 0.65])

factory.model_gate(
    late,
    owner="ops-ml",
    require=[
        checks.no_leak,
        auc.lower() >= 0.70,
        brier <= 0.20,
        auc.no_worse_than_champion(margin=0.005),
        auc.by(Schedule.origin, min_n=500) >= 0.62,
        gain_from_fog <= 0.005,
    ],
)

factory.release_gate(
    late, require=[checks.lineage_closed, checks.target_healthy, SignOff("operations", people=1, within="5d")]
)

factory.release(late, to="local", latency="20ms")
