"""What a source reads without a function, as it is declared: data, without a secret, under a name that gates know."""

from pathlib import Path

import pytest

from andon import Contract, Factory, Window, category, checks, delta, event_time, files, sql
from andon.api.registered import Ingest
from andon.contracts.declaration import Source
from andon.contracts.reading import Delta, Files, Sql, variables_of
from andon.contracts.wire import from_json, to_json
from andon.kernel.canonical import dumps, loads
from andon.kernel.errors import UsageError


class RawScan(Contract):
    parcel = category(key=True)
    scanned = event_time(known_after="0s")


def factory() -> Factory:
    return Factory("parcels", owner="ops", purpose="Test")


def test_a_source_without_a_function_is_a_value_that_gates_take():
    made = factory()
    scans = made.ingest(RawScan, files("landing/*.csv", null_values=("NA",)), every="1h", settle="1m", owner="yard")
    assert isinstance(scans, Ingest)
    assert (scans.name, scans.owner, scans.settle_ns) == ("raw_scan", "yard", 60 * 10**9)
    made.data_gate(scans, require=[checks.schema])
    assert "data:raw_scan" in made.registered.gates
    named = factory().ingest(RawScan, sql("env:YARD", "select 1"), every="1h", name="scans", lag="2h")
    assert (named.name, named.lag_ns, named.settle_ns) == ("scans", 7200 * 10**9, 0)


def test_the_decorator_stays_as_it_was_and_takes_lag_and_settle():
    made = factory()

    @made.ingest(RawScan, every="1h", lag="2h", settle="1m")
    def scans(window: Window):
        return None

    known = made.registered.sources["scans"]
    assert (known.reads, known.lag_ns, known.settle_ns) == (None, 7200 * 10**9, 60 * 10**9)


@pytest.mark.parametrize(
    "reads",
    [
        files("a/*.csv", "env:IN/b.tsv", separator=";", quote="", columns=("x", "y"), encoding="latin-1"),
        files("x", format="parquet"),
        sql("env:SHOP", "select * from t where at < :until", moments="s"),
        sql("postgresql://reader@db/shop", "select 1"),
        delta("env:LAKE/orders", version=3),
    ],
)
def test_a_declared_source_is_data(reads):
    source = Source("s", "RawScan", "ops", 1, "sha256:00", reads, 2, 3)
    assert from_json(Source, loads(dumps(to_json(source)))) == source


def test_a_source_names_the_variables_that_its_process_gets():
    assert variables_of(Files(("a.csv", "env:IN/x/*.csv", "env:IN/y", "env:OTHER"))) == ("IN", "OTHER")
    assert variables_of(Sql("env:SHOP_DB", "select 1")) == ("SHOP_DB",)
    assert variables_of(Sql("sqlite:///a.db", "select 'env:NO'")) == ()
    assert variables_of(Delta("env:LAKE/t")) == ("LAKE",)


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: sql("postgresql://reader:geheim@db/shop", "select 1"), "source.secret"),
        (lambda: sql("postgresql://db/shop?user=a&password=geheim", "select 1"), "source.secret"),
        (lambda: sql("mysql://db/shop", "select 1"), "source.url"),
        (lambda: sql("shop.db", "select 1"), "source.url"),
        (lambda: sql("env:SHOP DB", "select 1"), "source.variable"),
        (lambda: sql("env:SHOP", "select :customer"), "source.parameter"),
        (lambda: sql("env:SHOP", "select 1", moments="days"), "source.moments"),
        (files, "source.path"),
        (lambda: files("a.xls", format="xls"), "source.format"),
        (lambda: files("a.csv", separator="||"), "source.separator"),
        (lambda: files("a.csv", quote="'' "), "source.quote"),
        (lambda: files("a.csv", encoding="klingon"), "source.encoding"),
        (lambda: files("a.csv", columns=("a", "a")), "source.columns"),
        (lambda: delta("t", version=-1), "source.delta"),
        (lambda: factory().ingest(RawScan, "a.csv", every="1h"), "factory.reading"),
        (lambda: factory().ingest(RawScan, files("a.csv"), every="1h", name="Raw Scan"), "factory.name"),
        (lambda: factory().ingest(RawScan, files("a.csv"), every="1h", lag="1d"), "factory.lag"),
    ],
)
def test_what_cannot_be_read_is_refused_where_it_is_written(make, code):
    with pytest.raises(UsageError) as caught:
        make()
    assert caught.value.code == code
    assert Path(__file__).name in caught.value.place
    assert caught.value.fix
    assert "geheim" not in str(caught.value)
