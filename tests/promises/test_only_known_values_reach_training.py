"""No value reaches a training row that was not known when its question was asked: an independent query agrees."""

import json
from pathlib import Path

import duckdb
import polars as pl
import pytest

from tests.factories.place import Place

FLIGHTS = Path(__file__).parents[2] / "examples" / "flights"
SECOND = 10**9
UNITS = {"minute": 60 * SECOND, "hour": 3600 * SECOND, "day": 86_400 * SECOND}
# An event counts when it has happened and was known before the question, strictly, and not before the window's far
# end, which is so long ago, rounded down to whole steps of five minutes (windows under 12 hours) or of an hour.
DEPARTURES = """
    SELECT q.row_id,
      count(*) FILTER (WHERE e.happened >= (q.asked - {hour}) // (5 * {minute}) * (5 * {minute})) AS origin_busy_1h,
      sum(e.late_min) FILTER (WHERE e.happened >= (q.asked - 3 * {hour}) // (5 * {minute}) * (5 * {minute}))
        / count(e.late_min) FILTER (WHERE e.happened >= (q.asked - 3 * {hour}) // (5 * {minute}) * (5 * {minute}))
        AS origin_late_3h,
      sum(e.late_min) FILTER (WHERE e.happened >= (q.asked - {day}) // {hour} * {hour})
        / count(e.late_min) FILTER (WHERE e.happened >= (q.asked - {day}) // {hour} * {hour}) AS origin_late_1d
    FROM questions q LEFT JOIN departures e
      ON e.origin = q.origin AND e.known < q.asked AND e.happened < q.asked AND e.happened >= q.asked - 2 * {day}
    GROUP BY q.row_id
"""
CARRIERS = """
    SELECT q.row_id,
      sum(e.late_min) FILTER (WHERE e.happened >= (q.asked - {day}) // {hour} * {hour})
        / count(e.late_min) FILTER (WHERE e.happened >= (q.asked - {day}) // {hour} * {hour}) AS carrier_late_1d
    FROM questions q LEFT JOIN departures e
      ON e.carrier = q.carrier AND e.known < q.asked AND e.happened < q.asked AND e.happened >= q.asked - 2 * {day}
    GROUP BY q.row_id
"""
WIND = """
    SELECT q.row_id, last(e.wind_mph ORDER BY e.happened, e.known, e.object, e.row) AS wind
    FROM questions q LEFT JOIN weather e
      ON e.origin = q.origin AND e.known < q.asked AND e.happened < q.asked AND e.happened >= q.asked - 3 * {hour}
    GROUP BY q.row_id
"""
COLUMNS = {
    "departures": ("Departure", "departed", "origin, carrier, late_min"),
    "weather": ("Weather", "hour", "origin, wind_mph"),
}
FEATURES = ("origin_busy_1h", "origin_late_3h", "origin_late_1d", "carrier_late_1d", "wind")


def flights_in(path, *, tune, holdout):
    """The example's factory, with a model that is trained in a moment; only its features matter here."""
    place = Place(path / "flights", path / "home")
    place.folder.mkdir()
    (place.folder / "flights_source.py").write_text((FLIGHTS / "flights_source.py").read_text())
    code = (FLIGHTS / "factory.py").read_text()
    changed = code.replace('tune="14d", holdout="21d"', f'tune="{tune}", holdout="{holdout}"')
    changed = changed.replace("rounds: int = 200", "rounds: int = 2").replace("auc >= 0.65", "auc >= 0.999")
    assert len({code, changed}) == 2
    (place.folder / "factory.py").write_text(changed)
    assert place.andon("init", "flights").code == 0
    return place


def stored(place, digest):
    """The file of an object."""
    name = digest.removeprefix("sha256:")
    return place.folder / ".andon" / "store" / name[:2] / name


def manifests(place, kind):
    return [
        json.loads(body) for (body,) in place.sql("select body from manifests where kind = ? order by sequence", kind)
    ]


def rows_of(place, contract, time, columns):
    """SQL over the stored objects of a dataset: each row with when it happened and was known, and where it stands."""
    dataset = [each for each in manifests(place, "dataset") if each["facts"]["contract"] == contract][-1]
    return " UNION ALL ".join(
        f"SELECT {columns}, epoch_ns({time}) AS happened, epoch_ns(_known_at) AS known, '{each['sha256']}' AS object, "
        f"file_row_number AS row FROM read_parquet('{stored(place, each['sha256'])}', file_row_number = true)"
        for each in dataset["content"]
    )


def features_of(place):
    """Features of every row that a model learns from, is tuned on or judged on."""
    content = {each["name"]: each["sha256"] for each in manifests(place, "snapshot")[-1]["content"]}
    parts = ("fit", "tune", "holdout_features")
    frames = [pl.read_parquet(stored(place, content[f"{part}.parquet"])) for part in parts]
    return pl.concat([frame.select("_row_id", *FEATURES) for frame in frames]).sort("_row_id")


def queried(place, row_ids, folder):
    """The features of these rows, by SQL alone."""
    row_ids.write_parquet(folder / "wanted.parquet")
    with duckdb.connect() as db:
        db.execute("SET threads = 2")
        spine = rows_of(place, "Schedule", "asked", "origin, carrier")
        db.execute(
            f"CREATE TABLE questions AS SELECT object || ':' || row AS row_id, origin, carrier, happened AS asked "
            f"FROM ({spine}) SEMI JOIN '{folder}/wanted.parquet' w ON object || ':' || row = w._row_id"
        )
        for name, (contract, time, columns) in COLUMNS.items():
            db.execute(f"CREATE TABLE {name} AS {rows_of(place, contract, time, columns)}")
        answers = []
        for number, query in enumerate((DEPARTURES, CARRIERS, WIND)):
            file = folder / f"{number}.parquet"
            db.execute(f"COPY ({query.format(**UNITS)} ORDER BY q.row_id) TO '{file}' (FORMAT parquet)")
            answers.append(pl.read_parquet(file))
    return pl.concat([answers[0], *(answer.drop("row_id") for answer in answers[1:])], how="horizontal")


def check(place, folder):
    """Every feature of every row is what SQL says, to the last bit."""
    found = features_of(place)
    expected = queried(place, found.select("_row_id"), folder)
    assert expected["row_id"].equals(found["_row_id"], check_names=False)
    for name in FEATURES:
        ours, theirs = found[name], expected[name].cast(found[name].dtype)
        assert ours.equals(theirs, null_equal=True), name
        assert ours.null_count() < ours.len()
    return found


@pytest.mark.slow
def test_every_value_of_a_january_was_known_before_it_was_asked_for(tmp_path):
    """A model that saw what came later is good in tests and bad in use."""
    place = flights_in(tmp_path, tune="3d", holdout="5d")
    assert place.andon("run", "--as-of", "2013-02-01").code == 4
    assert check(place, tmp_path).height > 20_000
    assert place.is_clean()
