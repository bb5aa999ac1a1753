"""A point-in-time training set, against bare Polars as-of joins that find the raw parts of the same columns."""

import numpy as np
import polars as pl
from measured import against, least_cpu_s, tell

from andon import Contract, category, event_time, integer, number
from andon.expressions.evaluate import evaluate
from andon.expressions.plan import FeaturePlan

QUESTIONS, EVENTS, PLACES, CARRIERS = 200_000, 400_000, 12, 16
BEGIN_NS, YEAR_S = 1_356_998_400_000_000_000, 365 * 86_400
HOUR_NS, MOMENT = 3600 * 10**9, pl.Datetime("ns", "UTC")


class Schedule(Contract):
    """The rows that ask."""

    flight = integer(key=True)
    asked = event_time(known_after="0s")
    origin = category()
    carrier = category()


class Departure(Contract):
    """What happened before."""

    flight = integer(key=True)
    departed = event_time(known_after="5m")
    origin = category()
    carrier = category()
    late_min = integer()


class Weather(Contract):
    """Readings."""

    origin = category(key=True)
    hour = event_time(known_after="30m")
    wind = number()
    visibility = number()


def plan() -> FeaturePlan:
    """Six windows and two last values."""
    origin, carrier = Departure.origin == Schedule.origin, Departure.carrier == Schedule.carrier
    here = Weather.origin == Schedule.origin
    features = {
        "origin_late_3h": Departure.late_min.mean(over="3h", match=origin),
        "origin_late_1d": Departure.late_min.mean(over="1d", match=origin),
        "origin_busy_3h": Departure.late_min.count(over="3h", match=origin),
        "origin_sum_1d": Departure.late_min.sum(over="1d", match=origin),
        "carrier_late_3h": Departure.late_min.mean(over="3h", match=carrier),
        "carrier_late_1d": Departure.late_min.mean(over="1d", match=carrier),
        "wind": Weather.wind.last(within="3h", match=here),
        "visibility": Weather.visibility.last(within="3h", match=here),
    }
    return FeaturePlan("Schedule", "asked", tuple((name, each.node) for name, each in features.items()))


def main() -> None:
    """Compute the same training set both ways, and make sure that the two agree."""
    spine, departures, weather = tables()
    made, lazy = plan(), {"Departure": departures.lazy(), "Weather": weather.lazy()}
    ours, bare = evaluate(made, spine, lazy), parts(spine, departures, weather)
    assert ours["wind"].equals(bare["wind"]), "the newest readings differ"
    for key in ("origin", "carrier"):
        wrong = (ours[f"{key}_late_1d"] - bare[f"{key}_late_1d"]).abs().max()
        assert wrong is not None
        assert wrong < 1e-9, f"the means by {key} differ by {wrong}"
    works = {"andon": lambda: evaluate(made, spine, lazy), "floor": lambda: parts(spine, departures, weather)}
    least = least_cpu_s(works, rounds=4)
    tell(
        against(
            "training_set_200k_x_8",
            "s",
            least["andon"],
            least["floor"],
            "Polars: running sums and counts once per key, one join_asof for what entered and one per window for"
            " what left, one for the newest reading; the differences taken; rows that came late known by their time.",
            times=1.5,
        )
    )


