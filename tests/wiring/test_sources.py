"""Sources without a function, through the whole ingest run: the keyless child, the data gate, and what is told."""

import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from deltalake import write_deltalake

from andon.kernel.errors import InputError, WaitingError
from andon.runtime.landing import PAUSES_S, UNREACHABLE, Wanted, files_of, land_rows
from andon.wiring.calls.datasets import quarantine_of
from andon.wiring.calls.declaring import declare_and_keep
from andon.wiring.calls.reconciling import reconcile
from andon.wiring.children import environment
from andon.wiring.factory import open_factory
from tests.wiring.source_factory import SourceFactory

HEAD = "id,at,size,note\n"
SOON = 'settle="0s"'


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """A folder for a factory, with people and keys of its own."""
    monkeypatch.setenv("ANDON_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ANDON_AS", "ada")
    folder = tmp_path / "orders"
    (folder / "landing").mkdir(parents=True)
    return folder


def published(folder: Path) -> tuple[pl.DataFrame, list[str]]:
    """The published rows, and the names of the files that the last batch came from."""
    with open_factory(folder) as opened:
        manifests = opened.database.manifests
        version = manifests.get(opened.database.refs.get("dataset/orders/Order").digest)
        rows = [pl.read_parquet(opened.blobs.local(item.sha256)) for item in version.content]
        batch = manifests.get(version.inputs_of("batch")[0])
        return pl.concat(rows), [file.name for file in files_of(batch)]


def test_each_file_is_landed_once_and_a_changed_one_again(place):
    factory = SourceFactory.found(place, 'files("landing/*.csv")', SOON)
    (place / "landing" / "a.csv").write_text(HEAD + "1,2026-01-01,5,x\n2,2026-01-02,6,\n")
    assert factory.run().exit_code == 0
    assert [*published(place)[0]["id"]] == ["1", "2"]
    factory.run()
    assert factory.told[-1] == "order: nothing new to read"
    (place / "landing" / "b.csv").write_text("note,size,at,id\n,7,2026-01-03,3\n")
    factory.run()
    rows, files = published(place)
    assert [*rows["id"]] == ["1", "2", "3"]
    assert files == ["b.csv"]
    (place / "landing" / "a.csv").write_text(HEAD + "1,2026-01-01,5,x\n2,2026-01-02,6,\n4,2026-01-04,8,\n")
    factory.run()
    rows, files = published(place)
    assert [*rows["id"]] == ["1", "2", "3", "4"]
    assert files == ["a.csv"]
    assert "in 3 good 1 quarantined 0 duplicate 2" in " ".join(factory.told)
    os.utime(place / "landing" / "a.csv")
    factory.run()
    assert factory.told[-1] == "order: nothing new to read"


def test_files_that_stop_coming_break_the_promise_to_be_fresh(place):
    """Nothing new to read is what a dead source looks like, too."""
    factory = SourceFactory.found(place, 'files("landing/*.csv")', SOON)
    (place / "landing" / "a.csv").write_text(HEAD + "1,2026-01-01,5,x\n")
    assert factory.run().exit_code == 0
    factory.write('files("landing/*.csv")', f'{SOON}, fresh="1h"')
    assert factory.run().exit_code == 4
    assert "nothing new to read" in " ".join(factory.told)
    assert [*published(place)[0]["id"]] == ["1"]
    factory.write('files("landing/*.csv")', f'{SOON}, fresh="20000d"')
    assert factory.run().exit_code == 0


def test_nothing_is_lost_when_the_gate_refuses(place):
    factory = SourceFactory.found(place, 'files("landing/*.csv")', SOON)
    file = place / "landing" / "a.csv"
    file.write_text(HEAD + "1,2026-01-01,many,x\n")
    assert factory.run().exit_code == 4
    file.write_text(HEAD + "1,2026-01-01,5,x\n")
    assert factory.run().exit_code == 0
    assert published(place)[0].height == 1


def test_a_refusal_of_a_file_names_file_line_and_way_out(place):
    factory = SourceFactory.found(place, 'files("landing/*.csv")', SOON)
    (place / "landing" / "a.csv").write_text(HEAD + "1,2026-01-01,5,x\n2,2026-01-02\n")
    with pytest.raises(InputError) as caught:
        factory.run()
    assert caught.value.code == "files.ragged"
    assert caught.value.place.endswith("a.csv:3")
    assert caught.value.fix


def shop(folder: Path, *rows: tuple[str, str, object]) -> None:
    """Orders in an SQLite file."""
    with closing(sqlite3.connect(folder / "shop.db")) as link, link:
        link.execute("create table if not exists orders (id text, at text, size int, note text)")
        link.executemany("insert into orders values (?, ?, ?, null)", rows)


QUERY = 'sql("env:SHOP_DB", "select * from orders where at >= :since and at < :until")'


