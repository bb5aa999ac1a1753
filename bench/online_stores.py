"""Each online store beside its library alone: four blocks read for a question, ten thousand written at once."""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import lmdb
import psycopg
import pytest
import redis
from measured import Result, against, tell

from andon.adapters.lmdb import LmdbOnline
from andon.adapters.postgres import PostgresOnline
from andon.adapters.redis import RedisOnline
from andon.expressions.online.store import OnlineStore

sys.path.append(str(Path(__file__).parents[1]))
from tests.factories.online_servers import postgres_server, redis_server

BLOCKS, SIZE, AT_ONCE, READS, ROUNDS = 10_000, 1_000, 4, 1_000, 5
KEYS = [b"group-16-bytes--" + number.to_bytes(8) for number in range(BLOCKS)]
UPSERT = "INSERT INTO bare VALUES (%b, %b) ON CONFLICT (key) DO UPDATE SET data = excluded.data"
Bare = tuple[Callable[[list[bytes]], object], Callable[[list[tuple[bytes, bytes]]], object]]


def main() -> None:
    """Measure the stores whose servers are here."""
    results = [*measured("lmdb", LmdbOnline(Path(tempfile.mkdtemp()) / "online"), bare_lmdb())]
    with ExitStack() as servers:
        with suppress(pytest.skip.Exception, pytest.fail.Exception):
            url = servers.enter_context(postgres_server()).url
            results += measured("postgres", PostgresOnline(url, "bench"), bare_postgres(url))
        with suppress(pytest.skip.Exception, pytest.fail.Exception):
            url = servers.enter_context(redis_server()).url
            results += measured("redis", RedisOnline(url, "bench"), bare_redis(url))
    tell(*results)


def measured(name: str, store: OnlineStore, bare: Bare) -> Iterator[Result]:
    """Reads and moves of one store, taking turns with what its library does alone."""
    bare_get, bare_put = bare

    def get(keys: list[bytes]) -> object:
        with store.look() as snapshot:
            return snapshot.position, snapshot.get(keys)

    def move(changes: list[tuple[bytes, bytes]]) -> None:
        with store.look() as snapshot:
            before = bytes(snapshot.position)
        store.move(before, os.urandom(32), changes)

    with closing(store):
        moves, puts, gets, bare_gets = [], [], [], []
        for _ in range(ROUNDS):
            changes = [(key, os.urandom(SIZE)) for key in KEYS]
            moves.append(taken_ms(lambda changes=changes: move(changes)))
            puts.append(taken_ms(lambda changes=changes: bare_put(changes)))
            gets.append(median_us(get))
            bare_gets.append(median_us(bare_get))
    yield against(
        f"online_get_4_{name}",
        "us",
        min(gets),
        min(bare_gets),
        "The library asked for the four blocks alone: no position, and no moment that both are of.",
        note="Median of a thousand, the least of five rounds.",
    )
    yield against(
        f"online_move_10000_of_1kB_{name}",
        "ms",
        min(moves),
        min(puts),
        "The library writing the blocks alone: in one transaction; with Redis one by one, seen half done.",
        note="The least of five rounds; what a store keeps for questions under way is in it.",
    )


def bare_lmdb() -> Bare:
    """LMDB as one would call it."""
    file = lmdb.open(tempfile.mkdtemp(), map_size=1 << 30)

    def get(keys: list[bytes]) -> object:
        with file.begin(buffers=True) as transaction:
            return [transaction.get(key) for key in keys]

    def put(changes: list[tuple[bytes, bytes]]) -> None:
        with file.begin(write=True) as transaction:
            for key, data in changes:
                transaction.put(key, data)

    return get, put


def bare_postgres(url: str) -> Bare:
    """Psycopg as one would call it."""
    link = psycopg.connect(url, autocommit=True)
    link.execute("CREATE TABLE bare (key bytea PRIMARY KEY, data bytea)")

    def get(keys: list[bytes]) -> object:
        return link.execute("SELECT key, data FROM bare WHERE key = ANY(%b)", (keys,), binary=True).fetchall()

    def put(changes: list[tuple[bytes, bytes]]) -> None:
        with link.transaction(), link.cursor() as cursor:
            cursor.executemany(UPSERT, changes)

    return get, put


def bare_redis(url: str) -> Bare:
    """redis-py as one would call it."""
    client = redis.Redis.from_url(url)

    def put(changes: list[tuple[bytes, bytes]]) -> None:
        with client.pipeline(transaction=False) as asked:
            for key, data in changes:
                asked.set(key, data)
            asked.execute()

    return client.mget, put


def taken_ms(work: Callable[[], object]) -> float:
    """How long it takes, in milliseconds."""
    begun = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - begun) / 1e6


def median_us(get: Callable[[list[bytes]], object]) -> float:
    """The median time of one read in microseconds."""
    taken = []
    for number in range(READS):
        keys = KEYS[number * AT_ONCE : (number + 1) * AT_ONCE]
        begun = time.perf_counter_ns()
        get(keys)
        taken.append(time.perf_counter_ns() - begun)
    return sorted(taken)[READS // 2] / 1000


if __name__ == "__main__":
    main()
