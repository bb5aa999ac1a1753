"""What the online stores do when something is wrong: no room, no server, no right, damage, somebody else's hands."""

import itertools
import random
import time
from contextlib import ExitStack, closing

import pytest

from andon.adapters.lmdb import LmdbOnline
from andon.adapters.postgres import PostgresOnline
from andon.adapters.redis import RedisOnline
from andon.kernel.errors import AndonError, InputError, IntegrityError
from tests.factories.online_servers import (
    LEASE_S,
    NOBODY,
    PASSWORD,
    QUOTED,
    ask,
    child,
    free_port,
    postgres_server,
    seen,
    store_at,
    tell,
    whole,
)

pytestmark = pytest.mark.chaos
MANY = 1_500
"""More changes than any store takes at once."""
numbers = itertools.count()


def failure(work) -> AndonError:
    """How something is refused: with a place and a way out, and never with the password."""
    with pytest.raises(AndonError) as refused:
        work()
    error = refused.value
    shown: BaseException | None = error
    while shown is not None:
        assert PASSWORD not in str(shown)
        assert QUOTED not in str(shown)
        shown = shown.__cause__ or shown.__context__
    assert error.fix
    return error


def test_a_store_that_cannot_grow_goes_on_with_what_it_holds(tmp_path):
    with closing(LmdbOnline(tmp_path / "online", largest_bytes=1 << 20)) as store:
        store.move(b"", b"1", [(b"a", b"1")])
        error = failure(lambda: store.move(b"1", b"2", ((b"k%d" % at, bytes(10_000)) for at in range(1000))))
        assert (type(error), error.code) == (InputError, "online.full")
        assert whole(store) == (b"1", {b"a": b"1"})
        store.move(b"1", b"2", [(b"a", b"2")])
        assert whole(store) == (b"2", {b"a": b"2"})


@pytest.mark.parametrize("folder", ["read only", "a file"])
def test_a_folder_that_cannot_be_written_is_refused_by_name(tmp_path, folder):
    outside = tmp_path / "outside"
    outside.touch() if folder == "a file" else outside.mkdir(mode=0o555)
    for one in (tmp_path, *tmp_path.parents[:2]):
        one.chmod(0o755)
    code = f"""
import os
from andon.kernel.errors import AndonError
if os.getuid() == 0:
    os.setuid({NOBODY})
try:
    store.look()
except AndonError as error:
    print(error)
"""
    run = child("lmdb", str(outside), "online", code)
    said = run.communicate()[0]
    assert (run.returncode, said.split(":")[0]) == (0, "online.unreadable"), said
    assert str(outside / "online") in said


HARMED = """
import os, random
from andon.kernel.errors import AndonError
keys = [b"k%05d" % number for number in range(3000)]
store.move(b"", b"1", [(key, key * 150) for key in keys])
path, how = os.path.join(where, name, "data.mdb"), words[0]
if "open" not in how:
    store.close()
size, noise = os.path.getsize(path), random.Random(7)
with open(path, "r+b") as file:
    if "half is cut off" in how:
        file.truncate(size // 2)
    elif "end is cut off" in how:
        file.truncate(size - 5000)
    elif "all is noise" in how:
        file.write(noise.randbytes(size))
    elif "blocks are noise" in how:
        file.seek(8192)
        file.write(noise.randbytes(size - 8192))
    else:
        for _ in range(60):
            file.seek(noise.randrange(8192, size - 500))
            file.write(noise.randbytes(500))
def read():
    with store.look() as snapshot:
        assert snapshot.position == b"1", snapshot.position
        wrong = sum(data is None or data != key * 150 for key, data in zip(keys, snapshot.get(keys)))
        print("wrong" if wrong else "whole")
for work in (read, lambda: list(store.keys(b"")), lambda: store.move(b"1", b"2", [(key, b"2") for key in keys]), read):
    try:
        work()
    except AndonError as error:
        print(error.code)
print("alive")
"""


