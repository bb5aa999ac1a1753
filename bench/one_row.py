"""The features of one row as a server computes them, against a Python function written by hand for some of them."""

import math
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
from measured import against, tell

from andon import Contract, category, event_time, integer, number
from andon.adapters.lmdb import LmdbOnline
from andon.expressions.online.point import Point
from andon.expressions.plan import FeaturePlan

EVENTS, ROUNDS, BATCH, TOGETHER = 100_000, 9, 1000, 100
BEGIN_NS, YEAR_S, MOMENT = 1_356_998_400_000_000_000, 365 * 86_400, pl.Datetime("ns", "UTC")
PLACES = ["EWR", "JFK", "LGA"]
CARRIERS = [f"C{number:02d}" for number in range(16)]


class Schedule(Contract):
    """The rows that ask."""

    flight = integer(key=True)
    asked = event_time(known_after="0s")
    origin = category()
    carrier = category()
    distance = number()
    seats = integer()
    wind = number(nullable=True)


class Departure(Contract):
    """What happened before."""

    flight = integer(key=True)
    departed = event_time(known_after="5m")
    origin = category()
    carrier = category()
    late_min = integer()


def plan() -> FeaturePlan:
    """Twenty-four features of the row itself, and twelve windows."""
    far, wind, seats, asked = Schedule.distance, Schedule.wind.fill_null(0.0), Schedule.seats, Schedule.asked
    features = {
        "distance": far,
        "distance_log": far.log(),
        "distance_sqrt": far.sqrt(),
        "wind": wind,
        "wind_squared": wind * wind,
        "wind_far": wind * far,
        "headwind": wind - far / 100.0,
        "is_far": far > 1500.0,
        "is_windy": wind > 30.0,
        "is_calm": wind < 5.0,
        "far_and_windy": (far > 1500.0) & (wind > 30.0),
        "far_or_windy": (far > 1500.0) | (wind > 30.0),
        "no_wind": Schedule.wind.is_null(),
        "seats": seats,
        "seats_plus": seats + 3,
        "seats_double": seats * 2,
        "is_big": seats > 200,
        "from_newark": Schedule.origin == "EWR",
        "from_kennedy": Schedule.origin == "JFK",
        "from_new_york": Schedule.origin.is_in(["JFK", "LGA"]),
        "hour": asked.hour("UTC"),
        "weekday": asked.weekday("UTC"),
        "month": asked.month("UTC"),
        "share": far / (far + 1000.0),
    }
    for key in ("origin", "carrier"):
        match = getattr(Departure, key) == getattr(Schedule, key)
        for over in ("3h", "1d"):
            features[f"{key}_mean_{over}"] = Departure.late_min.mean(over=over, match=match)
            features[f"{key}_sum_{over}"] = Departure.late_min.sum(over=over, match=match)
            features[f"{key}_count_{over}"] = Departure.late_min.count(over=over, match=match)
    assert len(features) == 36
    return FeaturePlan("Schedule", "asked", tuple((name, each.node) for name, each in features.items()))


