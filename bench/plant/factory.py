"""The factory whose run is measured: one source, eight features, one model, gates that need no people."""

from pathlib import Path

import lightgbm
import polars as pl

from andon import (
    Contract,
    Factory,
    Params,
    TrainingSet,
    Window,
    auc,
    boolean,
    by_time,
    category,
    checks,
    event_time,
    integer,
    number,
)

factory = Factory("plant", owner="bench", purpose="Measure what governance costs")


class Order(Contract):
    order = integer(key=True)
    asked = event_time(known_after="0s")
    site = category(one_of=("north", "south", "east"), segment=True)
    load = number(ge=-20, le=20)
    heat = number(ge=-20, le=20)
    speed = number(ge=-20, le=20)


class Outcome(Contract):
    order = integer(key=True)
    ended = event_time(known_after="1h")
    late = boolean()


def table(window: Window) -> pl.LazyFrame:
    rows = pl.scan_parquet(Path(__file__).parent / "orders.parquet").filter(pl.col("asked") < window.until)
    return rows if window.since is None else rows.filter(pl.col("asked") >= window.since)


@factory.ingest(Order, every="1h")
def orders(window: Window) -> pl.LazyFrame:
    return table(window).drop("late")


@factory.ingest(Outcome, every="1h")
def outcomes(window: Window) -> pl.LazyFrame:
    return table(window).select("order", "late", ended="asked")


@factory.features(Order, label=Outcome.late.lookup(match=Outcome.order == Order.order), label_within="2h")
class Inputs:
    load = Order.load
    heat = Order.heat
    speed = Order.speed
    strain = Order.load * Order.heat
    hour = Order.asked.hour("UTC")
    weekday = Order.asked.weekday("UTC")
    is_north = Order.site == "north"
    site = Order.site.codes(min_count=8)


class Boosted(Params):
    leaves: int = 15
    rounds: int = 60


@factory.model(Inputs, split=by_time(tune="14d", holdout="21d"), limit="10m")
def late(train: TrainingSet, p: Boosted, seed: int) -> lightgbm.Booster:
    x, y = train.xy()
    options = {
        "objective": "binary",
        "num_leaves": p.leaves,
        "seed": seed,
        "deterministic": True,
        "num_threads": 1,
        "verbosity": -1,
    }
    return lightgbm.train(options, lightgbm.Dataset(x.to_numpy(), y.to_numpy()), num_boost_round=p.rounds)


factory.data_gate(orders, outcomes, require=[checks.schema, checks.quarantined_at_most(0.05)])
factory.training_gate(late, require=[checks.completed, checks.converged, checks.packaged])
factory.model_gate(late, require=[checks.no_leak, auc >= 0.6, auc.no_worse_than_champion(margin=0.005)])
factory.release_gate(late, require=[checks.lineage_closed, checks.target_healthy])
factory.release(late, to="local", latency="100ms")
