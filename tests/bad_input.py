"""Bad input, one case each: what is wrong, what is read, and the refusal. The tests run it, and the docs print it.

`python -m tests.bad_input` writes `docs/bad-input.md`.
"""

import gzip
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from andon.contracts.dataset import Column, DatasetContract
from andon.contracts.reading import Delta, Files, Reading, Sql
from andon.kernel.errors import AndonError
from andon.line.ingest.stage import ingest
from andon.wiring.processes.landing import land
from andon.wiring.readers import reader_of
from tests.adapters.source_asked import DAY_NS, asked

PAGE: Final = Path(__file__).parent.parent / "docs" / "bad-input.md"
NOBODY: Final = 65534
NOW_NS: Final = 1_770_000_000 * 10**9
CONTRACT: Final = DatasetContract(
    "Order",
    (Column("id", "category", "key"), Column("at", "time", "event_time"), Column("size", "int", nullable=True)),
    known_after_ns=0,
)
HEAD: Final = b"id,at,size\n"
ROW: Final = b"1,2026-01-01,5\n"
WHOLE: Final = HEAD + ROW
Make = Callable[[Path], Reading]


@dataclass(frozen=True)
class Case:
    """One way in which input is bad.

    Attributes:
        make: Puts it into an empty folder and says what is read.
        code: Of the refusal; empty where it is read after all.
        becomes: Where it is read: good, quarantined and duplicate rows.
        variables: Of the process that reads.
        server: Whether a PostgreSQL server is needed, whose URL is in `SHOP`.
        nobody: Whether it is read by an OS user that may not.
    """

    name: str
    make: Make
    code: str
    becomes: tuple[int, int, int] = (0, 0, 0)
    variables: Mapping[str, str] | None = None
    server: bool = False
    nobody: bool = False


def text(data: bytes, name: str = "a.csv", **options: object) -> Make:
    """One file with these bytes."""

    def make(folder: Path) -> Reading:
        (folder / name).write_bytes(data)
        return Files((name,), **options)  # type: ignore[arg-type]

    return make


def parquet(change: Callable[[bytes], bytes]) -> Make:
    """A Parquet file whose bytes were changed."""

    def make(folder: Path) -> Reading:
        pl.read_csv(WHOLE, infer_schema=False).write_parquet(folder / "a.parquet")
        (folder / "a.parquet").write_bytes(change((folder / "a.parquet").read_bytes()))
        return Files(("a.parquet",))

    return make


def two(first: bytes, second: bytes) -> Make:
    """Two files of one source."""

    def make(folder: Path) -> Reading:
        (folder / "a.csv").write_bytes(first)
        (folder / "b.csv").write_bytes(second)
        return Files(("*.csv",))

    return make


def query(words: str, url: str = "sqlite:///shop.db") -> Make:
    """A query to an SQLite file that has a table of orders."""

    def make(folder: Path) -> Reading:
        with closing(sqlite3.connect(folder / "shop.db")) as link, link:
            link.execute("create table orders (id, at, size)")
            link.executemany("insert into orders values (?, ?, ?)", [("1", "2026-01-01", 5), ("2", "2026-01-02", "x")])
        return Sql(url, words)

    return make


def beside(reads: Reading) -> Make:
    """Something to read beside a CSV file."""

    def make(folder: Path) -> Reading:
        text(WHOLE)(folder)
        return reads

    return make


def other(reads: Reading) -> Make:
    """Something to read, and nothing there."""
    return lambda _: reads


def _broken_table(folder: Path) -> Reading:
    (folder / "t" / "_delta_log").mkdir(parents=True)
    (folder / "t" / "_delta_log" / f"{0:020d}.json").write_text("{")
    return Delta("t")


def _hollow(data: bytes) -> bytes:
    """The bytes with nothing in their middle."""
    return data[:4] + bytes(len(data) - 250) + data[-246:]


def _open(folder: Path) -> Reading:
    (folder / "in").mkdir()
    return Files(("in",))


def _closed(folder: Path) -> Reading:
    (folder / "in").mkdir()
    (folder / "in" / "a.csv").write_bytes(WHOLE)
    (folder / "in").chmod(0)
    return Files(("in/*.csv",))


def _closed_file(folder: Path) -> Reading:
    (folder / "a.csv").write_bytes(WHOLE)
    (folder / "a.csv").chmod(0)
    return Files(("a.csv",))


