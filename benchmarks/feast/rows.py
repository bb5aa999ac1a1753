"""The rows that both tools are given: three tables of events about users, and questions about them."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl

QUESTIONS, USERS, DAYS = 100_000, 20_000, 60
TABLES = {"clicks": (100_000, 7), "scores": (200_000, 0), "spends": (300_000, 1)}
"""How many rows a table has, and for how many days a value holds; 0 is for ever."""
FEATURES = {"clicks": ("clicks_a", "clicks_b", "clicks_c"), "scores": ("score_a", "score_b"), "spends": ("spend_a",)}
MINUTE_S = 60
MOMENT = pl.Datetime("us", "UTC")
BEGIN = datetime(2025, 1, 1, tzinfo=UTC)


def write_rows(folder: Path) -> None:
    """Write the tables and the questions as Parquet: events on whole minutes, many of them at one, and later known.

    Questions come at half a minute, when everything that happened is known: so both tools must agree, whether they
    look at when a row became known or not, and whether "before" includes the moment itself.
    """
    random = np.random.default_rng(11)
    begin = int(BEGIN.timestamp())
    for number, (name, (rows, _)) in enumerate(TABLES.items()):
        step = 60 if number == 1 else 1  # some at the same full hour: then the one that was known last counts
        minutes = random.integers(0, DAYS * 1440 // step, rows) * step
        happened = begin + minutes * MINUTE_S
        values = {feature: np.round(random.normal(size=rows), 6) for feature in FEATURES[name]}
        frame = pl.DataFrame({"user": random.integers(0, USERS, rows), **values})
        known = happened * 10**6 + random.permutation(rows)  # all different, within a second
        moments = {"happened": pl.Series(happened * 10**6), "known": pl.Series(known)}
        typed = frame.with_columns(value.cast(MOMENT).alias(key) for key, value in moments.items())
        typed.write_parquet(folder / f"{name}.parquet")
    asked = begin + random.integers(0, DAYS * 1440, QUESTIONS) * MINUTE_S + 30
    questions = pl.DataFrame({"question": np.arange(QUESTIONS), "user": random.integers(0, USERS + 500, QUESTIONS)})
    questions.with_columns(asked=(pl.Series(asked) * 10**6).cast(MOMENT)).write_parquet(folder / "questions.parquet")
