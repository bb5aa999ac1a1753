"""Blocks of the online store: however rows arrive they are the same bytes, and a flipped bit is never a number."""

import random

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from andon.expressions.evaluate import evaluate
from andon.expressions.online.block import Block, check
from andon.expressions.online.key import PREFIX_BYTES, block_key
from andon.expressions.online.point import AGAIN_S, Checked, Point
from andon.expressions.plan import FeaturePlan
from andon.kernel.errors import AndonError, IntegrityError
from tests.fakes.online import MemorySnapshot, TablePoint

_QUIET = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]


@settings(max_examples=8, deadline=None, suppress_health_check=_QUIET)
@given(seed=st.integers(0, 2**32), parts=st.integers(1, 4))
def test_blocks_fed_batch_by_batch_are_those_of_all_rows_at_once(history, seed, parts):
    """Otherwise what is served would depend on how often somebody published."""
    events, _ = history.draw(seed)
    frame = history.frame(events)
    point = Point(FeaturePlan("Ask", "asked", tuple(history.nodes.items())))
    batch = pl.Series([random.Random(seed + row).randrange(parts) for row in range(len(frame))], dtype=pl.Int64)
    for group in point.groups:
        kept: dict[bytes, bytes] = {}
        for number in range(parts):
            new = frame.filter(batch == number).lazy()
            kept |= dict(group.pack(frame.filter(batch <= number).lazy(), group.touched(new)))
        assert kept == dict(group.pack(frame.lazy()))
        assert kept == dict(group.pack(frame.sample(fraction=1.0, shuffle=True, seed=seed % 2**32).lazy()))


@settings(max_examples=4, deadline=None, suppress_health_check=_QUIET)
@given(seed=st.integers(0, 2**32), where=st.floats(0, 1), bit=st.integers(0, 7))
def test_a_flipped_bit_is_refused_and_the_features_are_named(history, seed, where, bit):
    events, asks = history.draw(seed)
    plan = FeaturePlan("Ask", "asked", tuple(history.nodes.items()))
    point = TablePoint(plan, {"Event": history.frame(events).lazy()})
    damaged = {}
    for key, block in point.snapshot.kept.items():
        place = int(where * (len(block) - 1))
        damaged[key] = block[:place] + bytes([block[place] ^ 1 << bit]) + block[place + 1 :]
    for ask in asks:
        values = {"place": ask["place"], "who": ask["who"]}
        keys = [group.key({**values, "asked": ask["asked"]}, ask["asked"]) for group in Point(plan).groups]
        if any(key in damaged for key in keys):
            with pytest.raises(IntegrityError) as error:
                Point(plan).features([values], ask["asked"], MemorySnapshot(b"", damaged))
            assert error.value.code == "online.damaged"
            assert set(error.value.place.split(", ")) <= set(history.nodes)


@given(st.binary(max_size=200))
def test_what_is_no_block_is_refused(data):
    with pytest.raises(IntegrityError):
        check(data, "x")


@given(
    st.lists(
        st.tuples(st.text(max_size=300), st.integers(-(2**63), 2**63 - 1), st.integers(-(2**40), 2**40)), max_size=20
    )
)
def test_different_keys_are_kept_under_different_bytes(told):
    keys = {block_key(b"p" * PREFIX_BYTES, [text, number], span) for text, number, span in told}
    assert len(keys) == len(set(told))
    assert all(len(key) <= 511 for key in keys), "more than LMDB takes"


def test_sums_beyond_64_bits_are_exact_or_refused(make):
    """Running sums of one key may leave 64 bits although no window's sum does."""
    from andon.expressions import tree
    from andon.expressions.functions import INT

    big = 2**62
    amount, who = tree.column("Event", "amount", INT), tree.column("Event", "who", INT)
    match = tree.apply("eq", who, tree.column("Ask", "who", INT))
    windows = {
        "total": tree.apply("sum", amount, event_time="at", match=match, over_ns=3_600 * 10**9),
        "mean": tree.apply("mean", amount, event_time="at", match=match, over_ns=3_600 * 10**9),
    }
    plan = FeaturePlan("Ask", "asked", tuple(windows.items()))
    hour = 3_600 * 10**9
    values = [big, big - 1, big, -big, big - 7, big, big, -big, -big, 5]
    moment = pl.Datetime("ns", "UTC")
    events = pl.DataFrame(
        {
            "at": [number * hour for number in range(len(values))],
            "_known_at": [number * hour for number in range(len(values))],
            "amount": values,
            "who": [1] * len(values),
            "_row": list(range(len(values))),
        }
    ).with_columns(pl.col("at", "_known_at").cast(moment), _object=pl.lit("sha256:a"))
    point = TablePoint(plan, {"Event": events.lazy()})
    assert any(Block(block).numbers[1] for block in point.snapshot.kept.values()), "no block is wide"
    for number in range(len(values) + 2):
        for asked in (number * hour, number * hour + 1, number * hour + hour // 2):
            spine = pl.DataFrame({"who": [1], "asked": [asked]}).with_columns(pl.col("asked").cast(moment))
            assert _outcome(lambda: point.features({"who": 1}, asked)) == _outcome(  # noqa: B023  # called at once
                lambda: evaluate(plan, spine, {"Event": events.lazy()}).to_dicts()[0]  # noqa: B023
            )


def _outcome(compute) -> object:
    try:
        return compute()
    except AndonError as error:
        return error.code


def test_a_block_that_decays_after_it_was_read_is_found_soon(history):
    """It is not added up at every question, but never trusted for long."""
    events, _ = history.draw(3)
    plan = FeaturePlan("Ask", "asked", tuple(history.nodes.items()))
    key, block = next(iter(TablePoint(plan, {"Event": history.frame(events).lazy()}).snapshot.kept.items()))
    now = [0.0]
    sound = Checked(lambda: now[0])
    sound.block(key, block, "x")
    decayed = block[:-1] + bytes([block[-1] ^ 1])
    sound.block(key, decayed, "x")
    now[0] = AGAIN_S
    with pytest.raises(IntegrityError):
        sound.block(key, decayed, "x")