WIDE: Final = [b",".join(b"%s%d" % (what, number) for number in range(5000)) for what in (b"c", b"")]
ALL: Final = "select * from orders"
HALFWAY: Final = "select 1 / (3 - n) as id from generate_series(1, 5) as n"
CASES: Final[tuple[Case, ...]] = (
    Case("An empty CSV file", text(b""), "files.empty"),
    Case("A CSV file with its line of names only", text(HEAD), "", (0, 0, 0)),
    Case("A file that begins with a blank line", text(b"\n" + WHOLE), "files.header"),
    Case("Blank lines between rows and at the end", text(HEAD + ROW + b"\n2,2026-01-01,5\n\n"), "", (2, 0, 0)),
    Case("A row with too many fields", text(WHOLE + b"2,2026-01-01,5,6\n"), "files.ragged"),
    Case("A row with too few fields", text(WHOLE + b"2,2026-01-01\n"), "files.ragged"),
    Case("A quote inside of a field", text(WHOLE + b'2" pipe,2026-01-01,5\n'), "files.quote"),
    Case("A quote that is never closed", text(WHOLE + b'"2,2026-01-01,5\n'), "files.quote"),
    Case("Quotes that mean nothing, and say so", text(HEAD + b'2" pipe,2026-01-01,5\n', quote=""), "", (1, 0, 0)),
    Case("A NUL byte", text(WHOLE + b"2\0,2026-01-01,5\n"), "files.nul"),
    Case("A byte order mark", text(b"\xef\xbb\xbf" + WHOLE), "", (1, 0, 0)),
    Case("UTF-16 that nobody announced", text(WHOLE.decode().encode("utf-16")), "files.encoding"),
    Case("UTF-16 without its mark", text(WHOLE.decode().encode("utf-16-le")), "files.nul"),
    Case("UTF-16, announced", text(WHOLE.decode().encode("utf-16"), encoding="utf-16"), "", (1, 0, 0)),
    Case("Latin-1 that nobody announced", text(WHOLE + b"M\xfcller,2026-01-01,5\n"), "files.encoding"),
    Case("Latin-1, announced", text(HEAD + b"M\xfcller,2026-01-01,5\n", encoding="latin-1"), "", (1, 0, 0)),
    Case("Lines that end with a carriage return alone", text(WHOLE.replace(b"\n", b"\r")), "files.line-ends"),
    Case("Two columns of one name", text(b"id,at,size,id\n1,2026-01-01,5,1\n"), "files.header"),
    Case("A column without a name", text(b"id,at,\n1,2026-01-01,5\n"), "files.header"),
    Case("A column that is not declared", text(b"id,at,size,x\n1,2026-01-01,5,1\n"), "ingest.unknown-column"),
    Case("A column that is missing", text(b"id,size\n1,5\n"), "ingest.missing-column"),
    Case("5,000 columns", text(WIDE[0] + b"\n" + WIDE[1] + b"\n"), "ingest.missing-column"),
    Case("A field of 20 MB", text(HEAD + b"x" * 20_000_000 + b",2026-01-01,5\n"), "", (1, 0, 0)),
    Case("Two files with different columns", two(WHOLE, b"id,at\n2,2026-01-01\n"), "files.other-columns"),
    Case("Two files with the columns in another order", two(WHOLE, b"at,size,id\n2026-01-01,5,2\n"), "", (2, 0, 0)),
    Case("A value that is no number", text(WHOLE + b"2,2026-01-01,many\n"), "", (1, 1, 0)),
    Case("A gzip file", text(gzip.compress(WHOLE), "a.csv.gz"), "", (1, 0, 0)),
    Case("A gzip file that breaks off", text(gzip.compress(WHOLE)[:-9], "a.csv.gz"), "files.damaged"),
    Case("A file called .gz that is none", text(WHOLE, "a.csv.gz"), "files.damaged"),
    Case("An ending that says nothing", text(WHOLE, "a.dat"), "files.format"),
    Case("NDJSON with a line that breaks off", text(b'{"id":"1"}\n{"id":\n', "a.ndjson"), "files.unreadable"),
    Case("NDJSON with a line that is no object", text(b'{"id":"1"}\n7\n', "a.ndjson"), "files.unreadable"),
    Case("Parquet that lost its end", parquet(lambda data: data[:-20]), "files.damaged"),
    Case("Parquet with a damaged middle", parquet(_hollow), "files.unreadable"),
    Case("A file called .parquet that is none", text(WHOLE, "a.parquet"), "files.not-parquet"),
    Case("A pattern that nothing matches", other(Files(("*.csv",))), "files.no-match"),
    Case("A folder that is not there", other(Files(("in/*.csv",))), "files.no-folder"),
    Case("A folder that is a file", beside(Files(("a.csv/*.csv",))), "files.no-folder"),
    Case("A folder where files are wanted", _open, "files.is-folder"),
    Case("A folder that may not be read", _closed, "files.forbidden", nobody=True),
    Case("A file that may not be read", _closed_file, "files.forbidden", nobody=True),
    Case("An environment variable that is not set", other(Files(("env:LANDING/*.csv",))), "source.no-variable"),
    Case("A variable that holds no URL", other(Sql("env:SHOP", ALL)), "source.url", variables={"SHOP": "shop"}),
    Case("An SQLite file that is not there", other(Sql("sqlite:///shop.db", ALL)), "sql.no-file"),
    Case("A database file that is none", beside(Sql("sqlite:///a.csv", ALL)), "sql.no-file"),
    Case("A table that is not there, in SQLite", query("select * from customers"), "sql.refused"),
    Case("A query that is no SQL", query("selec 1"), "sql.refused"),
    Case("A query that writes", query("delete from orders"), "sql.refused"),
    Case("Two columns of a query with one name", query("select id, id, at, size from orders"), "sql.columns"),
    Case("SQLite values of several types in a column", query(ALL), "", (1, 1, 0)),
    Case("A database that does not answer", other(Sql("postgresql://x@127.0.0.1:1/shop", ALL)), "source.unreachable"),
    Case("A wrong password", other(Sql("env:WRONG", ALL)), "sql.not-connected", server=True),
    Case("A database that is not there", other(Sql("env:NOWHERE", ALL)), "sql.not-connected", server=True),
    Case("A table that is not there, in PostgreSQL", other(Sql("env:SHOP", ALL)), "sql.refused", server=True),
    Case("A query that writes, in PostgreSQL", other(Sql("env:SHOP", "create table t ()")), "sql.refused", server=True),
    Case("A query that fails in the middle", other(Sql("env:SHOP", HALFWAY)), "sql.refused", server=True),
    Case("A Delta table that is not there", other(Delta("t")), "delta.unreadable"),
    Case("A Delta table with a broken log", _broken_table, "delta.unreadable"),
)  # fmt: skip


