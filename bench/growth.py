"""How windows grow with the events: a training set, and preparing to answer single questions; seconds and memory."""

import json
import resource
import subprocess
import sys
import time

import numpy as np
import polars as pl
from andon.expressions.point import Point
from measured import Result, against, tell

from andon import Contract, category, event_time, integer
from andon.expressions.evaluate import evaluate
from andon.expressions.plan import FeaturePlan

MILLIONS = (1, 10)
YEAR_NS, DAY_NS = 365 * 86_400 * 10**9, 86_400 * 10**9
A_KEY, A_QUESTION = 1000, 10
"""Events for each key, and events for each question."""
MOMENT = pl.Datetime("ns", "UTC")


class Ask(Contract):
    """The rows that ask."""

    ask = integer(key=True)
    asked = event_time(known_after="0s")
    user = integer()


class Event(Contract):
    """What happened before."""

    event = integer(key=True)
    happened = event_time(known_after="1m")
    user = integer()
    amount = integer()
    kind = category()


def plan() -> FeaturePlan:
    """Six windows of every cost: sums, extremes, different values, the newest."""
    match = Event.user == Ask.user
    features = {
        "count_1d": Event.event.count(over="1d", match=match),
        "mean_30d": Event.amount.mean(over="30d", match=match),
        "std_30d": Event.amount.std(over="30d", match=match),
        "max_30d": Event.amount.max(over="30d", match=match),
        "kinds_30d": Event.kind.distinct(over="30d", match=match),
        "last_30d": Event.amount.last(within="30d", match=match),
    }
    return FeaturePlan("Ask", "asked", tuple((name, each.node) for name, each in features.items()))


def tables(events: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Questions and events of a year, one event in twenty known up to two days late."""
    random = np.random.default_rng(3)
    happened = random.integers(0, YEAR_NS, events)
    late = np.where(random.random(events) < 0.05, random.integers(0, 2 * DAY_NS, events), 60 * 10**9)
    users = events // A_KEY
    frame = pl.DataFrame(
        {
            "event": np.arange(events),
            "happened": happened,
            "user": random.integers(0, users, events),
            "amount": random.integers(-1000, 1000, events),
            "kind": pl.Series(random.integers(0, 12, events)).cast(pl.String),
            "_known_at": happened + late,
            "_row": np.arange(events),
        }
    ).with_columns(pl.col("happened", "_known_at").cast(MOMENT), _object=pl.lit("sha256:a"))
    asks = events // A_QUESTION
    spine = pl.DataFrame({"asked": random.integers(0, YEAR_NS, asks), "user": random.integers(0, users, asks)})
    return spine.with_columns(pl.col("asked").cast(MOMENT)), frame


def grown(events: int) -> dict[str, float]:
    """What it took with so many events, in a process of its own."""
    spine, frame = tables(events)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.perf_counter()
    evaluate(plan(), spine, {"Event": frame.lazy()})
    made = time.perf_counter()
    of_training = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    point = Point(plan(), {"Event": frame.lazy()})
    ready = time.perf_counter()
    questions = spine.head(5000).with_columns(pl.col("asked").to_physical()).to_dicts()
    took = []
    for each in questions:
        start = time.perf_counter_ns()
        point.features({"user": each["user"]}, each["asked"])
        took.append(time.perf_counter_ns() - start)
    return {
        "training_s": made - begun,
        "training_gib": of_training / 2**20,
        "ready_s": ready - made,
        "question_us": sorted(took)[len(took) // 2] / 1000,
    }


def main() -> None:
    """Each size in a process of its own, so that memory is told apart."""
    found = {}
    for millions in MILLIONS:
        command = [sys.executable, __file__, str(millions)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        found[millions] = json.loads(done.stdout.splitlines()[-1])
    least = found[MILLIONS[0]]["training_s"] / MILLIONS[0]
    tell(*(result(millions, one, least * millions) for millions, one in found.items()))


def result(millions: int, one: dict[str, float], linear_s: float) -> Result:
    """A training set over so many events, against what it would take if it grew with them."""
    return against(
        f"windows_{millions}M_events",
        "s",
        one["training_s"],
        linear_s,
        "The first size, times how many times as many events.",
        note=f"{one['training_gib']:.1f} GiB beyond the data. Ready for single questions in {one['ready_s']:.1f} s, "
        f"then {one['question_us']:.0f} us each (median, of keys that were not asked before).",
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(grown(int(sys.argv[1]) * 1_000_000)))
    else:
        main()
