"""How windows grow with the events: a training set, and preparing to answer single questions; seconds and memory."""

import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
from measured import Result, against, tell

from andon import Contract, category, event_time, integer
from andon.adapters.lmdb import LmdbOnline
from andon.expressions.evaluate import evaluate
from andon.expressions.online.point import Point
from andon.expressions.plan import FeaturePlan

MILLIONS = (1, 10)
YEAR_NS, DAY_NS = 365 * 86_400 * 10**9, 86_400 * 10**9
A_KEY, A_QUESTION, NEW = 1000, 10, 10_000
"""Events for each key, events for each question, and events that are published afterwards."""
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


def events(count: int, random: np.random.Generator, first: int, users: int) -> pl.DataFrame:
    """Events of a year, one in twenty known up to two days late."""
    happened = random.integers(0, YEAR_NS, count)
    late = np.where(random.random(count) < 0.05, random.integers(0, 2 * DAY_NS, count), 60 * 10**9)
    return pl.DataFrame(
        {
            "event": np.arange(first, first + count),
            "happened": happened,
            "user": random.integers(0, users, count),
            "amount": random.integers(-1000, 1000, count),
            "kind": pl.Series(random.integers(0, 12, count)).cast(pl.String),
            "_known_at": happened + late,
        }
    ).with_columns(pl.col("happened", "_known_at").cast(MOMENT))


def published(folder: Path, millions: int) -> pl.LazyFrame:
    """So many events as they lie in the store: a Parquet file for each million."""
    random = np.random.default_rng(3)
    users = millions * 1_000_000 // A_KEY
    for number in range(millions):
        frame = events(1_000_000, random, number * 1_000_000, users)
        frame.write_parquet(folder / f"{number:03d}.parquet")
    return scanned(sorted(folder.glob("*.parquet")))


def scanned(paths: list[Path]) -> pl.LazyFrame:
    """Objects as a dataset has them."""
    return pl.concat(
        pl.scan_parquet(path, row_index_name="_row").with_columns(
            pl.col("_row").cast(pl.Int64), pl.lit(f"sha256:{path.stem}").alias("_object")
        )
        for path in paths
    )


def grown(millions: int) -> dict[str, float]:
    """What it took with so many events, in a process of its own."""
    random = np.random.default_rng(5)
    folder = Path(tempfile.mkdtemp())
    try:
        table = published(folder, millions)
        users, count = millions * 1_000_000 // A_KEY, millions * 1_000_000 // A_QUESTION
        spine = pl.DataFrame({"asked": random.integers(0, YEAR_NS, count), "user": random.integers(0, users, count)})
        spine = spine.with_columns(pl.col("asked").cast(MOMENT))
        found = training(spine, table) | fed(folder, table, users, random)
        return found | asked(folder, spine.head(5000))
    finally:
        shutil.rmtree(folder)


def training(spine: pl.DataFrame, table: pl.LazyFrame) -> dict[str, float]:
    """A training set with a question for ten events."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.perf_counter()
    evaluate(plan(), spine, {"Event": table})
    taken = time.perf_counter() - begun
    return {"training_s": taken, "training_gib": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**20}


def fed(folder: Path, table: pl.LazyFrame, users: int, random: np.random.Generator) -> dict[str, float]:
    """The online store made of all rows, then of a publication of ten thousand new ones."""
    point, store = Point(plan()), LmdbOnline(folder / "online")
    begun = time.perf_counter()
    store.move(b"", b"1", (block for group in point.groups for block in group.pack(table)))
    made = time.perf_counter()
    path = folder / "new.parquet"
    new = events(NEW, random, 10**9, users)
    newest = pl.col("happened").to_physical() // 60 + YEAR_NS - YEAR_NS // 60  # of the last six days
    new.with_columns(
        newest.cast(MOMENT).alias("happened"), (newest + 60 * 10**9).cast(MOMENT).alias("_known_at")
    ).write_parquet(path)
    whole = scanned(sorted(folder.glob("*.parquet")))
    written = []

    def changes() -> Iterator[tuple[bytes, bytes]]:
        for group in point.groups:
            for key, block in group.pack(whole, group.touched(scanned([path]))):
                written.append(len(block))
                yield key, block

    again = time.perf_counter()
    store.move(b"1", b"2", changes())
    updated = time.perf_counter() - again
    store.close()
    size = (folder / "online" / "data.mdb").stat().st_blocks * 512
    return {"store_s": made - begun, "store_gib": size / 2**30, "update_s": updated, "blocks": len(written)}


def asked(folder: Path, spine: pl.DataFrame) -> dict[str, float]:
    """Questions one by one, of keys that were not asked before."""
    point, store = Point(plan()), LmdbOnline(folder / "online")
    took = []
    for each in spine.with_columns(pl.col("asked").to_physical()).to_dicts():
        start = time.perf_counter_ns()
        with store.look() as snapshot:
            point.features({"user": each["user"]}, each["asked"], snapshot)
        took.append(time.perf_counter_ns() - start)
    return {"question_us": sorted(took)[len(took) // 2] / 1000}


def main() -> None:
    """Each size in a process of its own, so that memory is told apart."""
    found = {}
    for millions in MILLIONS if len(sys.argv) < 2 else (MILLIONS[0], int(sys.argv[1])):
        command = [sys.executable, __file__, "of", str(millions)]
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
        note=f"{one['training_gib']:.1f} GiB. Online store made of the datasets in {one['store_s']:.1f} s "
        f"({one['store_gib']:.1f} GiB on disk); then {NEW:,} new events in {one['update_s']:.1f} s "
        f"({one['blocks']:,} blocks); then a question takes {one['question_us']:.0f} us (median, of keys that were "
        f"not asked before).",
    )


if __name__ == "__main__":
    if len(sys.argv) > 2:
        print(json.dumps(grown(int(sys.argv[2]))))
    else:
        main()
