"""Every landed row is good, quarantined with all its reasons, or a duplicate: as plain Python and DuckDB judge it."""

from collections import Counter, defaultdict
from datetime import UTC, datetime

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.contracts.dataset import Column, DatasetContract, Rule
from andon.expressions.functions import Type
from andon.expressions.tree import apply, column, literal, to_json
from andon.kernel.errors import InputError, IntegrityError
from andon.line.ingest.judge import Counts, Judged, check_complete, judge_rows

SECOND = 10**9
NOW = int(datetime(2013, 6, 1, tzinfo=UTC).timestamp()) * SECOND
SKEW = 300 * SECOND
UTC_NS = pl.Datetime("ns", "UTC")
INT, TIME = Type("int"), Type("time")

RANGE = to_json(
    apply(
        "and",
        apply("ge", column("Trip", "distance", INT), literal(0, INT)),
        apply("le", column("Trip", "distance", INT), literal(100, INT)),
    )
)
ORDER = to_json(apply("ge", column("Trip", "ends", TIME), column("Trip", "at", TIME)))
TRIP = DatasetContract(
    "Trip",
    (
        Column("trip", "category", "key"),
        Column("at", "time", "event_time"),
        Column("known", "time", "known_at"),
        Column("distance", "int"),
        Column("wind", "float", nullable=True),
        Column("ends", "time", nullable=True),
        Column("ticket", "int", nullable=True),
    ),
    (
        Rule("distance.range", "row", "quarantine", ("distance",), RANGE),
        Rule("ends_after_at", "row", "quarantine", ("ends", "at"), ORDER),
        Rule("trip.identity", "unique", "quarantine", ("trip", "at")),
        Rule("ticket.unique", "unique", "quarantine", ("ticket",)),
    ),
)
NAMES = [c.name for c in TRIP.columns]

moments = st.sampled_from([NOW - 2 * SECOND, NOW - SECOND, NOW, NOW + SKEW, NOW + SKEW + 1])
landed_rows = st.lists(
    st.fixed_dictionaries(
        {
            "trip": st.sampled_from(["a", "b", None]),
            "at": st.one_of(st.none(), moments),
            "known": st.one_of(st.none(), moments),
            "distance": st.sampled_from(["5", "5.0", "6", "-1", "101", "far", "near", None]),
            "wind": st.sampled_from([1.5, 0.0, -0.0, float("nan"), None]),
            "ends": st.one_of(st.none(), moments),
            "ticket": st.sampled_from([1, 2, 3, None]),
        }
    ),
    max_size=9,
)


def frame_of(rows):
    schema = {"trip": pl.String, "at": UTC_NS, "known": UTC_NS, "distance": pl.String, "wind": pl.Float64}
    schema |= {"ends": UTC_NS, "ticket": pl.Int32}
    columns = {name: pl.Series(name, [row[name] for row in rows], dtype=pl.Int64) for name in ("at", "known", "ends")}
    data = {name: columns.get(name, [row[name] for row in rows]) for name in NAMES}
    return pl.DataFrame(data, schema_overrides={n: t for n, t in schema.items() if n not in columns}).cast(
        dict.fromkeys(columns, UTC_NS)
    )


def typed_of(row):
    """A row's values as Python would read them, and the raw text of what cannot be read."""
    text, wind = row["distance"], row["wind"]
    distance = int(float(text)) if text not in (None, "far", "near") else None
    failed = text if text in ("far", "near") else None
    wind = None if wind is None or wind != wind else wind
    return (row["trip"], row["at"], row["known"], distance, wind, row["ends"], row["ticket"]), failed


def oracle(rows, published):
    """Reasons per row, and which rows are duplicates: the rules again, one row at a time."""
    typed = [typed_of(row) for row in rows]
    old = {values[:2]: values for values in published}
    groups, tickets = defaultdict(set), defaultdict(set)
    for values, failed in typed:
        groups[values[:2]].add((values, failed))
        tickets[values[6]].add((values, failed))
    reasons, duplicate, seen = [], [], set()
    for values, failed in typed:
        trip, at, known, distance, _, ends, ticket = values
        has_key = trip is not None and at is not None
        differs = has_key and values[:2] in old and (failed is not None or old[values[:2]] != values)
        taken = any(other[6] == ticket and other[:2] != values[:2] for other in published)
        found = {
            "distance.type": failed is not None,
            "trip.null": trip is None,
            "at.null": at is None,
            "known.null": known is None,
            "distance.null": distance is None and failed is None,
            "distance.range": distance is None or not 0 <= distance <= 100,
            "ends_after_at": ends is None or at is None or ends < at,
            "future_event": at is not None and at > NOW + SKEW,
            "known_at.before_event": None not in (at, known) and known < at,
            "identity.conflict": has_key and len(groups[values[:2]]) > 1,
            "identity.published": differs,
            "ticket.unique": ticket is not None and (len(tickets[ticket]) > 1 or taken),
        }
        reasons.append({reason for reason, holds in found.items() if holds})
        is_repeat = not reasons[-1] and (values in seen or old.get(values[:2]) == values)
        duplicate.append(is_repeat)
        seen.add(values)
    return reasons, duplicate


