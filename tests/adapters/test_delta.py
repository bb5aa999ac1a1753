"""Real Delta tables as sources, pinned by version."""

import tempfile
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake

from andon.adapters.delta import read_delta
from andon.contracts.reading import Delta
from andon.kernel.errors import InputError
from tests.adapters.source_asked import asked

FIRST = pl.DataFrame({"id": ["a", "b"], "size": [1, 2], "depot": ["x", "y"]})
SECOND = pl.DataFrame({"id": ["c"], "size": [3], "depot": ["x"]})


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder with a table of two versions, in partitions."""
    write_deltalake(tmp_path / "t", FIRST, partition_by=["depot"])
    write_deltalake(tmp_path / "t", SECOND, mode="append")
    return tmp_path


def read(reads: Delta, folder: Path, **given) -> tuple[set[tuple[object, ...]] | None, str]:
    with tempfile.TemporaryDirectory() as scratch:
        brought = read_delta(asked(reads, folder, Path(scratch) / "s", **given))
        rows = None if brought.rows is None else {*brought.rows.select("id", "size", "depot").collect().iter_rows()}
        return rows, brought.account.version


def test_each_version_is_read_once(folder):
    whole = {*FIRST.iter_rows(), *SECOND.iter_rows()}
    assert read(Delta("t"), folder) == (whole, "1")
    assert read(Delta("t"), folder, version="1") == (None, "1")
    DeltaTable(folder / "t").delete("id = 'a'")
    assert read(Delta("t"), folder, version="1") == (whole - {("a", 1, "x")}, "2")


def test_a_pinned_version_stays_what_it_was(folder):
    assert read(Delta("t", 0), folder) == ({*FIRST.iter_rows()}, "0")
    assert read(Delta("env:LAKE/t", 0), folder, variables={"LAKE": str(folder)})[0] == {*FIRST.iter_rows()}


@pytest.mark.parametrize("reads", [Delta("t", 9), Delta("nowhere"), Delta(".")])
def test_what_is_no_table_is_refused(folder, reads):
    with pytest.raises(InputError) as caught:
        read(reads, folder)
    assert caught.value.code == "delta.unreadable"
    assert caught.value.fix


def test_a_table_that_lost_a_file_is_refused(folder):
    next((folder / "t").glob("depot=x/*.parquet")).unlink()
    with pytest.raises(InputError) as caught:
        read(Delta("t"), folder)
    assert caught.value.code == "delta.unreadable"
