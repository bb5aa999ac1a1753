"""The online store follows what is published, and only that."""

from collections.abc import Mapping

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from andon.contracts.dataset import Column, DatasetContract
from andon.expressions import tree
from andon.expressions.functions import CATEGORY, INT, TIME
from andon.expressions.online.point import Point
from andon.expressions.online.spine import SpineBlocks
from andon.expressions.plan import FeaturePlan
from andon.kernel.digest import Digest, of_bytes
from andon.kernel.errors import AndonError, IntegrityError
from andon.line.serve.feeding import Feeder, held_in
from andon.line.serve.online import OnlineFeatures
from andon.line.serve.state import ServedDataset, ServedObject, ServingState, state_reader
from tests.fakes.online import MemoryOnline
from tests.line.serve.world import SPINE, World, spine_rows

HOUR = 3_600 * 10**9
MOMENT = pl.Datetime("ns", "UTC")
EVENTS = DatasetContract(
    "Arrival",
    (
        Column("id", "int", "key"),
        Column("at", "time", "event_time"),
        Column("flight", "category"),
        Column("late", "int"),
    ),
)


def plan(*names: str) -> FeaturePlan:
    late, flight = tree.column("Arrival", "late", INT), tree.column("Arrival", "flight", CATEGORY)
    match = tree.apply("eq", flight, tree.column("Schedule", "flight", CATEGORY))
    window = {"event_time": "at", "match": match, "over_ns": 5 * HOUR}
    features = {
        "speed": tree.column("Schedule", "distance", INT),
        "count": tree.apply("count", late, **window),
        "mean": tree.apply("mean", late, **window),
        "first": tree.apply("first", flight, **window),
        "kinds": tree.apply("distinct", late, **window),
        "last": tree.apply("last", tree.column("Arrival", "at", TIME), event_time="at", match=match, within_ns=HOUR),
    }
    features["last"] = tree.apply("is_null", features["last"])
    return FeaturePlan("Schedule", "asked", tuple((name, features[name]) for name in names or features))


class Tables:
    """Implements `andon.line.serve.ports.Tables` on frames in memory; says which objects were read."""

    def __init__(self) -> None:
        self.frames: dict[Digest, pl.DataFrame] = {}
        self.read_objects: list[Digest] = []

    def add(self, frame: pl.DataFrame) -> ServedObject:
        digest = of_bytes(frame.write_json().encode())
        self.frames[digest] = frame.with_columns(
            pl.lit(digest).alias("_object"), pl.int_range(pl.len(), dtype=pl.Int64).alias("_row")
        )
        return ServedObject(digest, 1)

    def read(self, state: ServingState) -> Mapping[str, pl.LazyFrame]:
        self.read_objects += [item.digest for one in state.datasets for item in one.objects]
        return {
            one.name: pl.concat([self.frames[item.digest] for item in one.objects]).lazy() for one in state.datasets
        }


class Stage:
    """Two contracts, published as tests say, and a feeder."""

    def __init__(self, root) -> None:
        self.world = World(root)
        self.tables = Tables()
        self.store = MemoryOnline()
        self.objects: dict[str, list[ServedObject]] = {"Schedule": [], "Arrival": []}
        self.feeder = self.feed_into(self.store)

    def feed_into(self, store: MemoryOnline) -> Feeder:
        return Feeder(store, self.tables, state_reader(self.world.folder.state), self.world.open_state)

    def spine(self, *flights: str, known: int = 0) -> None:
        rows = [
            {"flight": one, "asked": known, "distance": number, "speed": None, "_known_at": known}
            for number, one in enumerate(flights)
        ]
        self.publish("Schedule", spine_rows(rows).drop("_object", "_row"))

    def arrivals(self, *rows: tuple[int, int, str, int]) -> None:
        """Rows of event hour, hour known, flight, minutes late."""
        frame = pl.DataFrame(
            [(number, at * HOUR, flight, late, known * HOUR) for number, (at, known, flight, late) in enumerate(rows)],
            schema={"id": pl.Int64, "at": pl.Int64, "flight": pl.String, "late": pl.Int64, "_known_at": pl.Int64},
            orient="row",
        )
        self.publish("Arrival", frame.with_columns(pl.col("at", "_known_at").cast(MOMENT)))

    def publish(self, name: str, frame: pl.DataFrame) -> None:
        self.objects[name].append(self.tables.add(frame))
        self.serve(name, self.objects[name])

    def serve(self, name: str, objects: list[ServedObject]) -> None:
        contract = SPINE if name == "Schedule" else EVENTS
        dataset = of_bytes(repr(objects).encode())
        self.world.publish(ServedDataset(name, contract.to_json(), dataset, tuple(objects)))

    def source(self, of: FeaturePlan, store: MemoryOnline | None = None) -> OnlineFeatures:
        return OnlineFeatures(store or self.store, self.world.open_state, Point(of), SpineBlocks(SPINE))


