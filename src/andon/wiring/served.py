"""One worker put together: from the settings of its server to routes that answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from andon.adapters.files import FileBlobs
from andon.adapters.keys import verifier
from andon.adapters.trust_folder import FolderRoots, HomeFolder
from andon.attest.succession import verify_versions
from andon.attest.trust_root import TrustRoot
from andon.contracts.dataset import contract_from_json
from andon.contracts.release import ReleaseFacts
from andon.contracts.wire import from_json, to_json
from andon.gates.bundle import LoadedRelease as CheckedRelease
from andon.gates.bundle import Trust, check_bundle, read_bundle
from andon.kernel.canonical import dumps, loads
from andon.kernel.digest import Digest, hex_of
from andon.kernel.errors import InputError, IntegrityError
from andon.ledger.memory import Remembered
from andon.line.ingest.stage import read_dataset
from andon.line.serve.folder import ServeFolder
from andon.line.serve.loaded import LoadedRelease, load_release
from andon.line.serve.routing import OpenTable
from andon.line.serve.sealing import table_opener
from andon.line.serve.state import ServingState
from andon.wiring.doors import doors
from andon.wiring.revocations import revoked_on
from andon.wiring.settings import plain_name


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """All that a server needs to know; it holds no key and never opens the control database.

    Attributes:
        folder: The target's folder, with one serve folder a model.
        own: Folder that the servers write, where they have an OS user of their own; empty where it is the same.
        online_url: Where the online store is, or `env:` and the variable that says it; empty for a file of the servers.
        store: Folder of the immutable objects.
        trust: Folder of the trust root's versions.
        fingerprint: Of the first trust root, pinned.
        memory: Folder, outside the factory, of what this machine has seen of ledger and trust root; it is only read.
        origin: The ledger's name.
        port: 0 for any free one.
    """

    factory: str
    target: str
    folder: str
    store: str
    trust: str
    fingerprint: Digest
    memory: str
    origin: str
    host: str = "127.0.0.1"
    port: int = 0
    workers: int = 2
    own: str = ""
    online_url: str = ""

    @property
    def written(self) -> Path:
        """The folder that the servers write."""
        return Path(self.own or self.folder)

    @property
    def online(self) -> Path:
        """Folder of the online store."""
        return self.written / "online"

    @property
    def is_apart(self) -> bool:
        """Whether the servers have an OS user of their own."""
        return bool(self.own)

    def serve_folder(self, model: str) -> ServeFolder:
        """The serve folder of a model.

        Raises:
            InputError: The model is no plain name (`serve.not-a-name`).
        """
        name = plain_name(model)
        return ServeFolder(Path(self.folder) / name, Path(self.own) / name if self.own else None)

    def serve_folders(self) -> list[ServeFolder]:
        """The serve folders of all models that were ever promoted to the target."""
        return serve_folders(Path(self.folder), Path(self.own) if self.own else None)


def write_server_settings(settings: ServerSettings, path: Path) -> None:
    """Write the settings where a server's process reads them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(dumps(to_json(settings)))


