"""Texts, vectors and bytes are published as they landed, or are set aside so that they can be corrected."""

import base64
import io
import json
import struct

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.contracts.dataset import LONGEST_BYTES, Column, DatasetContract, contract_from_json
from andon.expressions import tree
from andon.expressions.functions import type_of
from andon.expressions.plan import FeaturePlan
from andon.kernel.errors import InputError
from andon.line.ingest.derive import derive
from andon.line.ingest.judge import judge_rows
from andon.line.ingest.stage import ingest, read_dataset
from andon.measures.logical import logical_digest, parquet_bytes

NOTE = DatasetContract(
    "Note",
    (
        Column("id", "int", "key"),
        Column("at", "time", "event_time"),
        Column("note", "text", nullable=True, pii=True),
        Column("body", "vector", nullable=True, size=3),
        Column("photo", "blob", nullable=True),
    ),
    known_after_ns=0,
)

VECTOR = pl.Array(pl.Float32, 3)
MOMENT = pl.Datetime("ns", "UTC")
SINGLE = st.floats(width=32, allow_nan=False, allow_infinity=False) | st.sampled_from([-0.0, 1e-45, 0.0])
VECTORS = st.none() | st.lists(SINGLE, min_size=3, max_size=3)
ROWS = st.lists(st.tuples(st.none() | st.text(), VECTORS, st.none() | st.binary()), min_size=1, max_size=8)


def landed(rows, inner=pl.Float32):
    """Raw rows as a source may bring them."""
    notes, bodies, photos = zip(*rows, strict=True)
    return pl.DataFrame(
        {
            "id": list(range(len(rows))),
            "at": pl.Series([0] * len(rows), dtype=pl.Int64).cast(MOMENT),
            "note": pl.Series(notes, dtype=pl.String),
            "body": pl.Series(bodies, dtype=pl.List(inner)),
            "photo": pl.Series(photos, dtype=pl.Binary),
        }
    )


def bits(value):
    return [struct.pack("f", each) for each in value] if isinstance(value, list) else value


def body(values, dtype):
    """What becomes of a raw column that is declared a vector of three: values, and reasons by row."""
    contract = DatasetContract("T", (Column("id", "int", "key"), Column("body", "vector", nullable=True, size=3)))
    judged = judge_rows(
        pl.DataFrame({"id": range(len(values)), "body": pl.Series(values, dtype=dtype)}), contract, now_ns=0
    )
    good = dict(zip(judged.good["id"], judged.good["body"].to_list(), strict=True))
    aside = dict(zip(judged.quarantined["_row"], judged.quarantined["_reasons"].to_list(), strict=True))
    return good, aside


@settings(max_examples=60, deadline=None)
@given(rows=ROWS, inner=st.sampled_from([pl.Float32, pl.Float64]), fixed=st.booleans())
def test_what_is_good_is_published_with_every_bit(tmp_path_factory, rows, inner, fixed):
    """A later reader would otherwise search by other embeddings than were written."""
    folder = tmp_path_factory.mktemp("note")
    raw = landed(rows, inner)
    raw = raw.with_columns(pl.col("body").list.to_array(3)) if fixed else raw
    raw.write_parquet(folder / "landed.parquet")
    done = ingest(folder / "landed.parquet", NOTE, None, 10**18, folder)
    assert done.counts.good == len(rows)
    table = read_dataset([(done.good_file, "sha256:a", 0)], NOTE).collect()
    found = table.sort("id").select("note", "body", "photo").rows()
    assert [tuple(map(bits, row)) for row in found] == [tuple(map(bits, row)) for row in rows]
    again = judge_rows(raw, NOTE, table.lazy(), now_ns=10**18)
    assert (again.counts.good, again.counts.duplicate) == (0, len(rows)), "the same rows once more are no news"


