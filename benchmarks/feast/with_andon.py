"""The same training set by andon, and by bare Polars as-of joins; in one process, as both use the same library."""

import json
import sys
import time
from datetime import timedelta
from pathlib import Path

import polars as pl
from rows import FEATURES, TABLES

from andon import Contract, event_time, integer, known_at, number
from andon.expressions.evaluate import evaluate
from andon.expressions.plan import FeaturePlan


class Question(Contract):
    """What is asked about."""

    question = integer(key=True)
    asked = event_time(known_after="0s")
    user = integer()


class Clicks(Contract):
    """Events."""

    user = integer(key=True)
    happened = event_time()
    known = known_at()
    clicks_a = number()
    clicks_b = number()
    clicks_c = number()


class Scores(Contract):
    """Events."""

    user = integer(key=True)
    happened = event_time()
    known = known_at()
    score_a = number()
    score_b = number()


class Spends(Contract):
    """Events."""

    user = integer(key=True)
    happened = event_time()
    known = known_at()
    spend_a = number()


CONTRACTS = {"clicks": Clicks, "scores": Scores, "spends": Spends}
FOR_EVER = 3650


def plan() -> FeaturePlan:
    """The newest value of each, as long as it holds."""
    found = {}
    for name, contract in CONTRACTS.items():
        days = TABLES[name][1] or FOR_EVER
        for feature in FEATURES[name]:
            column = getattr(contract, feature)
            found[feature] = column.last(within=f"{days}d", match=contract.user == Question.user).node
    return FeaturePlan("Question", "asked", tuple(found.items()))


def ours(folder: Path) -> pl.DataFrame:
    """By andon, from the files."""
    moment = pl.Datetime("ns", "UTC")
    tables = {
        contract.__name__: pl.scan_parquet(folder / f"{name}.parquet", row_index_name="_row").with_columns(
            pl.col("happened", "known").cast(moment),
            pl.col("known").cast(moment).alias("_known_at"),
            pl.col("_row").cast(pl.Int64),
            _object=pl.lit("sha256:a"),
        )
        for name, contract in CONTRACTS.items()
    }
    questions = pl.read_parquet(folder / "questions.parquet").with_columns(pl.col("asked").cast(moment))
    return pl.concat([questions.select("question"), evaluate(plan(), questions, tables)], how="horizontal")


def bare(folder: Path) -> pl.DataFrame:
    """By hand, with nothing that andon adds."""
    found = pl.read_parquet(folder / "questions.parquet").sort("asked")
    for name, (_, days) in TABLES.items():
        events = pl.read_parquet(folder / f"{name}.parquet").sort("happened", "known").drop("known")
        tolerance = timedelta(days=days) if days else None
        found = found.join_asof(
            events, left_on="asked", right_on="happened", by="user", tolerance=tolerance, check_sortedness=False
        ).drop("happened")
    return found.sort("question")


def main(folder: Path) -> None:
    """Both, in turns; the least time of three each."""
    least = {"andon": float("inf"), "polars": float("inf")}
    frames = {}
    for _ in range(3):
        for name, work in (("polars", bare), ("andon", ours)):
            begun = time.perf_counter()
            frames[name] = work(folder)
            least[name] = min(least[name], time.perf_counter() - begun)
    for name, frame in frames.items():
        frame.write_parquet(folder / f"{name}.parquet")
    print(json.dumps({name: {"seconds": least[name], "rows": len(frames[name])} for name in least}))


main(Path(sys.argv[1]))