def by_hand(row: dict, asked_ns: int) -> dict:
    """The same twenty-four features of the row, as somebody would write them; no windows."""
    far, wind, seats = row["distance"], row["wind"] if row["wind"] is not None else 0.0, row["seats"]
    at = time.gmtime(asked_ns // 10**9)
    return {
        "distance": far,
        "distance_log": math.log(far) if far > 0 else None,
        "distance_sqrt": math.sqrt(far) if far >= 0 else None,
        "wind": wind,
        "wind_squared": wind * wind,
        "wind_far": wind * far,
        "headwind": wind - far / 100.0,
        "is_far": far > 1500.0,
        "is_windy": wind > 30.0,
        "is_calm": wind < 5.0,
        "far_and_windy": far > 1500.0 and wind > 30.0,
        "far_or_windy": far > 1500.0 or wind > 30.0,
        "no_wind": row["wind"] is None,
        "seats": seats,
        "seats_plus": seats + 3,
        "seats_double": seats * 2,
        "is_big": seats > 200,
        "from_newark": row["origin"] == "EWR",
        "from_kennedy": row["origin"] == "JFK",
        "from_new_york": row["origin"] in ("JFK", "LGA"),
        "hour": at.tm_hour,
        "weekday": at.tm_wday + 1,
        "month": at.tm_mon,
        "share": far / (far + 1000.0),
    }


def main() -> None:
    """Ask a thousand questions again and again."""
    random = np.random.default_rng(7)
    point = Point(plan())
    store = LmdbOnline(Path(tempfile.mkdtemp()) / "online")
    tables = {"Departure": departures(random).lazy()}
    store.move(b"", b"1", (block for group in point.groups for block in group.pack(tables["Departure"])))

    def features(row: dict[str, object], moment: int) -> dict[str, object]:
        return all_features(store, point, [row], moment)[0]

    asked = [
        (
            {
                "origin": PLACES[number % 3],
                "carrier": CARRIERS[number % 16],
                "distance": float(random.uniform(100, 3000)),
                "seats": int(random.integers(20, 400)),
                "wind": None if number % 10 == 0 else float(random.uniform(0, 60)),
            },
            BEGIN_NS + int(random.integers(86_400, YEAR_S)) * 10**9,
        )
        for number in range(BATCH)
    ]
    for row, moment in asked:
        answer, plain = features(row, moment), by_hand(row, moment)
        wrong = {name: (value, answer[name]) for name, value in plain.items() if not same(value, answer[name])}
        assert not wrong, wrong
    ours, floors = [], []
    for _ in range(ROUNDS):
        ours.append(median_us(features, asked))
        floors.append(median_us(by_hand, asked))
    tell(
        against(
            "one_row_24_features_12_windows",
            "us",
            min(ours),
            min(floors),
            "A Python function written by hand for the 24 features of the row, unchecked and without the windows.",
            at_most=40,
            note="Median of a thousand questions, the least of nine rounds.",
        )
    )
    rows, moment = [row for row, _ in asked[:TOGETHER]], asked[0][1]
    together = plain = float("inf")
    for _ in range(ROUNDS * 10):
        together = min(together, took_us(lambda: all_features(store, point, rows, moment)))
        plain = min(plain, took_us(lambda: [by_hand(row, moment) for row in rows]))
    tell(
        against(
            "hundred_rows_24_features_12_windows",
            "us",
            together,
            plain,
            "The same function written by hand, for each of the hundred rows.",
            at_most=2000,
            note="One question about a hundred entities of 3 airports and 16 carriers; the least of ninety.",
        )
    )


def all_features(store: LmdbOnline, point: Point, rows: list, moment: int) -> list[dict[str, object]]:
    """The features of rows that ask together."""
    with store.look() as snapshot:
        return point.features(rows, moment, snapshot)


def took_us(action: Callable[[], object]) -> float:
    """How many microseconds it takes."""
    begun = time.perf_counter_ns()
    action()
    return (time.perf_counter_ns() - begun) / 1000


def same(left: object, right: object) -> bool:
    """Whether two values are equal, up to the last bits of a logarithm."""
    if isinstance(left, float) and isinstance(right, float):
        return math.isclose(left, right, rel_tol=1e-12)
    return left == right


def median_us(answer: object, asked: list) -> float:
    """The median time of one answer in microseconds."""
    taken = []
    for row, moment in asked:
        taken.append(took_us(lambda: answer(row, moment)))  # noqa: B023  # called at once
    return sorted(taken)[len(taken) // 2]


def departures(random: np.random.Generator) -> pl.DataFrame:
    """Departures of one year as they were published."""
    moments = BEGIN_NS + np.sort(random.integers(0, YEAR_S, EVENTS)) * 10**9
    frame = pl.DataFrame(
        {
            "flight": np.arange(EVENTS),
            "departed": moments,
            "_known_at": moments + 300 * 10**9,
            "origin": np.array(PLACES)[random.integers(0, 3, EVENTS)],
            "carrier": np.array(CARRIERS)[random.integers(0, 16, EVENTS)],
            "late_min": random.integers(-30, 300, EVENTS),
            "_row": np.arange(EVENTS),
        }
    )
    return frame.with_columns(pl.col("departed", "_known_at").cast(MOMENT), _object=pl.lit("sha256:0"))


if __name__ == "__main__":
    main()
