"""A small real factory: two sources, one model, four gates; run once as a person would, then copied for each test."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from andon.kernel.clock import SystemClock
from andon.wiring.calls.runs import LineResult, run_line
from andon.wiring.settings import load_settings, write_settings
from andon.wiring.targets import server_settings
from andon.wiring.trust import found_trust
from andon.wiring.worker import Worker
from tests.factories.states import once

START_NS = 1_700_000_000_000_000_000
HOUR_NS = 3_600_000_000_000
DAY_NS = 24 * HOUR_NS
ID = "01890000-0000-7000-8000-000000000001"
BOOSTED = """\
    import lightgbm  # only the child that trains needs it

    x, y = train.xy()
    options = {"objective": "binary", "num_leaves": 4, "lambda_l2": p.c, "seed": seed, "num_threads": 1, "verbose": -1}
    return lightgbm.train(options, lightgbm.Dataset(x.to_numpy(), y.to_numpy()), num_boost_round=20)
"""
LINEAR = """\
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    x, y = train.xy()
    return make_pipeline(SimpleImputer(), LogisticRegression(C=p.c, max_iter=1000)).fit(x.to_numpy(), y.to_numpy())
"""
CODE = '''
"""Will a parcel come late?"""

import polars as pl

from andon import Contract, Factory, Params, TrainingSet, Window, auc, by_time, category, checks, event_time, integer

factory = Factory("parcels", owner="ops", purpose="Say which parcel will be late")
DAY = 86_400_000_000_000
START = 1_700_000_000_000_000_000
ROWS = 600


class Parcel(Contract):
    parcel = category(key=True)
    sent = event_time(known_after="0s")
    depot = category(segment=True)
    weight = integer(ge=0, le=60, unit="kg")


class Delivery(Contract):
    parcel = category(key=True)
    delivered = event_time(known_after="1m")
    depot = category()
    late_min = integer(ge=-500, le=5000, unit="min")


def parcels():
    rows = []
    for number in range(ROWS):
        weight = (number * 7) % 41
        rows.append(
            {
                "parcel": f"p{number}",
                "sent": START + number * DAY // 10,
                "depot": "north" if number % 3 else "south",
                "weight": 99 if number % 100 == 50 else weight,
                "late_min": (weight - 20) * 5 + (number * 13) % 31 - 15,
            }
        )
    return pl.DataFrame(rows)


def within(frame, time, window):
    moments = frame.with_columns(pl.col(time).cast(pl.Datetime("ns", "UTC"))).filter(pl.col(time) < window.until)
    return moments if window.since is None else moments.filter(pl.col(time) >= window.since)


@factory.ingest(Parcel, every="1h")
def sent(window: Window) -> pl.DataFrame:
    return within(parcels().drop("late_min"), "sent", window)


@factory.ingest(Delivery, every="1h")
def delivered(window: Window) -> pl.DataFrame:
    came = parcels().with_columns(delivered=pl.col("sent") + DAY // 4)
    return within(came.select("parcel", "delivered", "depot", "late_min"), "delivered", window)


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
    TRAINING


factory.data_gate(sent, delivered, require=[checks.schema, checks.quarantined_at_most(0.10)])
factory.training_gate(late, require=[checks.completed, checks.packaged, auc >= 0.6])
factory.model_gate(late, require=[checks.no_leak, auc.lower() >= LEAST])
factory.release_gate(late, require=[checks.lineage_closed, checks.target_healthy])
factory.release(late, to="local", latency="2s")
'''.replace("    TRAINING\n", BOOSTED)


@dataclass
class SmallFactory:
    """A factory's folder and the folder of its keys."""

    folder: Path
    home: Path

    def run(self, *subjects: str, as_of: str = "2024-01-10") -> LineResult:
        return run_line(self.folder, subjects, as_of=as_of, tell=lambda _: None)

    def rewrite(self, least: float) -> None:
        """Write the code with another bound at the model gate."""
        (self.folder / "factory.py").write_text(CODE.replace("LEAST", str(least)))

    def copied_to(self, path: Path) -> "SmallFactory":
        """The same factory in another folder; the caller points ANDON_HOME to its home."""
        shutil.copytree(self.folder, path / "parcels")
        shutil.copytree(self.home, path / "home")
        return SmallFactory(path / "parcels", path / "home")


def found_small(path: Path, least: float = 0.6) -> SmallFactory:
    """Settings, keys and code; nothing has run. `ANDON_HOME` and `ANDON_AS` must be set."""
    small = SmallFactory(path / "parcels", Path(os.environ["ANDON_HOME"]))
    small.folder.mkdir(parents=True)
    small.rewrite(least)
    write_settings(small.folder, "parcels", ID)
    settings = load_settings(small.folder)
    found_trust(settings, SystemClock().now_ns())
    return small


def released_in(states: Path) -> SmallFactory:
    """A factory that was run to a released model and has answered questions; made once for all workers."""

    def make(path: Path) -> None:
        with pytest.MonkeyPatch.context() as surroundings:
            surroundings.setenv("ANDON_HOME", str(path / "home"))
            surroundings.setenv("ANDON_AS", "ada")
            small = found_small(path)
            result = small.run()
            assert result.exit_code == 0, result.rows()
            answer(small)

    path = once(states / "released", make)
    return SmallFactory(path / "parcels", path / "home")


def answer(small: SmallFactory) -> None:
    """Have a worker answer some questions, with one batch closed and two predictions in the open journal."""
    settings = load_settings(small.folder)
    worker = Worker(server_settings(settings, "local"), "w1")
    worker.settle(30)
    route = worker.routes["late"]
    serving = route.follower.peek()
    for number in range(200, 240):
        route.answer_entities([{"parcel": f"p{number}"}], START_NS + number * DAY_NS // 10 + HOUR_NS, serving)
    route.answer_entities([{"parcel": "new", "depot": "north", "weight": 12}], START_NS + 30 * DAY_NS, serving)
    route.answer_rows(np.array([[12.0, 0.0, 3.0, 4.0]]), serving)
    route.log.drain(close=True)
    route.answer_entities([{"parcel": "p300"}], START_NS + 31 * DAY_NS, serving)
    route.answer_entities([{"parcel": "p301"}], START_NS + 31 * DAY_NS, serving)
    route.log.drain()
    worker._held.close()