def test_a_query_is_asked_for_windows_and_a_lag_brings_what_came_late(place, monkeypatch):
    monkeypatch.setenv("SHOP_DB", f"sqlite:///{place}/shop.db")
    factory = SourceFactory.found(place, QUERY, 'lag="2d", settle="1h"')
    shop(place, ("a", "2026-01-01 00:00:00", 1), ("b", "2026-01-09 22:59:59", 2), ("c", "2026-01-09 23:00:00", 3))
    factory.run(as_of="2026-01-10")
    assert {*published(place)[0]["id"]} == {"a", "b"}  # the newest hour is left alone
    shop(place, ("late", "2026-01-08 00:00:00", 4), ("too late", "2026-01-02 00:00:00", 5))
    factory.run(as_of="2026-01-11")
    assert {*published(place)[0]["id"]} == {"a", "b", "c", "late"}
    assert "order: in 3 good 2 quarantined 0 duplicate 1" in factory.told
    found = reconcile(place, "order", factory.told.append)
    assert found.differing == [["2026-01-02", "1", "0", "0", "1", "0"]]
    assert found.until == "2026-01-10T23:00:00Z"
    assert len(found.rows) == 4


def test_files_are_reconciled_with_what_came_of_them(place):
    factory = SourceFactory.found(place, 'files("landing/*.csv")', SOON)
    factory.write('files("landing/*.csv")', SOON, "checks.quarantined_at_most(0.9)")
    (place / "landing" / "a.csv").write_text(HEAD + "1,2026-01-01,5,x\n2,2026-01-01,5000,x\n3,2026-01-02,5,x\n")
    assert factory.run().exit_code == 0
    quarantine = quarantine_of(place, "Order", 5)
    assert quarantine.columns[:3] == ["row", "reasons", "file"]
    assert quarantine.rows[0][2] == "a.csv:3"
    assert reconcile(place, "order", factory.told.append).rows == [
        ["2026-01-01", "2", "1", "1", "0", "0"],
        ["2026-01-02", "1", "1", "0", "0", "0"],
    ]
    (place / "landing" / "a.csv").write_text(HEAD + "1,2026-01-01,5,x\n")
    assert reconcile(place, "order", factory.told.append).differing == [["2026-01-02", "0", "1", "0", "0", "1"]]


def test_a_delta_table_is_read_at_each_of_its_versions_once(place):
    factory = SourceFactory.found(place, 'delta("table")')
    rows = pl.DataFrame({"id": ["1"], "at": ["2026-01-01"], "size": [5], "note": ["x"]})
    write_deltalake(place / "table", rows)
    assert factory.run().exit_code == 0
    factory.run()
    assert factory.told[-1] == "order: nothing new to read"
    write_deltalake(place / "table", rows.with_columns(id=pl.lit("2")), mode="append")
    factory.run()
    assert [*published(place)[0]["id"]] == ["1", "2"]


def test_a_source_that_brings_other_columns_than_it_did_is_told_as_such(place):
    factory = SourceFactory.found(place, 'files("landing/*")', SOON)
    good = pl.DataFrame({"id": ["1"], "at": ["2026-01-01"], "size": [5], "note": ["x"]})
    good.write_parquet(place / "landing" / "a.parquet")
    factory.run()
    good.with_columns(id=pl.lit("2"), size=pl.lit(7.0)).write_parquet(place / "landing" / "b.parquet")
    assert factory.run().exit_code == 0  # of another type, and every value is still what it should be
    odd = {
        "came": good.with_columns(price=1.5),
        "went": good.drop("note"),
        "changed": good.with_columns(size=pl.Series([b"x"])),
        "wrong": good.with_columns(size=pl.lit("many")),
    }
    for name, frame in odd.items():
        frame.with_columns(id=pl.lit(name)).write_parquet(place / "landing" / "c.parquet")
        with pytest.raises(InputError) as caught:
            factory.run()
        assert caught.value.code == ("ingest.wrong-type" if name == "changed" else "ingest.schema-changed")
        assert caught.value.fix
    assert "size: Float64 before, String now" in caught.value.found


def test_a_source_that_is_away_is_asked_again_and_then_waited_for(place, monkeypatch):
    monkeypatch.setenv("SHOP_DB", "postgresql://a:geheim@127.0.0.1:1/x")
    factory = SourceFactory.found(place, QUERY)
    with open_factory(place) as opened:
        declaration, _ = declare_and_keep(opened.settings, opened.children, opened.blobs)
        pauses: list[float] = []
        line = replace(opened.line(declaration), wait=pauses.append)
        wanted = Wanted(line.source("order"), line.contracts["Order"], None, None, 10**18)
        with pytest.raises(WaitingError) as caught:
            land_rows(line, wanted, factory.told.append)
    assert caught.value.code == UNREACHABLE
    assert pauses == list(PAUSES_S)
    assert "Asked again in 25 s." in factory.told[-1]
    assert "geheim" not in f"{factory.told} {caught.value}"


def test_a_process_gets_the_variables_that_its_source_names_and_no_others(place, monkeypatch):
    monkeypatch.setenv("SHOP_DB", "x")
    monkeypatch.setenv("OTHER", "y")
    given = environment(place, 1, ("SHOP_DB", "MISSING"))
    assert given["SHOP_DB"] == "x"
    assert not {"OTHER", "MISSING"} & set(given)
    assert "SHOP_DB" not in environment(place, 1)


def test_a_variable_cannot_replace_what_every_process_gets(place, monkeypatch):
    monkeypatch.setenv("HOME", "/elsewhere")
    assert environment(place, 1, ("HOME", "PATH"))["HOME"] == str(place)
