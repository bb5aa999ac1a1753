"""The port of the online store, held by the fake, LMDB, PostgreSQL and Redis alike."""

import itertools
import random
import threading
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from andon.adapters.redis import RedisOnline
from andon.expressions.online.store import OnlineStore
from andon.kernel.errors import ConflictError
from tests.factories.online_servers import LEASE_S, child, seen, store_at, whole
from tests.fakes.online import MemoryOnline

MANY = 1_500
"""More changes than any store takes at once."""
numbers = itertools.count()


@dataclass(frozen=True)
class Place:
    """Where a store of some kind is."""

    kind: str
    where: str
    name: str

    def store(self) -> OnlineStore:
        return MemoryOnline() if self.kind == "memory" else store_at(self.kind, self.where, self.name)

    def child(self, code: str, *words: str):
        return child(self.kind, self.where, self.name, code, *words)


def place_of(request, kind: str) -> Place:
    if kind == "lmdb":
        where = str(request.getfixturevalue("tmp_path"))
    else:
        where = "" if kind == "memory" else request.getfixturevalue(kind).url
    return Place(kind, where, f"flights/test:{next(numbers)}")


@pytest.fixture(params=["memory", "lmdb", "postgres", "redis"])
def store(request):
    with closing(place_of(request, request.param).store()) as store:
        yield store


@pytest.fixture(params=["lmdb", "postgres", "redis"])
def place(request):
    """A store that other processes can open too."""
    return place_of(request, request.param)


def test_a_new_store_holds_nothing(store):
    assert seen(store, [b"a", b"\0"]) == (b"", [None, None])
    assert list(store.keys(b"")) == []


def test_a_move_writes_overwrites_and_deletes(store):
    store.move(b"", b"1", [(b"a", b"1"), (b"b", b"2"), (b"c", b"")])
    assert seen(store, [b"c", b"a", b"x", b"a", b"b"]) == (b"1", [b"", b"1", None, b"1", b"2"])
    store.move(b"1", b"2", [(b"a", None), (b"b", b"3"), (b"never", None), (b"d", b"4")])
    assert whole(store) == (b"2", {b"b": b"3", b"c": b"", b"d": b"4"})
    store.move(b"2", b"", [(b"a", b"5"), (b"b", None)])
    assert whole(store) == (b"", {b"a": b"5", b"c": b"", b"d": b"4"})
    assert seen(store) == (b"", [])


def test_what_comes_last_for_a_key_counts(store):
    between = [(b"x%d" % number, b"0") for number in range(MANY)]
    store.move(b"", b"1", [(b"a", b"1"), (b"a", None), (b"a", b"2"), (b"b", b"1"), *between, (b"b", None)])
    assert seen(store, [b"a", b"b"]) == (b"1", [b"2", None])
    store.move(b"1", b"2", [(b"a", None), (b"b", b"1"), *between, (b"a", b"3"), (b"b", None)])
    assert seen(store, [b"a", b"b"]) == (b"2", [b"3", None])


def test_from_another_position_nothing_is_written_or_even_made(store):
    store.move(b"", b"1", [(b"a", b"1")])
    changes = iter([(b"a", b"2")])
    with pytest.raises(ConflictError) as refused:
        store.move(b"0", b"2", changes)
    assert refused.value.code == "online.moved"
    assert next(changes) == (b"a", b"2")
    assert whole(store) == (b"1", {b"a": b"1"})


@pytest.mark.parametrize("after", [0, 3, MANY])
def test_changes_that_fail_leave_all_as_it_was(store, after):
    before = {b"k%05d" % number: b"old" for number in range(0, MANY, 7)}
    store.move(b"", b"1", before.items())

    def changes():
        for number in range(after):
            yield b"k%05d" % number, None if number % 5 == 0 else b"new"
        raise ZeroDivisionError

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            store.move(b"1", b"2", changes())
        assert whole(store) == (b"1", before)
    store.move(b"1", b"2", [(b"k00000", b"new")])
    assert whole(store) == (b"2", {**before, b"k00000": b"new"})


def test_keys_come_in_order_by_what_they_begin_with(store):
    keys = [
        b"\0",
        b"\0a",
        b"a",
        b"a*",
        b"a*b",
        b"a?",
        b"a[b]",
        b"a\\",
        b"aa",
        b"b",
        b"\xff",
        b"\xff\xff",
        b"\xff\xff\0",
    ]
    keys += [b"n" + number.to_bytes(2) for number in range(12_000)]
    shuffled = random.Random(7).sample(keys, len(keys))
    store.move(b"", b"1", ((key, b"x") for key in shuffled))
    for prefix in (b"", b"\0", b"a", b"a*", b"a?", b"a[", b"a\\", b"n", b"n\x01", b"\xff", b"\xff\xff", b"zz"):
        assert list(store.keys(prefix)) == sorted(key for key in keys if key.startswith(prefix)), prefix


