import hashlib
import io
import struct
import time
from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.kernel.digest import of_value
from andon.kernel.errors import InputError
from andon.measures.logical import logical_digest, parquet_bytes

INT64 = st.integers(-(2**63), 2**63 - 1)
KINDS = {
    "int": (pl.Int64, INT64),
    "float": (pl.Float64, st.floats()),
    "bool": (pl.Boolean, st.booleans()),
    "text": (pl.String, st.text(st.characters(codec="utf-8"), max_size=6)),
    "time": (pl.Datetime("ns", "UTC"), INT64),
}


@st.composite
def frames(draw, min_rows=0):
    rows = draw(st.integers(min_rows, 8))
    columns = []
    for index, kind in enumerate(draw(st.lists(st.sampled_from(sorted(KINDS)), max_size=4))):
        dtype, values = KINDS[kind]
        cells = draw(st.lists(st.none() | values, min_size=rows, max_size=rows))
        physical = pl.Int64 if kind == "time" else dtype
        columns.append(pl.Series(f"c{index}", cells, dtype=physical).cast(dtype))
    return pl.DataFrame(columns)


def slow_digest(frame):
    """The same form, cell by cell in plain Python."""
    columns = {}
    for column in frame.iter_columns():
        kind = {pl.Int64: "int", pl.Float64: "float", pl.Boolean: "bool", pl.String: "text"}.get(
            column.dtype, "time:UTC"
        )
        cells = (column.to_physical() if kind == "time:UTC" else column).to_list()
        parts = {"valid": b"", "values": b""} | ({"lengths": b""} if kind == "text" else {})
        for cell in cells:
            parts["valid"] += bytes([cell is not None])
            if kind == "text":
                data = (cell or "").encode()
                parts["lengths"] += struct.pack("<q", len(data))
                parts["values"] += data
            elif kind == "float":
                value = 0.0 if cell in (None, 0.0) else cell
                parts["values"] += struct.pack("<d", float("nan") if value != value else value)
            elif kind == "bool":
                parts["values"] += bytes([bool(cell)])
            else:
                parts["values"] += struct.pack("<q", cell or 0)
        columns[column.name] = {"type": kind} | {n: hashlib.sha256(p).hexdigest() for n, p in parts.items()}
    return of_value({"form": "ld1", "rows": frame.height, "columns": columns})


@given(frames())
@settings(max_examples=150, deadline=None)
def test_the_digest_is_what_a_reading_cell_by_cell_gives(frame):
    assert logical_digest(frame) == slow_digest(frame)