@pytest.fixture
def stage(tmp_path):
    return Stage(tmp_path)


ARRIVALS = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 60), st.sampled_from("ab\u00e9"), st.integers(-5, 5)),
    min_size=1,
    max_size=6,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(ARRIVALS, min_size=1, max_size=4))
def test_a_store_that_followed_is_the_store_that_is_made_anew(tmp_path_factory, batches):
    stage = Stage(tmp_path_factory.mktemp("stage"))
    stage.spine("a", "b")
    for batch in batches:
        stage.arrivals(*batch)
        stage.feeder.feed(plan())
    anew = MemoryOnline()
    stage.feed_into(anew).feed(plan())
    assert anew.now == stage.store.now


def test_only_blocks_with_new_rows_are_written(stage):
    stage.spine("a", "b")
    stage.arrivals((1, 1, "a", 3), (1, 1, "b", 4), (50, 50, "a", 5))
    stage.feeder.feed(plan())
    before = stage.store.now
    stage.tables.read_objects.clear()
    stage.arrivals((2, 2, "a", 9))
    stage.feeder.feed(plan())
    changed = {key for key, block in stage.store.now.kept.items() if before.kept.get(key) != block}
    assert len(changed) == 2, "the day's block of a, and what the store says it holds"
    assert stage.objects["Schedule"][0].digest not in stage.tables.read_objects, "nothing of it changed"


def test_what_a_question_gets_is_of_one_published_version(stage):
    stage.spine("a")
    stage.arrivals((1, 1, "a", 3))
    stage.feeder.feed(plan("count"))
    source = stage.source(plan("count"))
    with source.look() as then:
        stage.arrivals((2, 2, "a", 9))
        stage.feeder.feed(plan("count"))
        assert then.features([{"flight": "a", "distance": 1}], 4 * HOUR)[0] == {"count": 1}
    with source.look() as now:
        assert now.features([{"flight": "a", "distance": 1}], 4 * HOUR)[0] == {"count": 2}
        assert now.find([{"flight": "a"}], 1)[0]["distance"] == 0
        assert now.find([{"flight": "zz"}], 1) == [None]
    assert then.state["Arrival"] != now.state["Arrival"]
    assert now.state["Schedule"] == then.state["Schedule"]


def test_going_back_to_an_older_version_takes_the_newer_rows_away(stage):
    stage.spine("a")
    stage.arrivals((1, 1, "a", 3))
    stage.feeder.feed(plan())
    then = stage.store.now
    stage.arrivals((2, 2, "b", 9), (30, 30, "a", 1))
    stage.feeder.feed(plan())
    stage.serve("Arrival", stage.objects["Arrival"][:1])
    stage.feeder.feed(plan())
    assert stage.store.now == then


def test_plans_share_what_they_have_in_common_and_are_kept_up_together(stage):
    stage.spine("a")
    stage.arrivals((1, 1, "a", 3))
    stage.feeder.feed(plan("count", "mean"))
    blocks = len(stage.store.now.kept)
    stage.feeder.feed(plan("mean", "count", "speed"))
    assert len(stage.store.now.kept) == blocks, "the same joins"
    stage.feeder.feed(plan("first"))
    stage.arrivals((2, 2, "a", 9))
    stage.feeder.feed(plan("first"))
    with stage.source(plan("count", "mean")).look() as seen:
        assert seen.features([{"flight": "a", "distance": 1}], 4 * HOUR)[0] == {"count": 2, "mean": 6.0}