@pytest.mark.chaos
def test_keys_of_500_bytes_and_blocks_of_3_megabytes(store):
    noise = random.Random(7)
    blocks = {bytes([number]) * 500: noise.randbytes(3_000_000) for number in range(4)}
    blocks |= {b"k" * length: noise.randbytes(length) for length in (1, 499, 500)}
    store.move(b"", b"1", blocks.items())
    assert whole(store) == (b"1", blocks)
    store.move(b"1", b"2", [(bytes(500), noise.randbytes(3_000_001))])
    position, (first, second) = seen(store, [bytes(500), b"\1" * 500])
    assert (position, len(first or b""), second) == (b"2", 3_000_001, blocks[b"\1" * 500])


def test_a_question_under_way_is_answered_as_of_its_beginning(store):
    keys = [b"stays", b"changes", b"goes", b"comes"]
    store.move(b"", b"1", [(b"stays", b"1"), (b"changes", b"1"), (b"goes", b"1")])
    then = [b"1", b"1", b"1", None]

    def now(snapshot):
        return [None if data is None else bytes(data) for data in snapshot.get(keys)]

    with ExitStack() as looks:
        first = looks.enter_context(store.look())

        def changes():
            yield from [(b"changes", b"2"), (b"goes", None), (b"comes", b"2")]
            yield from [(b"x%d" % number, b"x") for number in range(MANY)]
            middle = looks.enter_context(store.look())
            assert (middle.position, now(middle), now(first)) == (b"1", then, then)
            assert list(store.keys(b"")) == [b"changes", b"goes", b"stays"]

        store.move(b"1", b"2", changes())
        assert (first.position, now(first)) == (b"1", then)
        assert seen(store, keys) == (b"2", [b"1", b"2", None, b"2"])
        store.move(b"2", b"3", [(b"stays", b"3"), (b"goes", b"3")])
        try:
            assert now(first) == then
        except ConflictError as error:
            if error.code != "online.moved" or not isinstance(store, RedisOnline):
                raise
        assert first.position == b"1"
    assert seen(store, keys) == (b"3", [b"3", b"2", b"3", b"2"])


READER = """
import time
from andon.kernel.errors import ConflictError
keys = [b"k%03d" % number for number in range(60)]
until, looked, refused = time.monotonic() + float(words[0]), 0, 0
positions = set()
print("begun", flush=True)
while time.monotonic() < until:
    with store.look() as snapshot:
        position = bytes(snapshot.position)
        try:
            found = [data and bytes(data) for half in (keys[:30], keys[30:]) for data in snapshot.get(half)]
        except ConflictError as error:
            assert error.code == "online.moved", error
            refused += 1
            continue
    looked += 1
    positions.add(position)
    number = int(position)
    wanted = [None if (at + number) % 3 == 0 else position for at in range(60)]
    assert found == wanted, (position, found)
print(looked, len(positions), refused)
"""


@pytest.mark.chaos
def test_nobody_ever_sees_half_of_a_move(place):
    def content(number):
        return [(b"k%03d" % at, None if (at + number) % 3 == 0 else b"%d" % number) for at in range(60)]

    with closing(place.store()) as store:
        store.move(b"", b"0", content(0))
        readers = [place.child(READER, "2.5") for _ in range(2)]
        for reader in readers:
            assert reader.stdout.readline() == "begun\n"
        number = 0
        while any(reader.poll() is None for reader in readers):
            store.move(b"%d" % number, b"%d" % (number + 1), content(number + 1))
            number += 1
        for reader in readers:
            looked, positions, refused = map(int, reader.communicate()[0].split())
            assert reader.returncode == 0
            assert looked > 20
            assert positions > 1
            assert refused < looked


WRITER = """
import os
from andon.kernel.errors import ConflictError
who, wins, rounds = b"%d" % os.getpid(), 0, 0
while True:
    with store.look() as snapshot:
        number = int(snapshot.position)
    if number == 40:
        break
    try:
        store.move(b"%d" % number, b"%d" % (number + 1), [(b"%03d" % number, who), (b"last", who)])
    except ConflictError as error:
        assert error.code in ("online.moved", "online.busy"), error
    else:
        wins += 1
print(os.getpid(), wins)
"""


@pytest.mark.chaos
def test_of_two_writers_exactly_one_wins_each_position(place):
    with closing(place.store()) as store:
        store.move(b"", b"0", ())
        writers = [place.child(WRITER) for _ in range(3)]
        told = [writer.communicate()[0].split() for writer in writers]
        assert [writer.returncode for writer in writers] == [0, 0, 0]
        keys = [b"%03d" % number for number in range(40)]
        position, winners = seen(store, keys)
        assert position == b"40"
        assert {pid.encode(): int(wins) for pid, wins in told if wins != "0"} == {
            who: winners.count(who) for who in set(winners)
        }
        assert seen(store, [b"last"])[1] == [winners[-1]]


