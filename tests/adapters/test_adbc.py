"""Queries against real databases: an SQLite file, and a PostgreSQL server of the tests."""

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from andon.adapters.adbc import read_sql
from andon.contracts.reading import Sql
from andon.kernel.errors import InputError, UsageError, WaitingError
from andon.line.ingest.query import numbered, parameters_of
from tests.adapters.source_asked import DAY_NS, asked
from tests.factories.online_servers import QUOTED, Server, postgres_server, tell

START = datetime(2026, 1, 1, tzinfo=UTC)
START_NS = 1_767_225_600 * 10**9
WINDOWED = "select id, at from orders where at >= :since and at < :until order by at"


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server with a table of ten orders, one a day."""
    with postgres_server() as server:
        tell(server, "create table orders (id text primary key, at timestamptz, size int, price numeric(9, 2))")
        for day in range(10):
            moment = (START + timedelta(days=day)).isoformat()
            tell(server, "insert into orders values (%(id)s, %(at)s, 5, 1.25)", {"id": f"o{day}", "at": moment})
        yield server


@pytest.fixture
def shop(tmp_path) -> Path:
    """A folder with an SQLite file of the same orders."""
    with closing(sqlite3.connect(tmp_path / "shop.db")) as link, link:
        link.execute("create table orders (id text, at text, size int)")
        days = [(f"o{day}", f"{START + timedelta(days=day):%Y-%m-%d %H:%M:%S}", 5) for day in range(10)]
        link.executemany("insert into orders values (?, ?, ?)", days)
    return tmp_path


def read(reads: Sql, folder: Path, **given) -> pl.DataFrame:
    with tempfile.TemporaryDirectory() as scratch:
        return read_sql(asked(reads, folder, Path(scratch) / "s", **given)).rows.collect()


def day(number: int) -> int:
    return START_NS + number * DAY_NS


def test_windows_of_sqlite_join_without_gap_or_overlap(shop):
    reads = Sql("sqlite:///shop.db", WINDOWED)
    windows = [(None, day(3)), (day(3), day(3) + 1), (day(3) + 1, day(7)), (day(7), day(99))]
    found = [read(reads, shop, window=window)["id"].to_list() for window in windows]
    assert [one for ids in found for one in ids] == [f"o{number}" for number in range(10)]
    assert found[0] == ["o0", "o1", "o2"]


def test_windows_of_postgres_join_without_gap_or_overlap(postgres, tmp_path):
    reads = Sql("env:SHOP", WINDOWED)
    windows = [(None, day(3)), (day(3), day(3) + 1000), (day(3) + 1000, day(7)), (day(7), day(99))]
    found = [
        read(reads, tmp_path, window=window, variables={"SHOP": postgres.url})["id"].to_list() for window in windows
    ]
    assert found == [["o0", "o1", "o2"], ["o3"], ["o4", "o5", "o6"], ["o7", "o8", "o9"]]


def test_types_of_postgres_arrive_as_what_a_contract_can_take(postgres, tmp_path):
    rows = read(Sql("env:SHOP", "select * from orders"), tmp_path, variables={"SHOP": postgres.url})
    assert rows.schema == {
        "id": pl.String, "at": pl.Datetime("us", "UTC"), "size": pl.Int32, "price": pl.String
    }  # fmt: skip
    assert rows["price"][0] == "1.25"


def test_a_query_cannot_write(postgres, shop):
    for reads in (Sql("env:SHOP", "delete from orders returning id"), Sql("sqlite:///shop.db", "delete from orders")):
        with pytest.raises(InputError) as caught:
            read(reads, shop, variables={"SHOP": postgres.url})
        assert caught.value.code == "sql.refused"
    assert tell(postgres, "select count(*) from orders") == [(10,)]


def test_numbers_of_seconds_are_bound_as_such(shop):
    reads = Sql("sqlite:///shop.db", "select :since as since, :until as until", "s")
    assert read(reads, shop, window=(day(1), day(2) + 1)).row(0) == (day(1) // 10**9, day(2) // 10**9)


def test_a_database_that_is_away_is_waited_for_and_a_wrong_password_is_not(postgres, tmp_path):
    reads = Sql("env:SHOP", "select 1 as x")
    wrong = postgres.url.replace(QUOTED, "wrong-secret")
    with pytest.raises(InputError) as refused:
        read(reads, tmp_path, variables={"SHOP": wrong})
    assert refused.value.code == "sql.not-connected"
    assert "wrong-secret" not in str(refused.value)
    for away in (f"postgresql://a:{QUOTED}@127.0.0.1:1/x", f"postgresql://a:{QUOTED}@127.0.0.1:1/x?sslmode=disable"):
        with pytest.raises(WaitingError) as waits:
            read(reads, tmp_path, variables={"SHOP": away})
        assert waits.value.code == "source.unreachable"
        assert QUOTED not in str(waits.value)


def test_parameters_stand_only_where_they_are_meant():
    query = """select 'at :since', "x:until", a::text, b -- :other
        /* :more */ from t where at >= :since and c = $$ :until $$ and d <> $q$:x$q$ and at < :until;"""
    assert parameters_of(query) == ("since", "until")
    written = numbered(query, "$")
    assert written.endswith("at < $2")
    assert ">= $1 and" in written
    assert "'at :since'" in written
    assert "a::text" in written
    assert parameters_of("select 1") == ()
    for bad, code in (("select :name", "source.parameter"), ("select 1; drop table t", "source.statements")):
        with pytest.raises(UsageError) as caught:
            parameters_of(bad)
        assert caught.value.code == code


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20))
def test_whatever_stands_in_a_text_of_a_query_stays_there(shop, text):
    quoted = text.replace("'", "''")
    rows = read(Sql("sqlite:///shop.db", f"select '{quoted}' as x, :until as u", "ns"), shop, window=(0, 7))
    assert rows.row(0) == (text, 7)