@settings(max_examples=60, deadline=None)
@given(rows=ROWS, pick=st.integers(0, 100), part=st.sampled_from(["note", "body", "photo"]))
def test_another_value_of_the_same_row_is_a_conflict_and_another_digest(rows, pick, part):
    before = judge_rows(landed(rows), NOTE, now_ns=10**18).good
    place = {"note": 0, "body": 1, "photo": 2}[part]
    odd = {"note": "odd\0", "body": [1.5, 2.5, -7.5], "photo": b"odd\xff"}[part]
    chosen = list(rows[pick % len(rows)])
    if chosen[place] == odd:
        return
    chosen[place] = odd
    changed = [tuple(chosen) if number == pick % len(rows) else row for number, row in enumerate(rows)]
    other = judge_rows(landed(changed), NOTE, now_ns=10**18).good
    names = [column.name for column in NOTE.columns]
    assert logical_digest(before.select(names)) != logical_digest(other.select(names))
    judged = judge_rows(landed(changed), NOTE, before.lazy(), now_ns=10**18)
    assert judged.quarantined["_reasons"].to_list() == [["identity.published"]]
    both = pl.concat([landed(rows), landed(changed)])
    assert judge_rows(both, NOTE, now_ns=10**18).counts.broken["identity.conflict"] == 2


@pytest.mark.parametrize(
    ("values", "dtype", "good", "bad"),
    [
        ([[1, 2, 3], [1, 2], [1, 2, 3, 4], [], None], pl.List(pl.Int64), {0: [1.0, 2.0, 3.0], 4: None}, {1, 2, 3}),
        ([[1.0, None, 3.0], [float("nan"), 1.0, 1.0], [float("inf"), 0.0, 0.0]], pl.List(pl.Float64), {}, {0, 1, 2}),
        ([[1e300, 0.0, 0.0], [1e-60, 0.0, 0.1]], pl.List(pl.Float64), {1: [0.0, 0.0, 0.10000000149011612]}, {0}),
        ([[None, None, None], None], pl.List(pl.Null), {1: None}, {0}),
        ([[1.0, None, 3.0], [1.0, 2.0, 3.0]], VECTOR, {1: [1.0, 2.0, 3.0]}, {0}),
        ([[1.0, 2.0], None], pl.Array(pl.Float64, 2), {1: None}, {0}),
        (
            ["[1, 2.5,-3e0]", " [ .5 , 1., +2 ]", "[1,2]", "[1,2,x]", "[1,2,NaN]", "[1,,2]", "1,2,3", "", "[[1,2,3]]"],
            pl.String,
            {0: [1.0, 2.5, -3.0], 1: [0.5, 1.0, 2.0]},
            set(range(2, 9)),
        ),
        ([None, None], pl.Null, {0: None, 1: None}, set()),
    ],
)  # fmt: skip
def test_a_vector_is_so_many_finite_numbers_or_the_row_is_set_aside(values, dtype, good, bad):
    found, aside = body(values, dtype)
    assert found == good
    assert aside == {number: ["body.type"] for number in bad}


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("body", pl.Float64),
        ("body", pl.Boolean),
        ("body", pl.Binary),
        ("body", pl.List(pl.String)),
        ("body", pl.Array(pl.Float32, (3, 3))),
        ("note", pl.Int64),
        ("note", pl.Binary),
        ("photo", pl.String),
        ("photo", pl.List(pl.UInt8)),
    ],
)
def test_a_column_that_can_never_be_what_it_was_declared_is_refused_as_a_whole(name, dtype):
    raw = landed([("a", [1.0, 2.0, 3.0], b"b")]).with_columns(pl.lit(None, dtype=dtype).alias(name))
    with pytest.raises(InputError) as error:
        judge_rows(raw, NOTE, now_ns=10**18)
    assert error.value.code == "ingest.wrong-type"
    assert error.value.place == name


@settings(max_examples=60, deadline=None)
@given(rows=ROWS)
def test_rows_that_were_set_aside_can_be_corrected_from_what_is_kept_of_them(rows):
    """Quarantine keeps text: read as JSON and base64 it must be the row again, to the last bit."""
    late = landed(rows).with_columns(pl.lit(2 * 10**18).cast(pl.Int64).cast(MOMENT).alias("at"))
    kept = judge_rows(late, NOTE, now_ns=10**18).quarantined
    assert kept.height == len(rows)
    frame = pl.read_parquet(io.BytesIO(parquet_bytes(kept)))
    for row, (note, vector, photo) in zip(frame.rows(named=True), rows, strict=True):
        assert row["note"] == note
        assert bits(None if row["body"] is None else json.loads(row["body"])) == bits(vector)
        assert (None if row["photo"] is None else base64.b64decode(row["photo"], validate=True)) == photo
    mended = frame.with_columns(pl.lit("1970-01-01").alias("at"), pl.col("photo").str.decode("base64"))
    good = judge_rows(mended.drop("_reasons", "_row"), NOTE, now_ns=10**18).good
    assert [tuple(map(bits, row)) for row in good.select("note", "body", "photo").rows()] == [
        tuple(map(bits, row)) for row in rows
    ]