@pytest.mark.parametrize(
    "how",
    [
        "half is cut off",
        "end is cut off",
        "all is noise",
        "blocks are noise",
        "some is noise",
        "open, blocks are noise",
    ],
)
def test_a_harmed_file_is_refused_and_ends_no_process(tmp_path, how):
    run = child("lmdb", str(tmp_path), "online", HARMED, how)
    said = run.communicate()[0].split()
    assert (run.returncode, said[-1]) == (0, "alive")
    assert said[0] in ("online.damaged", "wrong")  # that a block is wrong is told by its own checksum
    assert "whole" not in said


@pytest.fixture(scope="module")
def frail():
    """A PostgreSQL server that may be broken."""
    with postgres_server() as server:
        yield server


def test_an_address_is_checked_before_it_is_used_and_never_shown():
    unquoted = (
        "postgresql://andon:geheim/4711@host/db",
        "postgresql://andon:4711/geheim@host",
        "postgresql://a:p@q@host/d",
    )
    for url in (*unquoted, "postgresql://andon:geheim4711%zz@host/db", "geheim"):
        error = failure(lambda url=url: PostgresOnline(url, "flights"))
        assert error.code == "online.unreadable"
        assert "geheim" not in str(error)
        assert "4711" not in str(error)
    for url in ("redis://:geheim/4711@host/0", "redis://:4711/geheim@host", "redis://:4711#geheim@host", "geheim:4711"):
        error = failure(lambda url=url: RedisOnline(url, "flights"))
        assert error.code == "online.unreadable"
        assert "geheim" not in str(error)
        assert "4711" not in str(error)
    for name in ("", "a b", 'a"b', "{a}", "a%sb", "ä", "a\0"):
        assert failure(lambda name=name: PostgresOnline("postgresql://host/db", name)).code == "online.unreadable"
        assert failure(lambda name=name: RedisOnline("redis://host/0", name)).code == "online.unreadable"


@pytest.mark.parametrize("kind", ["postgres", "redis"])
def test_a_server_that_is_away_or_does_not_know_us_is_refused_by_name(request, kind):
    where = request.getfixturevalue(kind)
    for url in (where.url.replace(f":{where.port}/", f":{free_port()}/"), where.url.replace(QUOTED, f"x{QUOTED}x")):
        with closing(store_at(kind, url, "flights")) as store:
            for work in (store.look().__enter__, lambda: store.move(b"", b"1", ()), lambda: list(store.keys(b""))):
                error = failure(work)
                assert (type(error), error.code) == (InputError, "online.unreadable")
                assert "127.0.0.1" in error.place
                assert "flights" in error.place


def test_the_disk_of_postgres_is_full(postgres):
    name = f"full{next(numbers)}"
    with closing(PostgresOnline(postgres.url, name)) as store:
        store.move(b"", b"1", [(b"a", b"1")])
        tell(
            postgres,
            f"""
            CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$;
            CREATE TRIGGER {name} BEFORE INSERT ON {name} FOR EACH ROW WHEN (new.key = 'z')
            EXECUTE FUNCTION {name}()""",
        )
        error = failure(lambda: store.move(b"1", b"2", [(b"a", b"2"), (b"z", b"2")]))
        assert (type(error), error.code) == (InputError, "online.full")
        assert whole(store) == (b"1", {b"a": b"1"})
        store.move(b"1", b"2", [(b"a", b"2")])
        assert whole(store) == (b"2", {b"a": b"2"})


def test_long_names_are_tables_of_their_own(postgres):
    names = [f"{next(numbers)}-{'n' * 60}", *("n" * 150 + end for end in ("", "a", "b"))]
    for name in names:
        with closing(PostgresOnline(postgres.url, name)) as store:
            store.move(b"", name.encode(), ())
    for name in names:
        with closing(PostgresOnline(postgres.url, name)) as store:
            assert whole(store) == (name.encode(), {})