def test_threads_share_a_store(store):
    store.move(b"", b"0", [(b"k%d" % at, b"0") for at in range(20)])
    keys, until, failed, looked = [b"k%d" % at for at in range(20)], threading.Event(), [], []

    def read():
        try:
            while not until.is_set():
                position, kept = seen(store, keys)
                assert kept == [position] * 20
                looked.append(position)
        except BaseException as error:  # noqa: BLE001  # shown below
            failed.append(error)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for number in range(30):
        store.move(b"%d" % number, b"%d" % (number + 1), [(key, b"%d" % (number + 1)) for key in keys])
    until.set()
    for reader in readers:
        reader.join()
    failed = [error for error in failed if getattr(error, "code", "") != "online.moved"]
    assert not failed
    assert len(looked) >= 4


KILLED = """
import time
def changes():
    for number in range(1500):
        yield b"k%05d" % number, None if number % 2 else b"new"
    print("midway", flush=True)
    time.sleep(60)
store.move(b"1", b"2", changes())
"""


@pytest.mark.chaos
def test_a_writer_that_is_killed_midway_leaves_all_as_it_was(place):
    before = {b"k%05d" % number: b"old" for number in range(0, 1500, 3)}
    with closing(place.store()) as store:
        store.move(b"", b"1", before.items())
        killed = place.child(KILLED)
        assert killed.stdout.readline() == "midway\n"
        with pytest.raises(ConflictError) as refused:
            store.move(b"1", b"2", iter(()))
        assert refused.value.code == "online.busy"
        assert whole(store) == (b"1", before)
        time.sleep(1.5 * LEASE_S)  # a writer that lives keeps its right for as long as it takes
        with pytest.raises(ConflictError):
            store.move(b"1", b"2", iter(()))
        killed.kill()
        killed.wait()
        killed.stdout.close()
        assert whole(store) == (b"1", before)
        deadline = time.monotonic() + 20
        while seen(store)[0] == b"1":
            try:
                store.move(b"1", b"3", [(b"k00001", b"newer")])
            except ConflictError as error:
                if error.code != "online.busy" or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
        assert whole(store) == (b"3", {**before, b"k00001": b"newer"})


class Moves(RuleBasedStateMachine):
    """A store beside the fake: whatever is done to both, both tell the same."""

    store: OnlineStore
    keys = st.sampled_from([b"a", b"aa", b"ab", b"b", b"b*", b"\xff", b"\xff\0", b"c" * 500])
    changes = st.lists(st.tuples(keys, st.none() | st.binary(max_size=20)), max_size=8)
    positions = st.sampled_from([b"", b"1", b"2", b"\0" * 32])

    def __init__(self):
        super().__init__()
        self.fake = MemoryOnline()
        self.held = None
        self.begun = 0

    @initialize()
    def empty(self):
        self.store.move(seen(self.store)[0], b"", [(key, None) for key in self.store.keys(b"")])

    @rule(after=positions, changes=changes)
    def move(self, after, changes):
        before = seen(self.fake)[0]
        for one in (self.store, self.fake):
            one.move(before, after, iter(changes))
        self.begun += 1

    @rule(before=positions, changes=changes)
    def move_from_anywhere(self, before, changes):
        told = []
        for one in (self.store, self.fake):
            try:
                told.append(one.move(before, b"1", iter(changes)))
            except ConflictError as error:
                told.append(error.code)
        assert told[0] == told[1]
        self.begun += told[0] is None

    @rule(changes=changes)
    def fail(self, changes):
        def failing():
            yield from changes
            raise ZeroDivisionError

        for one in (self.store, self.fake):
            with pytest.raises(ZeroDivisionError):
                one.move(seen(one)[0], b"2", failing())
        self.begun += 1

    @precondition(lambda self: not self.held)
    @rule()
    def hold(self):
        self.held = [one.look() for one in (self.store, self.fake)]
        self.begun = 0
        self.snapshots = [one.__enter__() for one in self.held]

    @precondition(lambda self: self.held)
    @rule(keys=st.lists(keys, max_size=4))
    def ask_what_is_held(self, keys):
        real, fake = self.snapshots
        assert bytes(real.position) == fake.position
        try:
            assert [None if one is None else bytes(one) for one in real.get(keys)] == fake.get(keys)
        except ConflictError:
            assert isinstance(self.store, RedisOnline)
            assert self.begun > 1

    @precondition(lambda self: self.held)
    @rule()
    def let_go(self):
        for one in self.held:
            one.__exit__(None, None, None)
        self.held = None

    @rule(prefix=st.sampled_from([b"", b"a", b"b*", b"\xff"]))
    def compare(self, prefix):
        assert whole(self.store) == whole(self.fake)
        assert list(self.store.keys(prefix)) == list(self.fake.keys(prefix))

    def teardown(self):
        if self.held:
            self.let_go()
        assert whole(self.store) == whole(self.fake)


@pytest.mark.chaos
def test_whatever_is_done_to_it_a_store_is_like_the_fake(place):
    with closing(place.store()) as store:
        machine = type("MovesOfOne", (Moves,), {"store": store})
        bounds = {"max_examples": 25, "stateful_step_count": 25, "deadline": None}
        run_state_machine_as_test(machine, settings=settings(**bounds, suppress_health_check=list(HealthCheck)))
