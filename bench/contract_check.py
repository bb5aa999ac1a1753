"""Judging a batch of a million rows by its contract, with quarantine, against Polars written by hand for it."""

import numpy as np
import polars as pl
from measured import against, least_cpu_s, tell

from andon.contracts.dataset import Column, DatasetContract, Rule
from andon.expressions.functions import CATEGORY, FLOAT, INT, TIME
from andon.expressions.tree import Node, apply, column, literal, to_json
from andon.line.ingest.judge import Judged, judge_rows

ROWS = 1_000_000
BEGIN_NS = 1_356_998_400_000_000_000
NOW_NS = BEGIN_NS + 400 * 86_400 * 10**9
SKEW_NS = 300 * 10**9
NAME, MOMENT = "Trip", pl.Datetime("ns", "UTC")
PLACES = ["EWR", "JFK", "LGA"]
CARRIERS = ["AA", "B6", "DL", "UA"]
TAIL, CODE = "N[0-9]{5}", "[0-9]{2,4}"


def main() -> None:
    """Judge the same rows both ways, and make sure that the two agree."""
    landed, contract = rows(), declared()

    def by_andon() -> Judged:
        return judge_rows(landed, contract, None, now_ns=NOW_NS)

    good, quarantined, counts = by_hand(landed)
    judged = by_andon()
    found = judged.counts
    assert judged.good.drop("_row", "_known_at").equals(good), "the good rows differ"
    assert found.quarantined == quarantined.height == judged.quarantined.height, "the quarantined rows differ"
    assert {reason: found.broken[reason] for reason in counts} == counts, "the counts differ"
    least = least_cpu_s({"andon": by_andon, "floor": lambda: by_hand(landed)}, rounds=5)
    tell(
        against(
            "contract_check_1M_x_20",
            "s",
            least["andon"],
            least["floor"],
            "The same nulls, ranges, sets, patterns, times and identity by hand in one lazy Polars query: good rows,"
            " quarantined rows with all their reasons, counts.",
            times=1.2,
        )
    )


def rows() -> pl.DataFrame:
    """A million rows of which about two in a hundred break something."""
    random = np.random.default_rng(7)
    moments = BEGIN_NS + random.integers(0, 365 * 86_400, ROWS) * 10**9
    distance = random.integers(10, 3000, ROWS)
    distance[random.random(ROWS) < 0.005] = -1
    wind = random.uniform(0, 60, ROWS)
    wind[random.random(ROWS) < 0.005] = 900.0
    origin = np.array([*PLACES, "XXX"])[random.choice(4, ROWS, p=[0.4, 0.3, 0.295, 0.005])]
    frame = pl.DataFrame(
        {
            "trip": np.arange(ROWS),
            "at": moments,
            "ends": moments + random.integers(-60, 20_000, ROWS) * 10**9,
            "origin": origin,
            "dest": np.array([f"D{number:02d}" for number in range(60)])[random.integers(0, 60, ROWS)],
            "distance": distance,
            "wind": wind,
            "visibility": random.uniform(0, 10, ROWS),
            "late_min": random.integers(-60, 600, ROWS),
            "seats": random.integers(20, 400, ROWS),
            "tail": pl.Series(np.arange(ROWS) % 5000 + 10_000).cast(pl.String),
            "code": pl.Series(random.integers(1, 10_000, ROWS)).cast(pl.String),
            "carrier": np.array(["AA", "B6", "DL", "UA", "??"])[
                random.choice(5, ROWS, p=[0.3, 0.3, 0.2, 0.195, 0.005])
            ],
            "ticket": np.arange(ROWS) * 7 % ROWS - (random.random(ROWS) < 0.001),
            "fare": random.uniform(20, 900, ROWS),
            "miles": random.uniform(10, 3000, ROWS),
            "is_new": random.random(ROWS) < 0.5,
            "bags": random.integers(0, 4, ROWS),
            "weight": random.uniform(40, 120, ROWS),
            "class_": np.array(["eco", "business", "first"])[random.integers(0, 3, ROWS)],
        }
    ).with_columns(
        tail="N" + pl.col("tail") + pl.when(pl.col("trip") % 311 == 0).then(pl.lit("-")).otherwise(pl.lit(""))
    )
    frame = frame.with_columns(pl.col("at", "ends").cast(MOMENT))
    return frame.with_columns(seats=pl.when(pl.col("trip") % 997 == 0).then(None).otherwise(pl.col("seats")))


