"""Will a flight arrive late? The flight that the same aircraft flew before says most, and arrivals name no aircraft."""

from pathlib import Path

import polars as pl

from andon import (
    Contract,
    Factory,
    Params,
    TrainingSet,
    Window,
    auc,
    by_time,
    category,
    checks,
    event_time,
    fixed,
    integer,
    known_at,
)

factory = Factory("legs", owner="ops", purpose="Say which flight will be late")
HERE = Path(__file__).parent


class Flight(Contract):
    flight = category(key=True)
    asked = event_time(known_after="0s")
    tail = category()
    distance = integer(gt=0, unit="mi")


class Arrival(Contract):
    flight = category(key=True)
    arrived = event_time(known_after="5m")
    late_min = integer(ge=-500, le=5000, unit="min")
    fee = fixed(scale=2)


class Leg(Contract):
    flight = category(key=True)
    arrived = event_time()
    known = known_at()
    tail = category()
    late_min = integer(le=300, unit="min")
    fee = fixed(scale=2)


class Turn(Contract):
    flight = category(key=True)
    arrived = event_time()
    known = known_at()
    before = category(nullable=True)
    both_late = integer(nullable=True, unit="min")


def rows(name: str, time: str, window: Window) -> pl.DataFrame:
    """The rows of a CSV file beside this one that were written for a window."""
    frame = pl.read_csv(HERE / f"{name}.csv").with_columns(pl.col(time).str.to_datetime(time_zone="UTC"))
    brought = pl.col("brought").str.to_datetime(time_zone="UTC")
    since = pl.lit(True) if window.since is None else brought >= window.since
    return frame.filter(since, brought < window.until).drop("brought")


@factory.ingest(Flight, every="1h")
def flights(window: Window) -> pl.DataFrame:
    return rows("flights", "asked", window)


@factory.ingest(Arrival, every="1h")
def arrivals(window: Window) -> pl.DataFrame:
    return rows("arrivals", "arrived", window)


@factory.derive(Turn, spine=Leg, owner="fleet")
class Turns:
    flight = Leg.flight
    arrived = Leg.arrived
    before = Leg.flight.last(within="2d", match=Leg.tail == Leg.tail)
    both_late = Leg.late_min.last(within="2d", match=Leg.tail == Leg.tail) + Leg.late_min


@factory.derive(Leg, spine=Arrival, known_after="1m", owner="fleet")
class Legs:
    flight = Arrival.flight
    arrived = Arrival.arrived
    tail = Flight.tail.lookup(match=Flight.flight == Arrival.flight)
    late_min = Arrival.late_min
    fee = Arrival.fee


is_late = Arrival.late_min.lookup(match=Arrival.flight == Flight.flight) > 15


@factory.features(Flight, label=is_late, label_within="1d")
class Inputs:
    distance = Flight.distance
    before = Leg.late_min.last(within="2d", match=Leg.tail == Flight.tail)
    fees = Leg.fee.sum(over="2d", match=Leg.tail == Flight.tail)
    legs = Leg.flight.count(over="2d", match=Leg.tail == Flight.tail)


class Plain(Params):
    c: float = 1.0


@factory.model(Inputs, split=by_time(tune="4d", holdout="6d"), limit="5m")
def late(train: TrainingSet, p: Plain, seed: int):
    import lightgbm  # only the child that trains needs it

    x, y = train.xy()
    options = {
        "objective": "binary",
        "num_leaves": 4,
        "lambda_l2": p.c,
        "seed": seed,
        "num_threads": 1,
        "verbosity": -1,
    }
    return lightgbm.train(options, lightgbm.Dataset(x.to_numpy(), y.to_numpy()), num_boost_round=20)


factory.data_gate(flights, arrivals, require=[checks.schema])
factory.data_gate(Legs, Turns, require=[checks.schema, checks.quarantined_at_most(0.05)])
factory.training_gate(late, require=[checks.completed, checks.packaged])
factory.model_gate(late, require=[checks.no_leak, auc.lower() >= 0.6])
factory.release_gate(late, require=[checks.lineage_closed, checks.target_healthy])
factory.release(late, to="local", latency="2s")