def publish(rows):
    """Good rows of an earlier batch, as Python values and as a frame."""
    good = judge_rows(frame_of(rows), TRIP, now_ns=NOW).good
    values = [tuple(row) for row in good.select(pl.col(NAMES).to_physical()).rows()]
    return values, good.lazy()


def values_of(frame):
    return Counter(frame.select(pl.col(NAMES).to_physical()).rows())


@given(landed_rows, landed_rows)
@settings(max_examples=150, deadline=None)
def test_verdicts_and_reasons_are_those_of_plain_python(rows, earlier):
    published, published_frame = publish(earlier)
    judged = judge_rows(frame_of(rows), TRIP, published_frame, now_ns=NOW)
    reasons, duplicate = oracle(rows, published)
    good = [i for i in range(len(rows)) if not reasons[i] and not duplicate[i]]
    assert judged.good["_row"].to_list() == good
    assert judged.good.select(pl.col(NAMES).to_physical()).rows() == [typed_of(rows[i])[0] for i in good]
    found = {row["_row"]: row["_reasons"] for row in judged.quarantined.to_dicts()}
    assert {i: set(r) for i, r in found.items()} == {i: r for i, r in enumerate(reasons) if r}
    assert all(len(set(r)) == len(r) for r in found.values())
    counts = judged.counts
    assert counts.duplicate == sum(duplicate)
    assert counts.rows_in == len(rows) == counts.good + counts.quarantined + counts.duplicate
    for reason, times in Counter(reason for r in reasons for reason in r).items():
        assert counts.broken[reason] == times
    assert counts.broken["trip.identity"] == sum(bool(r & {"identity.conflict", "identity.published"}) for r in reasons)


