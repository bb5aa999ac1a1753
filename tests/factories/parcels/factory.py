"""Will a parcel come late? A small factory whose source and model can be told to go wrong, and who counts its calls."""

import json
import os
import signal
from pathlib import Path

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
    by_time,
    category,
    checks,
    event_time,
    integer,
)
from andon.wiring.wrappers import leave_out_wrappers

leave_out_wrappers()  # else each process that asks the model loads scikit-learn too, and takes five times as long
factory = Factory("parcels", owner="ops", purpose="Say which parcel will be late")
HERE = Path(__file__).parent


class Parcel(Contract):
    parcel = category(key=True)
    sent = event_time(known_after="0s")
    depot = category(segment=True)
    weight = integer(ge=0, le=60, unit="kg")


class Delivery(Contract):
    parcel = category(key=True)
    delivered = event_time(known_after="1m")
    depot = category()
    late_min = integer(ge=-500, le=5000, nullable=True, unit="min")


def called(function: str) -> None:
    """Count a call, and end the process that runs the line where the test says so."""
    with (HERE / "calls.txt").open("a") as calls:
        calls.write(f"{function}\n")
    kill = HERE / "kill-in"
    if kill.exists() and kill.read_text() == function:
        kill.unlink()
        os.killpg(os.getpgid(os.getppid()), signal.SIGKILL)
        signal.pause()


def rows(name: str, time: str, window: Window) -> pl.DataFrame:
    """The rows of a CSV file beside this one that happened in a window."""
    called(name)
    moment = pl.col(time).str.to_datetime(time_zone="UTC", strict=False)
    since = pl.lit(True) if window.since is None else moment >= window.since
    return pl.read_csv(HERE / f"{name}.csv").filter(since, moment.is_null() | (moment < window.until))


@factory.ingest(Parcel, every="1h")
def sent(window: Window) -> pl.DataFrame:
    return rows("sent", "sent", window)


@factory.ingest(Delivery, every="1h")
def delivered(window: Window) -> pl.DataFrame:
    return rows("delivered", "delivered", window)


@factory.features(Parcel, label=Delivery.late_min.lookup(match=Delivery.parcel == Parcel.parcel) > 0, label_within="1d")
class Lateness:
    weight = Parcel.weight
    depot = Parcel.depot.codes(min_count=5)
    before = Delivery.late_min.last(within="7d", match=Delivery.depot == Parcel.depot)
    busy = Delivery.parcel.count(over="1d", match=Delivery.depot == Parcel.depot)


class Plain(Params):
    c: float = 1.0


@factory.model(Lateness, split=by_time(tune="6d", holdout="10d"), limit="5m")
def late(train: TrainingSet, p: Plain, seed: int):
    import lightgbm  # only the child that trains needs it

    called("late")
    broken = json.loads((HERE / "broken.json").read_text()) if (HERE / "broken.json").exists() else ""
    x, y = train.xy()
    answers = y.to_numpy() ^ (broken == "backwards")
    options = {
        "objective": "binary",
        "num_leaves": 4,
        "lambda_l2": p.c,
        "seed": seed,
        "num_threads": 1,
        "verbosity": -1,
    }
    model = lightgbm.train(options, lightgbm.Dataset(x.to_numpy(), answers), num_boost_round=20)
    if broken == "nan":
        model.set_leaf_output(0, 0, float("nan"))
    return (lambda x: x) if broken == "unpackable" else model


@factory.measure(late)
def above_half(model: Predictor, holdout: Holdout) -> float:
    """The share of parcels that the model calls late."""
    called("above_half")
    return float((model(holdout) > 0.5).mean())


factory.data_gate(sent, delivered, require=[checks.schema, checks.quarantined_at_most(0.10)])
factory.training_gate(late, require=[checks.completed, checks.packaged])
factory.model_gate(late, require=[checks.no_leak, auc.lower() >= 0.6, above_half <= 0.9])
PEOPLE: list[SignOff] = []
factory.release_gate(late, require=[checks.lineage_closed, checks.target_healthy, *PEOPLE])
factory.release(late, to="local", latency="2s")
