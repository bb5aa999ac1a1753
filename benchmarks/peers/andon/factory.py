"""Will a parcel come late? One model behind four gates; the last one asks for somebody of operations."""

from pathlib import Path

import polars as pl
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

from andon import (
    Contract,
    Factory,
    Params,
    SignOff,
    TrainingSet,
    Window,
    auc,
    boolean,
    by_time,
    category,
    checks,
    event_time,
    integer,
)

factory = Factory("parcels", owner="ops", purpose="Say which parcel will be late")


class Parcel(Contract):
    parcel = category(key=True)
    sent = event_time(known_after="0s")
    weight = integer(ge=0, le=60, unit="kg")


class Delivery(Contract):
    parcel = category(key=True)
    sent = event_time(known_after="6h")
    late = boolean()


def rows(window: Window) -> pl.DataFrame:
    table = pl.read_csv(Path(__file__).parent / "parcels.csv", try_parse_dates=True)
    moments = table.with_columns(sent=pl.col("sent").dt.replace_time_zone("UTC"), late=pl.col("late") == "yes")
    moments = moments.filter(pl.col("sent") < window.until)
    return moments if window.since is None else moments.filter(pl.col("sent") >= window.since)


@factory.ingest(Parcel, every="1h")
def sent(window: Window) -> pl.DataFrame:
    return rows(window).drop("late", "split")


@factory.ingest(Delivery, every="1h")
def delivered(window: Window) -> pl.DataFrame:
    return rows(window).drop("weight", "split")


@factory.features(Parcel, label=Delivery.late.lookup(match=Delivery.parcel == Parcel.parcel), label_within="1d")
class Lateness:
    weight = Parcel.weight
    hour = Parcel.sent.hour("UTC")


class Plain(Params):
    sign: float = 1.0


@factory.model(Lateness, split=by_time(tune="6d", holdout="10d"), limit="5m")
def late(train: TrainingSet, p: Plain, seed: int) -> Pipeline:
    x, y = train.xy()
    model = make_pipeline(SimpleImputer(), LogisticRegression(max_iter=1000)).fit(x.to_numpy(), y.to_numpy())
    model[-1].coef_ *= p.sign
    return model


factory.data_gate(sent, delivered, require=[checks.schema, checks.quarantined_at_most(0.05)])
factory.training_gate(late, require=[checks.completed, checks.packaged])
factory.model_gate(late, require=[checks.no_leak, auc.lower() >= 0.6])
factory.release_gate(
    late, require=[checks.lineage_closed, checks.target_healthy, SignOff("operations", people=1, within="5d")]
)
factory.release(late, to="local", latency="2s")