def test_a_part_that_cannot_be_made_takes_no_other_down(stage):
    stage.spine("a")
    stage.arrivals((1, 1, "a", 3))
    late, flight = tree.column("Arrival", "late", INT), tree.column("Arrival", "flight", CATEGORY)
    match = tree.apply("eq", flight, tree.column("Schedule", "flight", CATEGORY))
    std = tree.apply(
        "std",
        late,
        event_time="at",
        match=match,
        over_ns=30 * HOUR,
        where=tree.apply("gt", late, tree.literal(-9, INT)),
    )
    spread = FeaturePlan("Schedule", "asked", (("std", std),))
    stage.feeder.feed(spread)
    stage.feeder.feed(plan())
    stage.arrivals((2, 2, "a", 2**60))
    stage.feeder.feed(plan())
    with stage.source(plan()).look() as seen:
        assert seen.features([{"flight": "a", "distance": 1}], 4 * HOUR)[0]["count"] == 2
    with pytest.raises(AndonError) as error:
        stage.feeder.feed(spread)
    assert error.value.code == "expression.overflow"
    with pytest.raises(AndonError) as error, stage.source(spread).look():
        pass
    assert error.value.code == "serve.no-features"


def test_a_state_that_nobody_signed_feeds_nothing(stage):
    stage.spine("a")
    stage.arrivals((1, 1, "a", 3))
    stage.feeder.feed(plan())
    before = stage.store.now
    signed = stage.world.folder.state.read_bytes()
    stage.arrivals((2, 2, "a", 3))
    stage.world.folder.state.write_bytes(signed.replace(b'"payload":"', b'"payload":"e30', 1))
    with pytest.raises(AndonError):
        stage.feeder.feed(plan())
    assert stage.store.now is before


def test_a_store_made_from_something_nobody_signed_is_not_read(stage):
    stage.spine("a")
    stage.arrivals((1, 1, "a", 3))
    stage.feeder.feed(plan())
    with stage.store.look() as snapshot:
        held = held_in(snapshot)
    stranger = World(stage.world.folder.root / "stranger")
    stranger.publish(*stage.world.open_state(held.state).datasets)
    feeder = Feeder(MemoryOnline(), stage.tables, state_reader(stranger.folder.state), stranger.open_state)
    feeder.feed(plan())
    with pytest.raises(AndonError) as error, stage.source(plan(), feeder._store).look():
        pass
    assert error.value.code == "serve.state-not-signed"


@pytest.mark.parametrize("name", ["held", "block"])
def test_damage_is_told_and_not_answered(stage, name):
    stage.spine("a")
    stage.arrivals((1, 1, "a", 3))
    stage.feeder.feed(plan("count"))
    source = stage.source(plan("count"))
    for key, data in stage.store.now.kept.items():
        if key.startswith(b"\0") is (name == "held"):
            stage.store.now.kept[key] = data[:-1] + bytes([data[-1] ^ 1])  # type: ignore[index]
    with pytest.raises(IntegrityError) as error, source.look() as seen:
        seen.features([{"flight": "a", "distance": 1}], 4 * HOUR)
    assert error.value.code == "online.damaged"
    assert "feature rebuild" in error.value.fix


def test_what_was_trained_again_needs_nothing_new(stage):
    """Daily retraining learns other constants; the store must not grow by them."""
    stage.spine("a")
    stage.arrivals((1, 1, "a", 3))
    stage.feeder.feed(plan("mean", "count"))
    then = stage.store.now
    distance = tree.column("Schedule", "distance", INT)
    for bound in (7, 9):
        learned = ("learned", tree.apply("gt", distance, tree.literal(bound, INT)))
        stage.feeder.feed(FeaturePlan("Schedule", "asked", (*plan("count", "mean").features, learned)))
    assert stage.store.now is then
