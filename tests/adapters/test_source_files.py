"""Files as sources: every record becomes one row, each file is read once, and what is not whole is left for later."""

import csv
import gzip
import io
import os
import tempfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from andon.adapters.source_files.reader import read_files
from andon.adapters.source_files.text import shape_of
from andon.contracts.reading import Files, place_of_row
from andon.kernel.errors import InputError
from tests.adapters.source_asked import asked

FIELD = st.text(st.sampled_from('ab "\n\r,;é\t'), max_size=6)
TABLE = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(FIELD, min_size=width, max_size=width), min_size=1, max_size=8)
)


def read(folder: Path, reads: Files, **given):
    with tempfile.TemporaryDirectory() as scratch:
        brought = read_files(asked(reads, folder, Path(scratch) / "s", **given))
        return None if brought.rows is None else brought.rows.collect(), brought.account


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=TABLE, ends=st.sampled_from(["\n", "\r\n"]), chunk=st.integers(1, 7), blank=st.integers(0, 2))
def test_every_record_of_a_csv_file_is_a_row_as_pythons_own_reader_sees_it(tmp_path, table, ends, chunk, blank):
    names = [f"c{number}" for number in range(len(table[0]))]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=ends, quoting=csv.QUOTE_ALL)
    writer.writerows([names, *table])
    data = (text.getvalue() + ends * blank).encode()
    path = tmp_path / "a.csv"
    path.write_bytes(data)
    rows, account = read(tmp_path, Files(("a.csv",)))
    assert [list(row) for row in rows.iter_rows()] == table
    assert account.files[0].rows == len(table)
    small, large = (shape_of(path, "a.csv", ",", '"', None, size) for size in (chunk, 1 << 20))
    assert (small.records, small.blank, small.is_plain) == (large.records, large.blank, large.is_plain)
    assert small.records == 1 + len(table)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(st.text(st.sampled_from('ab,"'), max_size=7), min_size=1, max_size=6), chunk=st.integers(1, 9))
def test_a_malformed_file_is_refused_or_read_as_pythons_strict_reader_reads_it(tmp_path, lines, chunk):
    path = tmp_path / "a.csv"
    path.write_text("\n".join(["a,b", *lines, ""]))
    try:
        shape_of(path, "a.csv", ",", '"', None, chunk)
    except InputError:
        with pytest.raises(InputError, match=r"at: a.csv:\d") as caught:
            read(tmp_path, Files(("a.csv",)))
        assert caught.value.code in {"files.ragged", "files.quote"}
        return
    rows, _ = read(tmp_path, Files(("a.csv",)))
    with path.open(newline="") as file:
        expected = [row for row in csv.reader(file, strict=True) if row][1:]
    assert [["" if cell is None else cell for cell in row] for row in rows.iter_rows()] == expected


def test_rows_know_their_file_and_line(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n1,2\n3,4\n")
    (tmp_path / "b.csv").write_text('x,y\n"5\n",6\n7,8\n')
    _, account = read(tmp_path, Files(("*.csv",)))
    places = [place_of_row(account.files, row) for row in range(5)]
    assert places == ["a.csv:2", "a.csv:3", "b.csv, row 1", "b.csv, row 2", ""]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "latin-1", "cp1252"])
def test_every_encoding_and_gzip_gives_the_same_rows(tmp_path, encoding):
    text = 'name;size\nMüller;1\n"Bär;\n2";2\n'
    (tmp_path / "plain.csv").write_bytes(text.encode(encoding))
    (tmp_path / "packed.csv.gz").write_bytes(gzip.compress(text.encode(encoding)))
    rows, account = read(tmp_path, Files(("*.csv*",), separator=";", encoding=encoding))
    assert rows.rows() == [("Müller", "1"), ("Bär;\n2", "2")] * 2
    assert [file.rows for file in account.files] == [2, 2]


def test_options_say_what_a_field_means(tmp_path):
    (tmp_path / "a.tsv").write_text('1\tNA\n5" pipe\t-\n')
    rows, _ = read(tmp_path, Files(("a.tsv",), quote="", columns=("id", "size"), null_values=("NA", "-")))
    assert rows.rows() == [("1", None), ('5" pipe', None)]