def test_what_is_too_long_to_be_served_is_set_aside():
    long = LONGEST_BYTES + 1
    rows = [("a" * (long - 1), None, b"b" * (long - 1)), ("é" * (long // 2), None, None), (None, None, b"b" * long)]
    judged = judge_rows(landed(rows), NOTE, now_ns=10**18)
    assert judged.good["id"].to_list() == [0]
    assert judged.quarantined["_reasons"].to_list() == [["note.type"], ["photo.type"]]


def test_different_bad_values_of_one_row_are_a_conflict_and_equal_ones_are_not():
    contract = DatasetContract("T", (Column("id", "int", "key"), Column("body", "vector", nullable=True, size=3)))
    for values, reasons in (([[1.0], [2.0]], {"body.type", "identity.conflict"}), ([[1.0], [1.0]], {"body.type"})):
        raw = pl.DataFrame({"id": [1, 1], "body": values})
        found = judge_rows(raw, contract, now_ns=0).quarantined
        assert [set(row) for row in found["_reasons"]] == [reasons] * found.height


def test_a_derived_dataset_passes_them_on():
    rows = [("a", [0.1, -0.0, 1e-45], b"\xff"), (None, None, None)]
    good = judge_rows(landed(rows), NOTE, now_ns=10**18).good
    table = good.with_columns(_object=pl.lit("sha256:a")).lazy()
    out = DatasetContract("Out", (*NOTE.columns[:2], Column("known", "time", "known_at"), *NOTE.columns[2:]))
    features = tuple((c.name, tree.column("Note", c.name, type_of(c))) for c in NOTE.columns)
    made = derive(FeaturePlan("Note", "at", features), out, {"Note": table}, 0)
    judged = judge_rows(made, out, now_ns=10**18)
    assert judged.quarantined.is_empty()
    names = ["note", "body", "photo"]
    assert [tuple(map(bits, row)) for row in judged.good.select(names).rows()] == [
        tuple(map(bits, row)) for row in good.select(names).rows()
    ]


def test_a_contract_says_the_size_of_its_vectors_and_reads_it_back():
    """A contract without vectors is the same JSON as before there were any."""
    written = NOTE.to_json()
    assert contract_from_json(written) == NOTE
    assert [("size" in column) for column in written["columns"]] == [False, False, False, True, False]
    for size in (0, -1, 2**14 + 1, True, "3", 1.5, None):
        columns = [{**column, "size": size} if column["kind"] == "vector" else column for column in written["columns"]]
        with pytest.raises(InputError):
            contract_from_json({**written, "columns": columns})
    with pytest.raises(InputError):
        contract_from_json({**written, "columns": [{**written["columns"][0], "size": 3}]})


def frame(values, dtype):
    return pl.DataFrame({"a": pl.Series(values, dtype=dtype)})


def test_the_digest_tells_vectors_and_bytes_apart_and_zero_from_null():
    assert len({logical_digest(frame([value], pl.Binary)) for value in (None, b"", b"\0", b"\0\0")}) == 4
    assert logical_digest(frame([b"ab", b"c"], pl.Binary)) != logical_digest(frame([b"a", b"bc"], pl.Binary))
    assert logical_digest(frame([b"ab"], pl.Binary)) != logical_digest(frame(["ab"], pl.String))
    vectors = ([0.0] * 3, None, [0.0, 0.0, 1e-45], [float("nan")] * 3)
    assert len({logical_digest(frame([value], VECTOR)) for value in vectors}) == 4
    assert logical_digest(frame([[0.0] * 3], VECTOR)) == logical_digest(frame([[-0.0] * 3], VECTOR))
    wide = (frame([[1.0] * width] * 2, pl.Array(pl.Float32, width)) for width in (1, 2, 3))
    assert len({logical_digest(one) for one in wide}) == 3
    chunked = pl.concat([frame([[1.0, 2.0, 3.0]], VECTOR), frame([None], VECTOR)])
    assert logical_digest(chunked) == logical_digest(chunked.rechunk())
    assert parquet_bytes(chunked) == parquet_bytes(chunked.rechunk())
