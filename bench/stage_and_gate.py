"""What one stage with its gate costs in an open factory, against a preloaded child and three commits."""
# ruff: noqa: PLC0415  # the floor's child imports this file, and shall load nothing of andon

import multiprocessing
import os
import sqlite3
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from made import END, found

ROUNDS = 4


def load_rows(path: str) -> int:
    """What the child of the floor does: read the rows as the source gives them."""
    import polars as pl

    return pl.read_parquet(path).height


def main() -> None:
    """Ingest and judge a new window of rows in turns with the floor, and keep the least of each."""
    from measured import against, tell

    from andon.contracts.wire import to_json
    from andon.kernel.canonical import dumps
    from andon.runtime.drive import Order, run_to_rest
    from andon.wiring.calls.declaring import declare
    from andon.wiring.factory import open_factory

    with tempfile.TemporaryDirectory() as folder:
        os.environ["ANDON_HOME"] = str(Path(folder) / "home")
        place = found(Path(folder))
        forks = multiprocessing.get_context("forkserver")
        multiprocessing.set_forkserver_preload(["polars"])
        with open_factory(place) as opened:
            declaration = declare(opened.settings, opened.children)
            line, digest = opened.line(declaration), opened.blobs.put([dumps(to_json(declaration))]).digest
            moments = iter(range(1, ROUNDS + 2))

            def ingest() -> None:
                until = END - timedelta(days=60) + timedelta(days=10) * next(moments)
                order = Order(
                    kind="ingest",
                    subject="orders",
                    as_of_ns=int(until.timestamp()) * 10**9,
                    started_by="bench",
                    declaration=digest,
                    traceparent="00-" + "1" * 32 + "-" + "2" * 16 + "-01",
                    facts={},
                )
                done = run_to_rest(line, order, lambda _: None, time.sleep)
                assert done.facts["result"] == "published", done

            def floor() -> None:
                child = forks.Process(target=load_rows, args=(str(place / "orders.parquet"),))
                child.start()
                child.join()
                assert child.exitcode == 0
                commit_three_times(Path(folder) / "floor.db")

            ours, least = least_ms(ingest), least_ms(floor)
    tell(
        against(
            "stage_and_gate_warm",
            "ms",
            ours,
            least,
            "A child of a preloaded multiprocessing forkserver reads the rows, and SQLite commits three times.",
            times=2,
            note="Wall time of an ingest run, its child, its quarantine, its data gate and its verdict in the ledger.",
        )
    )


def least_ms(work: Callable[[], None]) -> float:
    """The least time of some rounds after a first one, in milliseconds."""
    work()
    least = float("inf")
    for _ in range(ROUNDS):
        begun = time.perf_counter_ns()
        work()
        least = min(least, (time.perf_counter_ns() - begun) / 1e6)
    return least


def commit_three_times(path: Path) -> None:
    """As durably as the control database does."""
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE IF NOT EXISTS done (what TEXT)")
        for number in range(3):
            connection.execute("INSERT INTO done VALUES (?)", (str(number),))
            connection.commit()
    connection.close()


if __name__ == "__main__":
    main()
