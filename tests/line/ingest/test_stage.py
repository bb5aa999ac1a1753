"""From a landed file to Parquet objects, and from published objects to one dataset."""

from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.contracts.dataset import Column, DatasetContract
from andon.contracts.evidence import find
from andon.kernel.digest import of_bytes
from andon.kernel.errors import InputError
from andon.line.ingest.stage import ingest, read_dataset

NOW = int(datetime(2013, 6, 1, tzinfo=UTC).timestamp()) * 10**9
TRIP = DatasetContract(
    "Trip",
    (Column("trip", "category", "key"), Column("at", "time", "event_time"), Column("late", "int")),
    known_after_ns=5,
)
UNDECLARED = DatasetContract("Trip", TRIP.columns)
FRAME = pl.DataFrame(
    {
        "trip": ["b", "a", "c", "a", "d"],
        "at": ["2013-01-02", "2013-01-02", "2013-01-01", "2013-01-02", "2013-01-03"],
        "late": ["1", "2", "3", "2", "very"],
    }
)


@pytest.fixture
def workdir(tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


def land(folder, frame):
    path = folder / "landed.parquet"
    frame.write_parquet(path)
    return path


def stored(result):
    return result.good_file, of_bytes(result.good_file.read_bytes()), 77


def test_a_landed_file_becomes_a_good_and_a_quarantined_file(tmp_path, workdir):
    result = ingest(land(tmp_path, FRAME), TRIP, None, NOW, workdir)
    good = pl.read_parquet(result.good_file)
    assert good["trip"].to_list() == ["c", "a", "b"]
    assert good["_landed_row"].to_list() == [2, 1, 0]
    quarantined = pl.read_parquet(result.quarantine_file)
    assert quarantined.select("late", "_reasons", "_row").rows() == [("very", ["late.type"], 4)]
    assert (result.counts.rows_in, result.counts.duplicate) == (5, 1)
    assert find(result.measurements, "rows.good").value == 3
    assert result.counts.to_json()["broken"] == {"late.type": 1}


@given(st.permutations(range(5)))
@settings(max_examples=20, deadline=None)
def test_the_order_of_landing_changes_no_logical_digest(tmp_path_factory, order):
    folders = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("two")
    one, two = (
        ingest(land(folder, frame), TRIP, None, NOW, folder)
        for folder, frame in zip(folders, (FRAME, FRAME[order]), strict=True)
    )
    assert one.logical == two.logical


def test_other_values_give_another_logical_digest(tmp_path, workdir):
    one = ingest(land(tmp_path, FRAME), TRIP, None, NOW, workdir)
    two = ingest(land(tmp_path, FRAME.with_columns(late=pl.lit("9"))), TRIP, None, NOW, workdir)
    assert one.logical != two.logical


def test_the_same_file_gives_the_same_bytes(tmp_path, workdir):
    landed = land(tmp_path, FRAME)
    first = ingest(landed, TRIP, None, NOW, workdir)
    before = first.good_file.read_bytes(), first.quarantine_file.read_bytes()
    again = ingest(landed, TRIP, None, NOW, workdir)
    assert (again.good_file.read_bytes(), again.quarantine_file.read_bytes()) == before


def test_a_batch_that_is_published_already_adds_nothing(tmp_path, workdir):
    landed = land(tmp_path, FRAME)
    first = ingest(landed, TRIP, None, NOW, workdir)
    second = tmp_path / "again"
    second.mkdir()
    again = ingest(landed, TRIP, read_dataset([stored(first)], TRIP), NOW, second)
    assert again.good_file is None
    assert again.counts.duplicate == 4


@given(st.lists(st.integers(0, 2), min_size=4, max_size=4))
@settings(max_examples=25, deadline=None)
def test_any_batching_gives_the_same_dataset(tmp_path_factory, parts):
    sound = FRAME[:4]
    objects = []
    for part in range(3):
        folder = tmp_path_factory.mktemp("batch")
        rows = sound[[i for i in range(4) if parts[i] == part]]
        result = ingest(land(folder, rows), TRIP, read_dataset(objects, TRIP), NOW, folder)
        if result.good_file:
            objects.append(stored(result))
    dataset = read_dataset(objects, TRIP).collect()
    columns = ["trip", "at", "late", "_known_at"]
    assert sorted(dataset.select(pl.col(columns).to_physical()).rows()) == sorted(
        pl.DataFrame({"trip": ["b", "a", "c"], "at": ["2013-01-02", "2013-01-02", "2013-01-01"], "late": [1, 2, 3]})
        .with_columns(pl.col("at").str.to_datetime(time_unit="ns").to_physical())
        .with_columns(known=pl.col("at") + 5)
        .rows()
    )


def test_a_dataset_says_where_each_row_comes_from_and_when_it_was_known(tmp_path, workdir):
    path, digest, _ = stored(ingest(land(tmp_path, FRAME), UNDECLARED, None, NOW, workdir))
    dataset = read_dataset([(path, digest, 1_000), (path, digest, 2_000)], UNDECLARED).collect()
    assert dataset.columns == ["trip", "at", "late", "_known_at", "_object", "_row"]
    assert dataset["_known_at"].to_physical().to_list() == [1_000] * 3 + [2_000] * 3
    assert dataset["_row"].to_list() == [0, 1, 2, 0, 1, 2]
    assert set(dataset["_object"]) == {digest}
    declared = ingest(land(tmp_path, FRAME), TRIP, None, NOW, workdir)
    known = read_dataset([stored(declared)], TRIP).select(pl.col("_known_at") - pl.col("at")).collect()
    assert known.to_series().dt.total_nanoseconds().to_list() == [5, 5, 5]


def test_no_objects_are_an_empty_dataset_with_all_columns():
    empty = read_dataset([], TRIP).collect()
    assert empty.columns == ["trip", "at", "late", "_known_at", "_object", "_row"]
    assert empty.schema["at"] == pl.Datetime("ns", "UTC")


def test_an_empty_batch_leaves_no_files(tmp_path, workdir):
    result = ingest(land(tmp_path, FRAME.clear()), TRIP, None, NOW, workdir)
    assert (result.good_file, result.quarantine_file, result.counts.rows_in) == (None, None, 0)
    assert not list(workdir.iterdir())


def test_a_file_that_is_not_parquet_or_has_no_columns_is_refused(tmp_path, workdir):
    path = tmp_path / "landed.parquet"
    for data in (b"", b"not parquet"):
        path.write_bytes(data)
        with pytest.raises(InputError) as caught:
            ingest(path, TRIP, None, NOW, workdir)
        assert caught.value.code == "ingest.unreadable"
    with pytest.raises(InputError) as caught:
        ingest(tmp_path / "absent.parquet", TRIP, None, NOW, workdir)
    assert caught.value.code == "ingest.unreadable"
    with pytest.raises(InputError) as caught:
        ingest(land(tmp_path, pl.DataFrame()), TRIP, None, NOW, workdir)
    assert caught.value.code == "ingest.no-columns"


def test_a_new_nullable_column_is_null_in_older_objects_and_any_other_change_is_refused(tmp_path, workdir):
    objects = [stored(ingest(land(tmp_path, FRAME), TRIP, None, NOW, workdir))]
    wider = DatasetContract("Trip", (*TRIP.columns, Column("gate", "category", nullable=True)), known_after_ns=5)
    assert read_dataset(objects, wider).collect()["gate"].to_list() == [None] * 3
    for column in (Column("gate", "category"), Column("late", "float")):
        kept = tuple(c for c in TRIP.columns if c.name != column.name)
        with pytest.raises(InputError) as caught:
            read_dataset(objects, DatasetContract("Trip", (*kept, column)))
        assert caught.value.code == "ingest.other-contract"
    path, digest, _ = objects[0]
    path.write_bytes(b"damaged")
    with pytest.raises(InputError) as caught:
        read_dataset([(path, digest, 0)], TRIP)
    assert caught.value.code == "ingest.unreadable-object"