def declared() -> DatasetContract:
    """The contract of these rows."""
    columns = (
        Column("trip", "int", "key"),
        Column("at", "time", "event_time"),
        Column("ends", "time"),
        Column("origin", "category"),
        Column("dest", "category"),
        Column("distance", "int"),
        Column("wind", "float"),
        Column("visibility", "float"),
        Column("late_min", "int"),
        Column("seats", "int"),
        Column("tail", "category"),
        Column("code", "category"),
        Column("carrier", "category"),
        Column("ticket", "int"),
        Column("fare", "float"),
        Column("miles", "float"),
        Column("is_new", "bool"),
        Column("bags", "int"),
        Column("weight", "float"),
        Column("class_", "category"),
    )
    distance, wind = column(NAME, "distance", INT), column(NAME, "wind", FLOAT)
    visibility, late = column(NAME, "visibility", FLOAT), column(NAME, "late_min", INT)
    members = [literal(place, CATEGORY) for place in PLACES]
    carriers = [literal(carrier, CATEGORY) for carrier in CARRIERS]
    rules = (
        row("distance.range", "distance", apply("gt", distance, literal(0, INT))),
        row("wind.range", "wind", between(wind, literal(0.0, FLOAT), literal(150.0, FLOAT))),
        row("visibility.range", "visibility", between(visibility, literal(0.0, FLOAT), literal(10.0, FLOAT))),
        row("late_min.range", "late_min", between(late, literal(-120, INT), literal(2000, INT))),
        row("origin.set", "origin", apply("is_in", column(NAME, "origin", CATEGORY), *members)),
        row("carrier.set", "carrier", apply("is_in", column(NAME, "carrier", CATEGORY), *carriers)),
        Rule("tail.pattern", "pattern", "quarantine", ("tail",), pattern=TAIL),
        Rule("code.pattern", "pattern", "quarantine", ("code",), pattern=CODE),
        Rule("one_ticket", "unique", "quarantine", ("ticket",)),
        row("ends_after_at", "ends", apply("ge", column(NAME, "ends", TIME), column(NAME, "at", TIME))),
    )
    return DatasetContract(NAME, columns, rules, known_after_ns=0)


def row(name: str, about: str, holds: Node) -> Rule:
    """A rule on one row."""
    return Rule(name, "row", "quarantine", (about,), to_json(holds))


def between(value: Node, low: Node, high: Node) -> Node:
    """Both ends included."""
    return apply("and", apply("ge", value, low), apply("le", value, high))


def by_hand(landed: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, dict[str, int]]:
    """What somebody would write who knows Polars and these rows."""
    broken = {f"{name}.null": pl.col(name).is_null() for name in landed.columns}
    broken |= {
        "distance.range": ~(pl.col("distance") > 0).fill_null(value=False),
        "wind.range": ~pl.col("wind").is_between(0.0, 150.0).fill_null(value=False),
        "visibility.range": ~pl.col("visibility").is_between(0.0, 10.0).fill_null(value=False),
        "late_min.range": ~pl.col("late_min").is_between(-120, 2000).fill_null(value=False),
        "origin.set": ~pl.col("origin").is_in(PLACES).fill_null(value=False),
        "carrier.set": ~pl.col("carrier").is_in(CARRIERS).fill_null(value=False),
        "tail.pattern": ~pl.col("tail").str.contains(f"^(?:{TAIL})$").fill_null(value=True),
        "code.pattern": ~pl.col("code").str.contains(f"^(?:{CODE})$").fill_null(value=True),
        "one_ticket": pl.col("ticket").is_duplicated(),
        "ends_after_at": ~(pl.col("ends") >= pl.col("at")).fill_null(value=False),
        "future_event": (pl.col("at").to_physical() > NOW_NS + SKEW_NS).fill_null(value=False),
        "identity.conflict": pl.struct("trip", "at").is_duplicated(),
    }
    names = list(broken)
    marked = landed.lazy().with_columns(test.alias(f"?{name}") for name, test in broken.items())
    marks = [f"?{name}" for name in names]
    frame = marked.with_columns(pl.any_horizontal(marks).alias("?")).collect()
    reasons = pl.concat_list(pl.when(pl.col(f"?{name}")).then(pl.lit(name)) for name in names).list.drop_nulls()
    bad = frame.filter(pl.col("?"))
    quarantined = bad.select(pl.col(landed.columns).cast(pl.String), reasons.alias("_reasons"))
    counts = frame.select(pl.col(marks).sum()).row(0)
    return frame.filter(~pl.col("?")).select(landed.columns), quarantined, dict(zip(names, counts, strict=True))


if __name__ == "__main__":
    main()
