"""A whole factory as a user writes it; both type checkers must find nothing, and no error unseen."""

# ruff: noqa: B015, PGH003, SIM300

from typing import assert_type

import polars as pl

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
    progress,
)

factory = Factory("orders", owner="ops", purpose="Say which order will be late")


class Order(Contract):
    id = category(key=True)
    asked = event_time(known_after="0s")
    shop = category(segment=True)
    items = integer(ge=0)


class Arrival(Contract):
    id = category(key=True)
    arrived = event_time(known_after="5m")
    late_min = integer()


@factory.ingest(Order, every="1h", fresh="2h", volume=0.6, owner="data")
def orders(window: Window) -> pl.LazyFrame:
    return pl.LazyFrame({"until": [window.until], "since": [window.since]})


@factory.ingest(Arrival, every="10m")
def arrivals(window: Window) -> pl.DataFrame:
    return pl.DataFrame({"until": [window.until_ns]})


class Brought(Contract):
    id = category(key=True)
    arrived = event_time()
    known = known_at()
    shop = category(nullable=True)
    late_min = integer()


@factory.derive(Brought, spine=Arrival, known_after="1h")
class Bringing:
    id = Arrival.id
    arrived = Arrival.arrived
    shop = Order.shop.lookup(match=Order.id == Arrival.id)
    late_min = Arrival.late_min


is_late = Arrival.late_min.lookup(match=Arrival.id == Order.id) > 15


@factory.features(Order, label=is_late, label_within="2d")
class Known:
    items = Order.items
    shop = Order.shop.codes(min_count=2)


class Knobs(Params):
    leaves: int = 31
    rate: float = 0.1


@factory.model(Known, split=by_time(tune="14d", holdout="21d"), limit="30m", seed=7)
def late(train: TrainingSet, p: Knobs, seed: int) -> dict[str, float]:
    x, y = train.xy()
    progress(1, 10, loss=0.5)
    assert_type(x, pl.DataFrame)
    assert_type(y, pl.Series)
    return {"leaves": p.leaves, "rate": p.rate, "seed": seed, "rows": len(train.tune)}


@factory.measure(late)
def lift(model: Predictor, holdout: Holdout) -> float:
    return float((model(holdout) - model(holdout.changed(items=0))).mean())


factory.data_gate(orders, arrivals, Bringing, require=[checks.schema, checks.quarantined_at_most(0.1)])
factory.training_gate(late, require=[checks.converged, auc >= 0.65])
factory.model_gate(
    late,
    owner="risk",
    require=[
        auc.lower() >= 0.7,
        brier <= 0.2,
        auc.no_worse_than_champion(margin=0.005),
        auc.by(Order.shop, min_n=50) >= 0.6,
        lift <= 0.1,
        0.1 >= lift,
    ],
)
factory.release_gate(late, require=[checks.lineage_closed, SignOff("operations", people=1, within="5d")])
factory.release(late, to="local", latency="20ms")

assert_type(late(TrainingSet(pl.DataFrame(), pl.DataFrame(), (), ()), Knobs(leaves=3), 1), dict[str, float])

# What must be refused before it runs: with the error gone, the comment itself is an error.
Knobs(leafs=3)  # type: ignore[call-arg]  # pyright: ignore
auc > 0.5  # type: ignore[operator]  # pyright: ignore
auc.no_worse_than_champion()  # type: ignore[call-arg]  # pyright: ignore
auc.by("shop", min_n=3)  # type: ignore[arg-type]  # pyright: ignore
factory.data_gate(orders, require=[0.5])  # type: ignore[list-item]  # pyright: ignore
factory.release(late, plan=[])  # type: ignore[call-arg]  # pyright: ignore
factory.derive(Brought)  # type: ignore[call-arg]  # pyright: ignore
factory.derive(Brought, spine=orders)  # type: ignore[arg-type]  # pyright: ignore
factory.ingest(Order, every="1h", volumes=0.6)  # type: ignore[call-overload]  # pyright: ignore


@factory.ingest(Order, every="1h")  # type: ignore[type-var]  # pyright: ignore
def wrong(window: Window) -> list[int]:
    return [window.until_ns]