def test_three_formats_say_the_same(tmp_path):
    frame = pl.DataFrame({"id": ["a", "b"], "size": [1, None]})
    frame.write_csv(tmp_path / "a.csv")
    frame.write_parquet(tmp_path / "a.parquet")
    (tmp_path / "a.ndjson").write_text('{"id": "a", "size": 1}\n\n{"id": "b"}\n')
    found = [read(tmp_path, Files((f"*.{ending}",)))[0] for ending in ("csv", "parquet", "ndjson")]
    for rows in found:
        assert_frame_equal(rows.cast({"size": pl.Int64}), frame)


def test_a_member_that_no_line_has_is_null_where_the_contract_lets_it(tmp_path):
    (tmp_path / "a.ndjson").write_text('{"id": "a"}\n')
    (tmp_path / "b.ndjson").write_text('{"id": "b", "size": 2}\n')
    rows, _ = read(tmp_path, Files(("*.ndjson",)), nullable=("size", "note"))
    assert rows.rows() == [("a", None, None), ("b", 2, None)]


def test_a_file_is_read_when_it_was_left_alone_and_then_never_again(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("x\n1\n")
    changed_ns = max(path.stat().st_mtime_ns, path.stat().st_ctime_ns)
    settle = 5 * 10**9
    rows, account = read(tmp_path, Files(("*.csv",)), now_ns=changed_ns + settle - 1, settle_ns=settle)
    assert rows is None
    assert account.left[0].why == "changed less than 5 s ago"
    rows, account = read(tmp_path, Files(("*.csv",)), now_ns=changed_ns + settle, settle_ns=settle)
    assert rows.height == 1
    assert read(tmp_path, Files(("*.csv",)), seen=account.files)[0] is None
    os.utime(path)  # touched, and says the same
    assert read(tmp_path, Files(("*.csv",)), seen=account.files)[0] is None
    path.write_text("x\n2\n")  # of one size, and says something else
    assert read(tmp_path, Files(("*.csv",)), seen=account.files)[0].rows() == [("2",)]


def test_what_is_not_whole_or_not_meant_is_left_aside_and_told(tmp_path):
    for name in (".hidden.csv", "a.csv.tmp", "b.csv.part", "c.csv.crdownload"):
        (tmp_path / name).write_text("x\n1\n")
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "good.csv").write_text("x\n1\n")
    rows, account = read(tmp_path, Files(("*",)))
    assert rows.height == 1
    assert [left.name for left in account.left] == [
        ".hidden.csv", "a.csv.tmp", "b.csv.part", "c.csv.crdownload", "pipe.csv"
    ]  # fmt: skip


def test_parquet_without_its_end_waits_an_hour_and_is_refused_then(tmp_path):
    pl.DataFrame({"x": range(1000)}).write_parquet(tmp_path / "a.parquet")
    data = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(data[:-8])
    changed_ns = (tmp_path / "a.parquet").stat().st_ctime_ns
    rows, account = read(tmp_path, Files(("*",)), now_ns=changed_ns + 60 * 10**9)
    assert rows is None
    assert account.left[0].why.startswith("not whole yet")
    with pytest.raises(InputError) as caught:
        read(tmp_path, Files(("*",)))
    assert caught.value.code == "files.damaged"


def test_what_a_variable_holds_is_not_told(tmp_path):
    for reads in (Files(("env:SECRET/*.csv",)), Files(("env:SECRET/a/b.csv",))):
        with pytest.raises(InputError) as caught:
            read(tmp_path, reads, variables={"SECRET": "geheim:4711"})
        assert caught.value.code == "files.no-folder"
        assert "geheim" not in str(caught.value)
        assert "env:SECRET" in caught.value.place


def test_patterns_reach_below_and_names_tell_where(tmp_path):
    for name in ("2026/01/a.csv", "2026/02/a.csv", "b.csv", "2026/[x].csv"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_text(f"x\n{name}\n")
    rows, account = read(tmp_path, Files(("env:IN/**/*.csv",)), variables={"IN": str(tmp_path / "in")})
    assert [file.name for file in account.files] == ["2026/01/a.csv", "2026/02/a.csv", "2026/[x].csv", "b.csv"]
    assert [*rows["x"]] == [file.name for file in account.files]
    assert read(tmp_path, Files(("in/2026/0?/a.csv",)))[0].height == 2