@given(frames(min_rows=2), st.integers(1, 7), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_chunks_files_and_the_order_of_columns_do_not_change_the_digest(frame, cut, random):
    expected = logical_digest(frame)
    rechunked = pl.concat([frame[:cut], frame[cut:]], rechunk=False)
    assert logical_digest(rechunked) == expected
    file = io.BytesIO()
    frame.write_parquet(file, row_group_size=cut, compression="snappy")
    file.seek(0)
    assert logical_digest(pl.read_parquet(file)) == expected
    names = list(frame.columns)
    random.shuffle(names)
    assert logical_digest(frame.select(names)) == expected


@given(frames(min_rows=2), st.data())
@settings(max_examples=100, deadline=None)
def test_any_other_cell_gives_another_digest(frame, data):
    if not frame.width:
        return
    name = data.draw(st.sampled_from(frame.columns))
    row = data.draw(st.integers(0, frame.height - 1))
    cells = frame[name].to_physical().to_list()
    dtype = frame[name].to_physical().dtype
    kind = {pl.Int64: "int", pl.Float64: "float", pl.Boolean: "bool", pl.String: "text"}[dtype]
    other = data.draw(st.none() | KINDS[kind][1])
    same = cells[row] == other or (cells[row] != cells[row] and other is not None and other != other)
    cells[row] = other
    changed = frame.with_columns(pl.Series(name, cells, dtype=dtype).cast(frame[name].dtype))
    assert (logical_digest(changed) == logical_digest(frame)) is same


def test_null_zero_empty_and_nan_all_differ():
    def digests(values, dtype):
        return {logical_digest(pl.DataFrame({"a": pl.Series([value], dtype=dtype)})) for value in values}

    assert len(digests([None, 0.0, float("nan"), float("inf")], pl.Float64)) == 4
    assert len(digests([None, ""], pl.String)) == 2
    assert len(digests([None, False], pl.Boolean)) == 2
    assert len(digests([None, 0], pl.Int64)) == 2


def test_negative_zero_and_every_nan_are_normalised():
    def digest(bits):
        return logical_digest(pl.DataFrame({"a": np.array([bits], dtype="<u8").view("<f8")}))

    assert digest(0x8000000000000000) == digest(0)
    assert digest(0x7FF8000000000001) == digest(0xFFF8000000000000) == digest(0x7FF8000000000000)


def test_text_cannot_slide_from_one_row_to_the_next():
    assert logical_digest(pl.DataFrame({"a": ["ab", "c"]})) != logical_digest(pl.DataFrame({"a": ["a", "bc"]}))


def test_type_name_row_order_and_row_count_are_part_of_the_digest():
    frames = [
        pl.DataFrame({"a": [1, 0]}),
        pl.DataFrame({"a": [0, 1]}),
        pl.DataFrame({"b": [1, 0]}),
        pl.DataFrame({"a": [True, False]}),
        pl.DataFrame({"a": [1, 0, 0]}),
        pl.DataFrame({"a": pl.Series([1, 0]).cast(pl.Datetime("ns", "UTC"))}),
        pl.DataFrame({"a": pl.Series([1, 0]).cast(pl.Datetime("ns"))}),
        pl.DataFrame({"a": pl.Series([], dtype=pl.Int64)}),
        pl.DataFrame({"a": pl.Series([], dtype=pl.String)}),
        pl.DataFrame(),
    ]
    assert len({logical_digest(frame) for frame in frames}) == len(frames)


def test_a_narrower_type_that_says_the_same_has_the_same_digest():
    wide = pl.DataFrame({"n": [1, None], "x": [0.5, None], "t": ["a", None]})
    narrow = wide.cast({"n": pl.UInt8, "x": pl.Float32, "t": pl.Categorical})
    assert logical_digest(narrow) == logical_digest(wide)
    micro = pl.DataFrame({"t": [datetime(2013, 7, 1, tzinfo=UTC), None]})
    assert logical_digest(micro.cast(pl.Datetime("ns", "UTC"))) == logical_digest(micro)
    assert logical_digest(pl.DataFrame({"t": [date(2013, 7, 1)]})) != logical_digest(micro[:1])


def test_a_time_beyond_nanoseconds_and_a_type_without_a_contract_are_refused():
    with pytest.raises(InputError) as far:
        logical_digest(pl.DataFrame({"t": [datetime(9999, 1, 1, tzinfo=UTC)]}))
    assert far.value.code == "measures.time-out-of-range"
    doubles, unsigned = pl.Series([[1.0]], dtype=pl.Array(pl.Float64, 1)), pl.Series([1], dtype=pl.UInt64)
    for column in ([[1]], [{"a": 1}], [None], doubles, unsigned):
        with pytest.raises(InputError) as unknown:
            logical_digest(pl.DataFrame({"t": column}))
        assert unknown.value.code == "measures.unknown-type"


def test_the_digest_of_a_known_frame_never_changes():
    frame = pl.DataFrame({"i": [1, None], "f": [-0.0, 1.5], "b": [True, None], "s": ["ü", None]})
    assert logical_digest(frame) == slow_digest(frame)
    assert logical_digest(frame) == "sha256:35029294705899712b2443aa2d43c0555090e800148afef0445c60dc687440fe"


def test_a_column_of_more_rows_than_are_hashed_at_once_has_the_digest_of_its_whole_parts():
    rows = (1 << 20) + 5
    text = [str(n % 1013) for n in range(rows)]
    valid = hashlib.sha256(b"\x01" * rows).hexdigest()
    numbers = np.arange(rows, dtype="<i8")
    columns = {
        "i": {"type": "int", "valid": valid, "values": hashlib.sha256(numbers.tobytes()).hexdigest()},
        "s": {
            "type": "text",
            "valid": valid,
            "lengths": hashlib.sha256(np.array([len(t) for t in text], dtype="<i8").tobytes()).hexdigest(),
            "values": hashlib.sha256("".join(text).encode()).hexdigest(),
        },
    }
    expected = of_value({"form": "ld1", "rows": rows, "columns": columns})
    assert logical_digest(pl.DataFrame({"i": numbers, "s": text})) == expected


@given(frames(min_rows=2), st.integers(1, 7))
@settings(max_examples=40, deadline=None)
def test_parquet_bytes_read_back_as_the_frame_and_depend_on_it_alone(frame, cut):
    data = parquet_bytes(frame)
    assert pl.read_parquet(data).equals(frame, null_equal=True)
    assert pl.read_parquet(data).schema == frame.schema
    assert parquet_bytes(pl.concat([frame[:cut], frame[cut:]], rechunk=False)) == data


def test_parquet_bytes_of_many_row_groups_depend_on_the_frame_alone():
    rows = 300_000
    frame = pl.DataFrame({"i": np.arange(rows) * 7 % 1013, "f": np.sin(np.arange(rows))})
    frame = frame.with_columns(s=pl.col("i").cast(pl.String))
    data = parquet_bytes(frame)
    pieces = pl.concat([frame[n : n + 10_007] for n in range(0, rows, 10_007)], rechunk=False)
    assert parquet_bytes(pieces) == data
    assert parquet_bytes(pl.read_parquet(data)) == data


def test_a_million_rows_are_digested_in_seconds():
    rows = 1_000_000
    frame = pl.DataFrame({f"f{n}": np.arange(rows) * 0.1 + n for n in range(5)})
    frame = frame.with_columns(s=(pl.int_range(rows) % 1000).cast(pl.String))
    began = time.process_time()
    logical_digest(frame)
    assert time.process_time() - began < 10