def outcome(case: Case, folder: Path, server_url: str = "") -> tuple[AndonError | None, tuple[int, int, int]]:
    """What becomes of a case: its refusal, or its good, quarantined and duplicate rows.

    Every landed row is one of the three, else this fails.
    """
    reads = case.make(folder)
    wrong = server_url.replace("@", "x@"), server_url.replace("/postgres", "/nowhere")
    variables = {**(case.variables or {}), "SHOP": server_url or (case.variables or {}).get("SHOP", "")}
    variables |= {"WRONG": wrong[0], "NOWHERE": wrong[1]}
    scratch = folder.parent / f"{folder.name}-scratch"
    landed = folder.parent / f"{folder.name}.parquet"
    wanted = asked(
        reads, folder, scratch, variables=variables, window=(None, NOW_NS), now_ns=10 * 365 * DAY_NS + NOW_NS
    )
    try:
        with _nobody(case.nobody):
            brought = reader_of(reads)(wanted)
        assert brought.rows is not None
        land(brought.rows, landed, place="orders")
        counts = ingest(landed, CONTRACT, None, NOW_NS, scratch).counts
    except AndonError as refusal:
        return refusal, (0, 0, 0)
    assert counts.rows_in == counts.good + counts.quarantined + counts.duplicate
    return None, (counts.good, counts.quarantined, counts.duplicate)


@contextmanager
def _nobody(is_wanted: bool) -> Iterator[None]:
    """As an OS user that owns nothing; only root can become one, and any other user cannot read what it closed."""
    if not is_wanted or os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def page() -> str:
    """The page of the docs: a case a line, as the test finds it."""
    lines = [
        "# Bad input",
        "",
        "What becomes of input that is not as it should be. A row that arrives is good, quarantined with its",
        "reasons, or a duplicate, and is counted as one of them; whatever cannot be read as rows is refused as a",
        "whole, with the place, what was found there, and how to mend it. Nothing of a refused batch is published,",
        "and it is read again next time.",
        "",
        "Written by `python -m tests.bad_input` from the cases that `tests/test_bad_input.py` runs.",
        "",
        "| input | outcome |",
        "|---|---|",
    ]
    for case in CASES:
        good, quarantined, _ = case.becomes
        read = f"read: {good} good, {quarantined} quarantined" if quarantined else f"read: {good} good"
        lines.append(f"| {case.name} | {f'`{case.code}`' if case.code else read} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    PAGE.write_text(page())
