"""A small factory with two releases, one after the other, and what somebody with its files can do to it."""

import json
import re
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from andon.kernel.errors import AndonError
from andon.wiring.calls.auditing import verify_factory
from andon.wiring.served import BundledReleases, ServerSettings, serve_folders
from andon.wiring.settings import load_settings
from andon.wiring.targets import server_settings
from andon.wiring.worker import Worker
from tests.factories.place import Place
from tests.factories.states import parcels_in


@dataclass(frozen=True)
class Whole:
    """A factory that released twice; `ANDON_HOME` and `ANDON_AS` are set for it.

    Attributes:
        earlier: How it was after the first time.
    """

    place: Place
    earlier: Place

    @property
    def state(self) -> Path:
        return self.place.folder / ".andon"

    @property
    def serving(self) -> Path:
        return self.state / "serve" / "local" / "late"

    @property
    def memory(self) -> Path:
        (path,) = self.place.home.glob("*/remembered.json")
        return path

    @property
    def settings(self) -> ServerSettings:
        return server_settings(load_settings(self.place.folder), "local")

    @property
    def releases(self) -> list[str]:
        """Both releases, the older one first."""
        return [
            digest for (digest,) in self.sql("select digest from manifests where kind = 'release' order by sequence")
        ]

    def sql(self, query: str, *values: object) -> list[tuple]:
        """What the owner of the database can do to it: without its guards."""
        with closing(sqlite3.connect(self.state / "control.db", timeout=30)) as database:
            if not query.startswith("select"):
                for (guard,) in database.execute("select name from sqlite_master where type = 'trigger'").fetchall():
                    database.execute(f"drop trigger {guard}")
            done = database.execute(query, values)
            found = done.fetchall()
            assert query.startswith("select") or done.rowcount, "the attack changed nothing"
            database.commit()
        return found

    def manifest(self, digest: str) -> dict:
        ((body,),) = self.sql("select body from manifests where digest = ?", digest)
        return json.loads(body)

    def model_of(self, release: str) -> dict:
        (model,) = [one["digest"] for one in self.manifest(release)["inputs"] if one["role"] == "model"]
        return self.manifest(model)

    def object_of(self, manifest: dict, name: str) -> Path:
        """The file of an object of an artefact."""
        (sha256,) = [one["sha256"] for one in manifest["content"] if one["name"] == name]
        return self.stored(sha256)

    def stored(self, sha256: str) -> Path:
        name = sha256.removeprefix("sha256:")
        (path,) = [path for path in (self.state / "store").rglob(f"{name}*") if path.is_file()]
        return path

    def put_back(self, name: str) -> None:
        """Restore a file or a folder of the factory's state to how it was after the first release."""
        before, now = self.earlier.folder / ".andon" / name, self.state / name
        if before.is_dir():
            shutil.rmtree(now)
            shutil.copytree(before, now)
        else:
            overwrite(now, before.read_bytes())

    def audited(self) -> list[str]:
        """What `andon audit verify` finds wrong; nothing when all is well."""
        try:
            return [
                line for line in verify_factory(self.place.folder, lambda _: None).lines if line.startswith("WRONG")
            ]
        except AndonError as error:
            return [f"WRONG  {error.code}: {error}"]

    def answered(self) -> str:
        """The release that a worker which starts now answers with; else what is wrong, in its words."""
        try:
            worker = Worker(self.settings, "w9")
            worker.settle(30)
        except AndonError as error:
            return f"{error.code}: {error}"
        follower = worker.routes["late"].follower
        serving = follower.peek()
        worker._held.close()
        if serving is None or serving.problem:
            return "; ".join(follower.problems()) or "nothing"
        return serving.loaded.release

    def loaded(self, release: str) -> str:
        """Empty if a server loads the release, else why not."""
        (folder,) = serve_folders(Path(self.settings.folder))
        try:
            BundledReleases(folder, self.settings).load(release)
        except AndonError as error:
            return error.code
        return ""


def whole_in(states: Path, path: Path) -> Whole:
    """A copy at `path` of the factory that released twice, and the factory that had released once."""
    return Whole(parcels_in(states, "twice").copied_to(path), parcels_in(states, "finished"))


def overwrite(path: Path, data: bytes) -> None:
    """Write a file that was meant never to change again."""
    path.chmod(0o600)
    path.write_bytes(data)


def flip(path: Path, at: int) -> None:
    """Change one bit of one byte of a file."""
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    overwrite(path, bytes(data))


def codes(lines: list[str]) -> set[str]:
    """The codes of an audit's findings."""
    return {re.split(r"[ :]+", line)[1] for line in lines}