def read_server_settings(path: Path) -> ServerSettings:
    """Read what `write_server_settings` wrote.

    Raises:
        InputError: The file is missing or says something else.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            "serve.no-settings",
            "The server's settings cannot be read.",
            place=str(path),
            found=error.strerror or "unreadable",
            fix="Start the server with: andon up",
        ) from error
    return from_json(ServerSettings, loads(data), str(path))


class BundledReleases:
    """Releases by the bundles that lie in a serve folder, checked whole at every load.

    Args:
        folder: The serve folder.
        settings: Those of its server.
    """

    def __init__(self, folder: ServeFolder, settings: ServerSettings) -> None:
        self._folder = folder
        self._target = settings.target
        self._blobs = FileBlobs(Path(settings.store))
        self._settings = settings

    def load(self, release: Digest) -> LoadedRelease:
        """The release, after its admission, bytes and golden answers were checked just now.

        Raises:
            AndonError: It may not be served here, or it cannot be.
        """
        checked = self.check(release)
        facts: ReleaseFacts = checked.facts
        return load_release(checked.release, checked.model, facts, checked.objects, doors())

    def check(self, release: Digest) -> CheckedRelease:
        """The release, after its admission and bytes were checked just now; nothing of it is run.

        Raises:
            AndonError: It may not be served here.
        """
        path = bundle_path(self._folder, release)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise InputError(
                "serve.no-bundle",
                "The proof that this release may be served is missing.",
                place=str(path),
                found=error.strerror or "unreadable",
                fix="Promote the release: that lays its bundle out for the servers.",
            ) from error
        checked = check_bundle(read_bundle(data), self._target, self._blobs.read, self._trust())
        if checked.release != release:
            raise IntegrityError(
                "serve.other-bundle",
                "This bundle proves another release.",
                place=str(path),
                found=checked.release,
                fix="Promote the release again: that lays its own bundle out for the servers.",
            )
        return checked

    def _trust(self) -> Trust:
        settings = self._settings
        versions = versions_of(settings)
        revoked = revoked_on(Path(settings.folder), versions[-1])
        return Trust(settings.fingerprint, verifier, revoked, remembered_by(settings), versions)


class StoredTables:
    """Published datasets in the store."""

    def __init__(self, store: Path) -> None:
        self._blobs = FileBlobs(store)

    def read(self, state: ServingState) -> Mapping[str, pl.LazyFrame]:
        """The rows of each contract's dataset; every object's bytes are checked.

        Raises:
            AndonError: An object is missing or damaged.
        """
        return {
            one.name: read_dataset(
                [(self._blobs.local(item.digest), item.digest, item.published_ns) for item in one.objects],
                contract_from_json(one.contract),
            )
            for one in state.datasets
        }


def bundle_path(folder: ServeFolder, release: Digest) -> Path:
    """Where the bundle of a release lies in a serve folder."""
    return folder.root / "bundles" / f"{hex_of(release)}.json"


def remembered_by(settings: ServerSettings) -> Remembered | None:
    """What this machine has seen of the factory's ledger and trust root; `None` when nothing.

    Raises:
        IntegrityError: What it remembers cannot be read.
    """
    return HomeFolder(Path(settings.memory)).load(settings.origin)


def root_of(settings: ServerSettings) -> TrustRoot:
    """The newest trust root, verified from the pinned one on; never older than one that this machine has seen.

    Raises:
        AndonError: It is missing, does not follow from the pinned one, or a newer one was seen before.
    """
    return versions_of(settings)[-1]


def versions_of(settings: ServerSettings) -> Sequence[TrustRoot]:
    """Every version of the trust root, the first one first; see `root_of`."""
    versions = verify_versions(FolderRoots(Path(settings.trust)).envelopes(), settings.fingerprint, verifier)
    root = versions[-1]
    seen = remembered_by(settings)
    if seen and root.version < seen.root_version:
        raise IntegrityError(
            "serve.root-rolled-back",
            "A newer trust root was seen on this machine before.",
            place=settings.trust,
            found=f"version {root.version} after {seen.root_version}",
            fix="Restore the newest trust root.",
        )
    return versions


def opener_of(settings: ServerSettings) -> OpenTable:
    """What reads routing tables that this factory's gatekeeper signed.

    Raises:
        AndonError: The trust root is missing, older than one seen before, or does not follow from the pinned one.
    """
    return table_opener(root_of(settings), verifier)


def serve_folders(folder: Path, own: Path | None = None) -> list[ServeFolder]:
    """The serve folders of a target: one for each model that was ever promoted to it.

    Args:
        folder: The target's folder.
        own: Folder that its servers write, where they have an OS user of their own.
    """
    return [ServeFolder(path.parent, own / path.parent.name if own else None) for path in sorted(folder.glob("*/cell"))]