def tables() -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """The rows that ask, departures and weather of one year."""
    random = np.random.default_rng(7)
    places = np.array([f"P{number:02d}" for number in range(PLACES)])
    carriers = np.array([f"C{number:02d}" for number in range(CARRIERS)])

    def moments(count: int) -> np.ndarray:
        return BEGIN_NS + random.integers(0, YEAR_S, count) * 10**9

    asked = {
        "flight": np.arange(QUESTIONS),
        "asked": moments(QUESTIONS),
        "origin": places[random.integers(0, PLACES, QUESTIONS)],
        "carrier": carriers[random.integers(0, CARRIERS, QUESTIONS)],
    }
    left = {
        "flight": np.arange(EVENTS),
        "departed": moments(EVENTS),
        "origin": places[random.integers(0, PLACES, EVENTS)],
        "carrier": carriers[random.integers(0, CARRIERS, EVENTS)],
        "late_min": random.integers(-30, 300, EVENTS),
    }
    hours = np.repeat(np.arange(YEAR_S // 3600), PLACES)
    read = {
        "origin": np.tile(places, YEAR_S // 3600),
        "hour": BEGIN_NS + hours * HOUR_NS,
        "wind": random.uniform(0, 60, len(hours)),
        "visibility": random.uniform(0, 10, len(hours)),
    }
    spine = pl.DataFrame(asked).with_columns(pl.col("asked").cast(MOMENT))
    return spine, published(pl.DataFrame(left), "departed", 300), published(pl.DataFrame(read), "hour", 1800)


def published(frame: pl.DataFrame, moment: str, after_s: int) -> pl.DataFrame:
    """A dataset as it is published: with when each row was known, and where it came from."""
    known = (pl.col(moment) + after_s * 10**9).cast(MOMENT)
    frame = frame.with_columns(pl.col(moment).cast(MOMENT), _known_at=known, _object=pl.lit("sha256:0"))
    return frame.with_row_index("_row").with_columns(pl.col("_row").cast(pl.Int64))


def parts(spine: pl.DataFrame, departures: pl.DataFrame, weather: pl.DataFrame) -> pl.DataFrame:
    """The same columns from bare as-of joins."""
    asking = spine.with_columns(_t=pl.col("asked").to_physical()).with_row_index("_i").sort("_t")
    found = asking.select("_i")
    for key in ("origin", "carrier"):
        found = found.with_columns(windows(asking, departures, key))
    readings = weather.with_columns(_e=pl.max_horizontal(pl.col("hour", "_known_at").to_physical())).sort("_e")
    newest = asking.select("_t", "origin").join_asof(
        readings.select("_e", "origin", "hour", "wind", "visibility"),
        left_on="_t",
        right_on="_e",
        by="origin",
        allow_exact_matches=False,
        check_sortedness=False,
    )
    fresh = pl.col("_t") - pl.col("hour").to_physical() <= 3 * HOUR_NS
    picked = newest.select(pl.when(fresh).then(pl.col("wind", "visibility")))
    return found.with_columns(picked.get_columns()).sort("_i").drop("_i")


def windows(asking: pl.DataFrame, departures: pl.DataFrame, key: str) -> list[pl.Series]:
    """Sums and counts of what entered less what left, for both lengths."""
    enter = pl.max_horizontal(pl.col("departed", "_known_at").to_physical())
    events = departures.select(key, "late_min", _e=enter, _h=pl.col("departed").to_physical())
    into = joined(asking, events.sort("_e"), key, "_e")
    results = []
    for name, hours, hop_ns in (("3h", 3, HOUR_NS // 12), ("1d", 24, HOUR_NS)):
        # An event leaves at the end of the step in which it becomes too old, and never before it came.
        end = ((pl.col("_h") + hours * HOUR_NS) // hop_ns + 1) * hop_ns
        leaving = events.with_columns(_l=pl.max_horizontal(end, pl.col("_e") + 1)).sort("_l")
        out = joined(asking, leaving, key, "_l")
        number, total = into["n"] - out["n"], into["s"] - out["s"]
        mean = pl.DataFrame({"n": number, "s": total}).select(pl.when(pl.col("n") > 0).then(pl.col("s") / pl.col("n")))
        results += [
            mean.to_series().alias(f"{key}_late_{name}"),
            number.alias(f"{key}_n_{name}"),
            total.alias(f"{key}_s_{name}"),
        ]
    return results


def joined(asking: pl.DataFrame, events: pl.DataFrame, key: str, moment: str) -> pl.DataFrame:
    """How many rows of the key, and what sum of them, came before each question."""
    running = events.select(
        key, moment, n=pl.col("late_min").cum_count().over(key).cast(pl.Int64), s=pl.col("late_min").cum_sum().over(key)
    )
    found = asking.select("_t", key).join_asof(
        running, left_on="_t", right_on=moment, by=key, allow_exact_matches=moment == "_l", check_sortedness=False
    )
    return found.select(pl.col("n", "s").fill_null(0))


if __name__ == "__main__":
    main()