def test_a_user_who_may_only_read_reads(postgres):
    name = f"read{next(numbers)}"
    with closing(PostgresOnline(postgres.url, name)) as store:
        store.move(b"", b"1", [(b"a", b"1")])
    tell(postgres, f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'; GRANT SELECT ON {name} TO {name}")
    with closing(PostgresOnline(postgres.url.replace("andon:", f"{name}:"), name)) as store:
        assert whole(store) == (b"1", {b"a": b"1"})
        assert failure(lambda: store.move(b"1", b"2", ())).code == "online.unreadable"
        assert whole(store) == (b"1", {b"a": b"1"})


def test_postgres_is_connected_again_after_it_was_away(frail):
    with closing(PostgresOnline(frail.url, "again")) as store, ExitStack() as looks:
        store.move(b"", b"1", [(b"a", b"1")])
        opened = [looks.enter_context(store.look()) for _ in range(3)]
        idle = [store.look() for _ in range(3)]
        for look in idle:
            look.__enter__()
        for look in idle:
            look.__exit__()
        frail.stop()
        for snapshot in opened:
            assert failure(lambda snapshot=snapshot: snapshot.get([b"a"])).code == "online.unreadable"
        assert failure(lambda: seen(store)).code == "online.unreadable"
        frail.start("is ready to accept connections")
        assert whole(store) == (b"1", {b"a": b"1"})
        store.move(b"1", b"2", [(b"a", b"2")])
        assert whole(store) == (b"2", {b"a": b"2"})


def test_postgres_goes_away_in_the_middle_of_a_move(frail):
    with closing(PostgresOnline(frail.url, "midway")) as store:
        store.move(b"", b"1", [(b"a", b"1")])

        def changes():
            yield from ((b"k%d" % number, b"x") for number in range(MANY))
            frail.stop()
            yield from ((b"l%d" % number, b"x") for number in range(MANY))

        assert failure(lambda: store.move(b"1", b"2", changes())).code == "online.unreadable"
        frail.start("is ready to accept connections")
        assert whole(store) == (b"1", {b"a": b"1"})


def test_a_damaged_page_of_postgres_is_called_damage(frail):
    with closing(PostgresOnline(frail.url, "damaged")) as store:
        store.move(b"", b"1", [(b"a", bytes(1000))])
    ((path,),) = tell(frail, "SELECT pg_relation_filepath('damaged')")
    frail.stop()
    with (frail.folder / "data" / str(path)).open("r+b") as file:
        file.seek(4096)
        file.write(random.Random(7).randbytes(2048))
    frail.start("is ready to accept connections")
    with closing(PostgresOnline(frail.url, "damaged")) as store:
        error = failure(lambda: seen(store, [b"a"]))
        assert (type(error), error.code) == (IntegrityError, "online.damaged")
        tell(frail, "DROP TABLE damaged")
        assert whole(store) == (b"", {})


def test_a_table_without_its_position_is_damaged(postgres):
    name = f"nowhere{next(numbers)}"
    with closing(PostgresOnline(postgres.url, name)) as store:
        store.move(b"", b"1", [(b"a", b"1")])
        tell(postgres, f"DELETE FROM {name} WHERE key = ''")
        assert failure(lambda: seen(store)).code == "online.damaged"
        assert failure(lambda: store.move(b"1", b"2", ())).code == "online.damaged"


@pytest.fixture
def small(redis):
    """A Redis server whose memory can be made small."""
    yield redis
    for name, value in (("maxmemory", "0"), ("maxmemory-policy", "noeviction")):
        ask(redis, "CONFIG", "SET", name, value)


def memory(server) -> int:
    return ask(server, "INFO", "memory")["used_memory"]


def test_redis_has_no_memory_left(small):
    with closing(RedisOnline(small.url, "full", lease_s=LEASE_S)) as store:
        before = {b"k%03d" % number: b"old" for number in range(500)}
        store.move(b"", b"1", before.items())
        held, keys = memory(small), ask(small, "DBSIZE")
        ask(small, "CONFIG", "SET", "maxmemory", held + (8 << 20))
        many = ((b"k%03d" % number, random.Random(number).randbytes(100_000)) for number in range(500))
        error = failure(lambda: store.move(b"1", b"2", many))
        assert (type(error), error.code) == (InputError, "online.full")
        assert whole(store) == (b"1", before)
        assert ask(small, "DBSIZE") == keys - 1  # the note of what the first move wrote
        assert memory(small) < held + (4 << 20)
        store.move(b"1", b"2", [(b"k000", b"new")])
        assert whole(store) == (b"2", {**before, b"k000": b"new"})


def test_redis_cannot_write_its_disk(small):
    with closing(RedisOnline(small.url, "disk", lease_s=LEASE_S)) as store:
        store.move(b"", b"1", [(b"a", b"1")])
        disk = small.folder / "disk"
        disk.rmdir()
        ask(small, "CONFIG", "SET", "save", "3600 1")
        try:
            ask(small, "BGSAVE")
            while ask(small, "INFO", "persistence")["rdb_last_bgsave_status"] == "ok":
                time.sleep(0.02)
            error = failure(lambda: store.move(b"1", b"2", [(b"a", b"2")]))
            assert (type(error), error.code) == (InputError, "online.full")
            assert whole(store) == (b"1", {b"a": b"1"})
        finally:
            disk.mkdir()
            ask(small, "CONFIG", "SET", "save", "")
        store.move(b"1", b"2", [(b"a", b"2")])
        assert whole(store) == (b"2", {b"a": b"2"})


def test_a_redis_that_forgets_is_refused(small):
    ask(small, "CONFIG", "SET", "maxmemory", 1 << 30)
    ask(small, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    with closing(RedisOnline(small.url, "forgets", lease_s=LEASE_S)) as store:
        error = failure(lambda: store.move(b"", b"1", ()))
        assert (error.code, error.found) == ("online.unreadable", "maxmemory-policy allkeys-lru")
        ask(small, "CONFIG", "SET", "maxmemory-policy", "volatile-ttl")
        store.move(b"", b"1", [(b"a", b"1")])
        assert whole(store) == (b"1", {b"a": b"1"})


def test_redis_keeps_no_version_that_nobody_can_read(redis):
    ask(redis, "FLUSHALL")
    with closing(RedisOnline(redis.url, "tidy", lease_s=LEASE_S)) as store:
        for number in range(6):
            changes = [(b"k%d" % at, None if at == number else b"%d" % number) for at in range(6)]
            store.move(b"%d" % number if number else b"", b"%d" % (number + 1), changes)
        assert ask(redis, "DBSIZE") == 2 + 6 + 5  # state, notes; new versions; old versions of what was there
        store.move(b"6", b"7", ())
        assert ask(redis, "DBSIZE") == 1 + 5


def test_a_writer_of_redis_that_lost_its_right_writes_nothing_more(redis):
    with closing(RedisOnline(redis.url, "lost", lease_s=LEASE_S)) as store:
        store.move(b"", b"1", [(b"a", b"1"), (b"b", b"1")])

        def changes():
            yield from ((b"x%d" % number, b"2") for number in range(MANY))
            ask(redis, "DEL", "{lost}lease")  # as when its process was stopped for too long
            store.move(b"1", b"3", [(b"b", b"3")])
            yield from ((b"y%d" % number, b"2") for number in range(MANY))

        assert failure(lambda: store.move(b"1", b"2", changes())).code == "online.busy"
        assert whole(store) == (b"3", {b"a": b"1", b"b": b"3"})
        store.move(b"3", b"4", [(b"a", None)])
        assert whole(store) == (b"4", {b"b": b"3"})


def test_redis_was_emptied_or_written_by_somebody_else(redis):
    with closing(RedisOnline(redis.url, "emptied", lease_s=LEASE_S)) as store:
        store.move(b"", b"1", [(b"a", b"1")])
        with store.look() as snapshot:
            ask(redis, "FLUSHALL")
            assert failure(lambda: snapshot.get([b"a"])).code == "online.moved"
        assert whole(store) == (b"", {})
        store.move(b"", b"1", [(b"a", b"1")])
        ask(redis, "SET", "{emptied}new:a", "noise")
        error = failure(lambda: seen(store, [b"a"]))
        assert (type(error), error.code) == (IntegrityError, "online.damaged")
        for kind, words in (
            ("noise", ("SET", "{emptied}state", "noise")),
            ("a list", ("RPUSH", "{emptied}state", "1")),
        ):
            ask(redis, "DEL", "{emptied}state")
            ask(redis, *words)
            assert failure(lambda: seen(store)).code == "online.damaged", kind
