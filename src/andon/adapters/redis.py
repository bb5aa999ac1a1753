"""The online store of many machines on a server that speaks the Redis protocol: two versions of what is being moved."""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from struct import Struct
from threading import Event, Thread
from typing import Final, cast
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from andon.expressions.online.store import Snapshot
from andon.kernel.errors import AndonError, ConflictError, InputError, IntegrityError
from andon.kernel.ids import system_entropy

LEASE_S: Final = 30.0
_NAMES: Final = re.compile(r"[A-Za-z0-9_.:/@=+-]+")
_AT_ONCE: Final = 500
_BYTES_AT_ONCE: Final = 1 << 20
_SCANNED: Final = 10_000
_HEAD: Final = Struct(">QQ")
"""Of a version: the move that wrote it, and whether there is anything. Of the state: the last move, the oldest kept."""

_RENEW: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""
_FREE: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
"""
_OPEN: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[2])
return 1
"""
# What is noted comes first: there a memory that is full refuses the script before it has changed anything.
_WRITE: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SADD', KEYS[2], unpack(ARGV, 3, 2 + (#KEYS - 2) / 2))
for at = 3, #KEYS, 2 do
  local head = redis.call('GETRANGE', KEYS[at], 0, 7)
  if head ~= '' and head ~= ARGV[2] then redis.call('RENAME', KEYS[at], KEYS[at + 1]) end
  redis.call('SET', KEYS[at], ARGV[2 + (#KEYS - 2) / 2 + (at - 1) / 2])
end
return 1
"""
_TIDY: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
for at = 3, #KEYS, 2 do
  local head = redis.call('GETRANGE', KEYS[at], 0, 15)
  if string.sub(head, 1, 8) ~= ARGV[2] then
    redis.call('DEL', KEYS[at + 1])
    if string.sub(head, 9) == string.rep('\\0', 8) then redis.call('DEL', KEYS[at]) end
  elseif redis.call('EXISTS', KEYS[at + 1]) == 1 then
    redis.call('RENAME', KEYS[at + 1], KEYS[at])
  else
    redis.call('DEL', KEYS[at])
  end
end
redis.call('SREM', KEYS[2], unpack(ARGV, 3))
return 1
"""
_CLOSE: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] or redis.call('GET', KEYS[2]) ~= ARGV[2] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[2], ARGV[3])
return 1
"""


@dataclass(frozen=True, slots=True)
class _State:
    """Where a store is.

    Attributes:
        move: The number of the last move that was finished.
        oldest: The first whose moment can still be read.
    """

    move: int = 0
    oldest: int = 0
    position: bytes = b""

    def to_bytes(self) -> bytes:
        return _HEAD.pack(self.move, self.oldest) + self.position


class _Look:
    """What could be read when it was opened; the server is asked at each `get`."""

    __slots__ = ("_state", "_store")

    def __init__(self, store: "RedisOnline") -> None:
        self._store = store

    def __enter__(self) -> "_Look":
        self._state = self._store.state()
        return self

    def __exit__(self, *_: object) -> None:
        pass

    @property
    def position(self) -> bytes:
        return self._state.position

    def get(self, keys: Sequence[bytes]) -> list[memoryview | None]:
        return self._store.read(self._state, keys)


class RedisOnline:
    """Implements `andon.expressions.online.store.OnlineStore`, on Redis 6 or newer, Valkey, and what speaks like them.

    Moves have numbers. A move writes new versions beside the old ones, some at a time, so that no other client waits
    for long; nobody sees them until one small step at its end makes its number the one that counts. Old versions are
    kept until the next move begins, so a question that was under way when a move ended is answered as of its
    beginning; only one that lasts longer than that is refused (`online.moved`). Versions of a move that was never
    finished are taken back by the next one, from a note of what it wrote. This takes memory for both versions of what
    the last move changed, and while a move is going on a second round trip for what it has changed already.

    The right to write is a lease: every step of a move sees, on the server, that its writer still has it.

    All keys of a store are in one hash slot, that of `{name}`. A server that forgets keys when its memory is full is
    refused, since a block that is forgotten looks like one that never was.

    Args:
        url: Where the server is: `redis://user:password@host:6379/0`, or `rediss://` or `unix://`.
        name: The store's name, with which all its keys begin.
        lease_s: How long the right to write outlives a writer that died.

    Raises:
        InputError: This is no address, or no name of a store.
    """

    def __init__(self, url: str, name: str, lease_s: float = LEASE_S) -> None:
        self._client = _client(url)
        self._place = f"{_where(self._client)} {name}"
        if not _NAMES.fullmatch(name):
            raise InputError(
                "online.unreadable",
                "This cannot be the name of an online store.",
                found=repr(name),
                fix="Use letters, digits and _ . : / @ = + -",
            )
        tag = b"{%s}" % name.encode()
        self._state, self._lease, self._noted = tag + b"state", tag + b"lease", tag + b"noted"
        self._new, self._old = tag + b"new:", tag + b"old:"
        self._lease_ms = max(1, round(lease_s * 1000))

    def look(self) -> AbstractContextManager[Snapshot]:
        """The store as it is now."""
        return _Look(self)

    def move(self, before: bytes, after: bytes, changes: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Write these blocks beside the old ones, then let them and the new position count."""
        with self._refusing(), self._leased() as token:
            self._see_that_nothing_is_forgotten()
            state = self.state()
            if state.position != before:
                raise self._moved()
            state = _State(state.move, state.move, before)
            self._step(_OPEN, (self._state,), token, state.to_bytes())
            self._tidy(token, state)
            try:
                for some in _batches(changes):
                    self._write(token, state.move + 1, some)
                done = _State(state.move + 1, state.move, after)
                self._step(_CLOSE, (self._state,), token, state.to_bytes(), done.to_bytes())
            except BaseException:
                with suppress(redis.RedisError, ConflictError):  # whoever writes next does it
                    self._tidy(token, state)
                raise

    def keys(self, prefix: bytes) -> Iterator[bytes]:
        """The keys that begin so, in their order; all of them are held in memory."""
        state = self.state()
        pattern = re.sub(rb"([*?\[\]\\])", rb"\\\1", self._new + prefix) + b"*"
        with self._refusing():
            names = sorted(set(self._client.scan_iter(pattern, count=_SCANNED)))
        keys = [name[len(self._new) :] for name in names]
        for at in range(0, len(keys), _AT_ONCE):
            some = keys[at : at + _AT_ONCE]
            with self._refusing(), self._client.pipeline(transaction=True) as asked:
                asked.get(self._state)
                for key in some:
                    asked.getrange(self._new + key, 0, _HEAD.size - 1)
                    asked.getrange(self._old + key, 0, _HEAD.size - 1)
                said, *heads = asked.execute()
            self._see_that_it_is_kept(state, said)
            for key, new, old in zip(some, heads[::2], heads[1::2], strict=True):
                if self._version(state, new or None, old or None) is not None:
                    yield key

    def close(self) -> None:
        """Let go of all connections."""
        self._client.close()

    def state(self) -> _State:
        """Where the store is now."""
        with self._refusing():
            return self._read_state(self._client.get(self._state))

    def read(self, state: _State, keys: Sequence[bytes]) -> list[memoryview | None]:
        """What was under each key when the store was there.

        Raises:
            ConflictError: That is too long ago.
        """
        new = [self._new + key for key in keys]
        with self._refusing():
            said, *found = self._mget([self._state, *new])
            self._see_that_it_is_kept(state, said)
            if all(data is None or self._move_of(data) <= state.move for data in found):
                return [self._version(state, data, None) for data in found]
            said, *found = self._mget([self._state, *new, *(self._old + key for key in keys)])
            self._see_that_it_is_kept(state, said)
            return [self._version(state, *both) for both in zip(found[: len(new)], found[len(new) :], strict=True)]

    def _version(self, state: _State, new: bytes | None, old: bytes | None) -> memoryview | None:
        """The newest version that this state sees, when all that there are were read at once."""
        for data in (new, old):
            if data is not None and self._move_of(data) <= state.move:
                return memoryview(data)[_HEAD.size :] if _HEAD.unpack_from(data)[1] else None
        return None

    def _move_of(self, data: bytes) -> int:
        """The number of the move that wrote a version."""
        if len(data) < _HEAD.size:
            raise self._damaged(f"{len(data)} bytes under a key")
        return int.from_bytes(data[:8])

    def _read_state(self, said: object) -> _State:
        if said is None:
            return _State()
        if not isinstance(said, bytes) or len(said) < _HEAD.size:
            raise self._damaged("another state than was written")
        move, oldest = _HEAD.unpack_from(said)
        return _State(move, oldest, said[_HEAD.size :])

    def _see_that_it_is_kept(self, state: _State, said: object) -> None:
        now = self._read_state(said)
        if not now.oldest <= state.move <= now.move:
            raise self._moved()

    def _mget(self, names: Sequence[bytes]) -> list[bytes | None]:
        return cast("list[bytes | None]", self._client.mget(names))

    def _write(self, token: bytes, move: int, some: Sequence[tuple[bytes, bytes | None]]) -> None:
        """Write versions that nobody sees yet."""
        names = [name for key, _ in some for name in (self._new + key, self._old + key)]
        versions = [_HEAD.pack(move, data is not None) + (data or b"") for _, data in some]
        self._step(_WRITE, (self._noted, *names), token, move.to_bytes(8), *(key for key, _ in some), *versions)

    def _tidy(self, token: bytes, state: _State) -> None:
        """Drop the versions before the last move, and those of a move that was never finished."""
        while keys := cast("list[bytes]", self._client.srandmember(self._noted, _AT_ONCE)):
            names = [name for key in keys for name in (self._new + key, self._old + key)]
            self._step(_TIDY, (self._noted, *names), token, (state.move + 1).to_bytes(8), *keys)

    def _step(self, script: str, names: Sequence[bytes], token: bytes, *told: bytes) -> None:
        """Run a step of a move, which can be run again with the same outcome when its answer was lost on the way."""
        if not self._client.eval(script, 1 + len(names), self._lease, *names, token, *told):
            raise self._busy("the right to write was lost to another")

    @contextmanager
    def _leased(self) -> Iterator[bytes]:
        """The right to write, renewed for as long as the block takes."""
        token, done = system_entropy(16), Event()
        if not self._client.set(self._lease, token, nx=True, px=self._lease_ms) and (
            self._client.get(self._lease) != token  # it is, where the answer to an earlier try was lost
        ):
            raise self._busy("its lease is held")

        def renew() -> None:
            while not done.wait(self._lease_ms / 3000):
                with suppress(redis.RedisError):
                    self._client.eval(_RENEW, 1, self._lease, token, self._lease_ms)

        renewal = Thread(target=renew, daemon=True)
        renewal.start()
        try:
            yield token
        finally:
            done.set()
            renewal.join()
            with suppress(redis.RedisError):
                self._client.eval(_FREE, 1, self._lease, token)

    def _see_that_nothing_is_forgotten(self) -> None:
        said = cast("dict[str, object]", self._client.info("memory"))
        if said.get("maxmemory") and str(said.get("maxmemory_policy")).startswith("allkeys"):
            raise InputError(
                "online.unreadable",
                "This server forgets keys when its memory is full, so nothing can be relied on there.",
                place=self._place,
                found=f"maxmemory-policy {said['maxmemory_policy']}",
                fix="Set maxmemory-policy to noeviction, or give the online store a server of its own.",
            )

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        try:
            yield
        except redis.RedisError as error:
            raise self._refused(error) from error

    def _refused(self, error: redis.RedisError) -> AndonError:
        """What the server or the way to it refused, in andon's words."""
        found = str(error)
        if isinstance(error, redis.OutOfMemoryError) or "OOM " in found or "MISCONF" in found:
            return InputError(
                "online.full",
                "The online store cannot grow: its server has no room for more.",
                place=self._place,
                found=found,
                fix="Raise the server's maxmemory or make room on its disk; what was there before is served meanwhile.",
            )
        if "WRONGTYPE" in found:
            return self._damaged(found)
        return InputError(
            "online.unreadable",
            "The online store cannot be used.",
            place=self._place,
            found=found,
            fix="See that the server runs and can be reached, and that its user may read and write these keys.",
        )

    def _busy(self, found: str) -> ConflictError:
        return ConflictError(
            "online.busy",
            "Somebody else is writing to the online store.",
            place=self._place,
            found=found,
            fix="Ask again when that is done; what was there before is served meanwhile.",
        )

    def _moved(self) -> ConflictError:
        return ConflictError(
            "online.moved",
            "Somebody else has written to the online store.",
            place=self._place,
            fix="Ask again: it is compared with the datasets anew.",
        )

    def _damaged(self, found: str) -> IntegrityError:
        return IntegrityError(
            "online.damaged",
            "What the online store holds is not what was written.",
            place=self._place,
            found=found,
            fix="Make the store again from the datasets: andon feature rebuild",
        )


def _client(url: str) -> redis.Redis:
    """A client that tries a lost connection once more, and never waits for a dead server for long."""
    with suppress(redis.RedisError, ValueError):
        parts = urlsplit(url)
        if "@" not in parts.path + parts.query + parts.fragment:  # a password that was not quoted
            once_more = Retry(NoBackoff(), 1)
            return redis.Redis.from_url(url, retry=once_more, socket_timeout=15.0, socket_connect_timeout=5.0)
    raise InputError(
        "online.unreadable",
        "This is not the address of a Redis server; it is not shown, since it may hold a password.",
        fix="Write redis://user:password@host:6379/0, with % and two digits for any : / @ % ? # in the password.",
    )


def _where(client: redis.Redis) -> str:
    """The server as it may be named: without user and password."""
    said = client.get_connection_kwargs()
    where = said.get("path") or f"{said.get('host', 'localhost')}:{said.get('port', 6379)}"
    return f"redis://{where}/{said.get('db', 0)}"


def _batches(changes: Iterable[tuple[bytes, bytes | None]]) -> Iterator[list[tuple[bytes, bytes | None]]]:
    """The changes in pieces that the server takes in a moment."""
    some: list[tuple[bytes, bytes | None]] = []
    size = 0
    for key, data in changes:
        some.append((key, data))
        size += len(data or b"")
        if len(some) >= _AT_ONCE or size >= _BYTES_AT_ONCE:
            yield some
            some, size = [], 0
    if some:
        yield some