@given(landed_rows, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_order_of_landing_changes_neither_the_good_rows_nor_the_counts(rows, random):
    first = judge_rows(frame_of(rows), TRIP, now_ns=NOW)
    random.shuffle(rows)
    second = judge_rows(frame_of(rows), TRIP, now_ns=NOW)
    assert values_of(first.good) == values_of(second.good)
    assert first.counts == second.counts


@given(landed_rows)
@settings(max_examples=50, deadline=None)
def test_the_same_batch_again_adds_nothing(rows):
    frame = frame_of(rows)
    first = judge_rows(frame, TRIP, now_ns=NOW)
    again = judge_rows(frame, TRIP, first.good.lazy(), now_ns=NOW)
    assert again.good.is_empty()
    assert again.counts.duplicate == first.counts.good + first.counts.duplicate


@given(landed_rows)
@settings(max_examples=50, deadline=None)
def test_quarantined_rows_keep_what_the_source_said(rows):
    frame = frame_of(rows)
    quarantined = judge_rows(frame, TRIP, now_ns=NOW).quarantined
    raw = frame[quarantined["_row"].to_list()].select(pl.all().cast(pl.String))
    assert quarantined.select(frame.columns).equals(raw)
    assert quarantined.schema["_reasons"] == pl.List(pl.String)
    assert quarantined["_reasons"].list.len().min() in (None, *range(1, 13))


def sound(n):
    """Rows without a defect."""
    at = pl.Series([NOW - (n - i) * SECOND for i in range(n)]).cast(UTC_NS)
    return pl.DataFrame(
        {
            "trip": [f"t{i}" for i in range(n)],
            "at": at,
            "known": at,
            "distance": [str(i % 100) for i in range(n)],
            "wind": [i / 7 for i in range(n)],
            "ends": at,
            "ticket": list(range(n)),
        }
    )


DEFECTS = {
    "trip.null": {"trip": None},
    "distance.type": {"distance": "12 miles"},
    "distance.null": {"distance": None},
    "distance.range": {"distance": "101"},
    "future_event": {"at": NOW + SKEW + 1, "known": NOW + SKEW + 1, "ends": NOW + SKEW + 1},
    "known_at.before_event": {"known": NOW - 9_999 * SECOND},
    "ends_after_at": {"ends": NOW - 9_999 * SECOND},
    "ticket.unique": {"ticket": 0},
}


@given(st.dictionaries(st.integers(1, 39), st.sampled_from(sorted(DEFECTS)), max_size=8))
@settings(max_examples=60, deadline=None)
def test_every_planted_defect_is_quarantined_with_its_reason(planted):
    rows = sound(40).with_columns(pl.col("at", "known", "ends").to_physical()).to_dicts()
    for index, reason in planted.items():
        rows[index] |= DEFECTS[reason]
    frame = frame_of(rows)
    judged = judge_rows(frame, TRIP, now_ns=NOW)
    found = dict(judged.quarantined.select("_row", "_reasons").rows())
    for index, reason in planted.items():
        assert reason in found[index]
    sharing_a_ticket = {0} if "ticket.unique" in planted.values() else set()
    assert set(found) == set(planted) | sharing_a_ticket
    assert judged.counts.good == 40 - len(found)


def test_duckdb_counts_the_same(tmp_path):
    frame = sound(3000).with_columns(
        distance=pl.when(pl.int_range(3000) % 11 == 0).then(pl.lit("250")).otherwise("distance"),
        wind=pl.when(pl.int_range(3000) % 7 == 0).then(float("nan")).otherwise("wind"),
        trip=pl.when(pl.int_range(3000) % 13 == 0).then(None).otherwise("trip"),
    )
    frame = pl.concat([frame, frame[100:200], frame[300:350].with_columns(wind=pl.lit(-5.0))])
    judged = judge_rows(frame, TRIP, now_ns=NOW)
    plain = frame.with_row_index("row").with_columns(pl.col("distance").cast(pl.Int64), pl.col("wind").fill_nan(None))
    plain = plain.rename({"at": "moment"})
    plain.drop("known", "ends").write_parquet(tmp_path / "landed.parquet")
    connection = duckdb.connect()
    connection.execute(f"CREATE VIEW l AS SELECT * FROM read_parquet('{tmp_path / 'landed.parquet'}')")
    query = """
        WITH own AS (SELECT *, trip IS NULL AS no_key, distance NOT BETWEEN 0 AND 100 AS far FROM l),
        said AS (SELECT trip, moment, count(DISTINCT (distance, wind, ticket)) AS versions FROM l GROUP BY ALL),
        sold AS (SELECT ticket, count(DISTINCT (trip, moment, distance, wind)) AS rows FROM l GROUP BY ALL),
        judged AS (
            SELECT own.*, no_key OR far OR (versions > 1 AND NOT no_key) OR sold.rows > 1 AS broken,
                row_number() OVER (PARTITION BY own.trip, own.moment ORDER BY row) > 1 AS again
            FROM own JOIN said ON own.trip IS NOT DISTINCT FROM said.trip AND own.moment = said.moment
            JOIN sold USING (ticket))
        SELECT count(*), count(*) FILTER (NOT broken AND NOT again), count(*) FILTER (broken),
            count(*) FILTER (NOT broken AND again), count(*) FILTER (far), count(*) FILTER (no_key) FROM judged
    """
    counts = judged.counts
    broken = counts.broken
    assert connection.execute(query).fetchone() == (
        counts.rows_in,
        counts.good,
        counts.quarantined,
        counts.duplicate,
        broken["distance.range"],
        broken["trip.null"],
    )
    assert counts.duplicate > 0 < broken["identity.conflict"]


def test_known_at_is_declared_by_a_column_by_a_delay_or_not_at_all():
    assert judge_rows(sound(3), TRIP, now_ns=NOW).good["_known_at"].equals(sound(3)["known"])
    columns = (Column("trip", "category", "key"), Column("at", "time", "event_time"))
    later = DatasetContract("Trip", columns, known_after_ns=7)
    good = judge_rows(sound(3).select("trip", "at"), later, now_ns=NOW).good
    assert (good["_known_at"].to_physical() - good["at"].to_physical()).to_list() == [7, 7, 7]
    bare = DatasetContract("Trip", columns)
    assert judge_rows(sound(3).select("trip", "at"), bare, now_ns=NOW).good.columns == ["trip", "at", "_row"]


def test_rows_without_an_identity_are_never_duplicates():
    contract = DatasetContract("Note", (Column("text", "category"),))
    judged = judge_rows(pl.DataFrame({"text": ["a", "a", "b"]}), contract, now_ns=NOW)
    assert (judged.counts.good, judged.counts.duplicate) == (3, 0)
    rule = Rule("text.unique", "unique", "quarantine", ("text",))
    unique = DatasetContract("Note", contract.columns, (rule,))
    frame = pl.DataFrame({"text": ["a", "a", "b", "c"]})
    judged = judge_rows(frame, unique, pl.LazyFrame({"text": ["c"]}), now_ns=NOW)
    assert judged.good["text"].to_list() == ["b"]


def test_an_empty_batch_with_the_right_columns_is_a_batch():
    judged = judge_rows(sound(0), TRIP, sound(3).with_columns(pl.col("distance").cast(pl.Int64)).lazy(), now_ns=NOW)
    assert judged.counts.rows_in == judged.counts.good == 0
    assert judged.good.columns == [*NAMES, "_row", "_known_at"]
    assert judged.quarantined.columns == [*NAMES, "_reasons", "_row"]


def test_a_rule_named_like_a_built_in_reason_gives_one_reason():
    null_rule = to_json(apply("not", apply("is_null", column("N", "x", INT))))
    contract = DatasetContract("N", (Column("x", "int"),), (Rule("x.null", "row", "quarantine", ("x",), null_rule),))
    judged = judge_rows(pl.DataFrame({"x": ["1", None]}), contract, now_ns=NOW)
    assert judged.quarantined["_reasons"].to_list() == [["x.null"]]


@pytest.mark.parametrize("expression", [None, to_json(apply("ge", column("Other", "x", INT), literal(0, INT)))])
def test_a_rule_that_is_no_condition_on_a_row_is_refused(expression):
    contract = DatasetContract("N", (Column("x", "int"),), (Rule("r", "row", "block", ("x",), expression),))
    with pytest.raises(InputError) as caught:
        judge_rows(pl.DataFrame({"x": [1]}), contract, now_ns=NOW)
    assert caught.value.code == "ingest.malformed-rule"


def test_a_lost_row_is_an_integrity_error():
    frame = pl.DataFrame({"x": [1, 2]})
    counts = Counts(rows_in=4, good=2, quarantined=0, duplicate=1, broken={}, nulls={})
    with pytest.raises(IntegrityError) as caught:
        check_complete(Judged(frame, frame.clear(), counts))
    assert caught.value.code == "ingest.rows-lost"
    with pytest.raises(IntegrityError):
        check_complete(Judged(frame[:1], frame.clear(), Counts(3, 2, 0, 1, {}, {})))


CODE = DatasetContract(
    "Ride",
    (Column("ride", "int", "key"), Column("tail", "category", nullable=True), Column("seat", "int", nullable=True)),
    (
        Rule("tail.pattern", "pattern", "quarantine", ("tail",), pattern="[a-c]+|z"),
        Rule("tail.short", "pattern", "warn", ("tail",), pattern="."),
        Rule("known_tail", "exists", "quarantine", ("tail", "seat"), of="Plane", of_columns=("name", "place")),
        Rule("seat.unique", "unique", "warn", ("seat",)),
    ),
)
tails = st.one_of(st.none(), st.text("abcz\n", max_size=3))
seats = st.one_of(st.none(), st.integers(0, 2))


@given(st.lists(st.tuples(tails, seats), max_size=9), st.lists(st.tuples(tails, seats), max_size=9))
@settings(max_examples=150, deadline=None)
def test_patterns_references_and_warnings_are_those_of_plain_python(rows, planes):
    """A foreign key is as SQL has it: null refers to nothing; a published row may stand there any number of times."""
    frame = pl.DataFrame(
        {"ride": range(len(rows)), "tail": [t for t, _ in rows], "seat": [s for _, s in rows]},
        schema={"ride": pl.Int64, "tail": pl.String, "seat": pl.Int64},
    )
    plane = pl.DataFrame(
        {"name": [t for t, _ in planes], "place": [s for _, s in planes]},
        schema={"name": pl.String, "place": pl.Int64},
    )
    judged = judge_rows(frame, CODE, now_ns=NOW, references={"Plane": plane.lazy()})
    times = Counter(seat for _, seat in rows)
    reasons, warned = {}, 0
    for number, (tail, seat) in enumerate(rows):
        matching = tail is None or tail == "z" or (tail != "" and set(tail) <= set("abc"))
        known = None in (tail, seat) or (tail, seat) in planes
        found = [
            *([] if matching else ["tail.pattern"]),
            *([] if known else ["known_tail"]),
        ]
        unlucky = (tail is not None and (len(tail) != 1 or tail == "\n")) or (seat is not None and times[seat] > 1)
        if found:
            reasons[number] = found
        else:
            warned += unlucky
    assert {row["_row"]: row["_reasons"] for row in judged.quarantined.to_dicts()} == reasons
    assert judged.good["_row"].to_list() == [number for number in range(len(rows)) if number not in reasons]
    assert judged.counts.warned == warned
    assert judged.counts.broken["seat.unique"] == sum(n for seat, n in times.items() if seat is not None and n > 1)
    assert judged.counts.to_json().get("warned", 0) == warned


def test_rows_that_refer_to_what_is_not_there_are_not_judged():
    with pytest.raises(InputError) as caught:
        judge_rows(pl.DataFrame({"ride": [1], "tail": ["a"], "seat": [1]}), CODE, now_ns=NOW)
    assert caught.value.code == "ingest.no-reference"
    assert "Plane" in caught.value.fix
