"""A factory put together: settings in, everything that runs it out."""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from andon.adapters.files import FileBlobs
from andon.adapters.keys import load_signer, verifier
from andon.adapters.sql.database import Database, open_database
from andon.adapters.trust_folder import FolderRoots, HomeFolder
from andon.attest.trust_root import TrustRoot
from andon.contracts.declaration import Declaration
from andon.contracts.policy import Tier
from andon.contracts.wire import from_json
from andon.gates.gatekeeper import Gatekeeper
from andon.gates.keeping import Keeping
from andon.gates.record import Record, log_verifiers
from andon.kernel.canonical import loads
from andon.kernel.clock import Clock, SystemClock
from andon.kernel.digest import Digest
from andon.kernel.ids import new_id, system_entropy
from andon.kernel.signing import Signer
from andon.ledger.log import Ledger
from andon.line.train.environment import capture
from andon.runtime.children import Children
from andon.runtime.line import Line, Records
from andon.wiring.children import LocalChildren, fresh_folder
from andon.wiring.doors import doors
from andon.wiring.settings import Settings, load_settings
from andon.wiring.signing import service_signer
from andon.wiring.skew import Recorded, Skew, skew_in
from andon.wiring.sockets.apart_children import ApartChildren
from andon.wiring.targets import ServedTargets
from andon.wiring.tier import Standing, facts_of, standing
from andon.wiring.trust import GATEKEEPER, LOG, current_root
from andon.wiring.witnessing import witnesses_at

ENTROPY_BYTES: Final = 10


@dataclass(frozen=True, slots=True)
class Opened:
    """A factory's records and gatekeeper, without its code.

    Attributes:
        standing: The trust tier, and what it does not protect against.
    """

    settings: Settings
    clock: Clock
    database: Database
    blobs: FileBlobs
    home: HomeFolder
    ledger: Ledger
    gatekeeper: Gatekeeper
    gate_key: Signer
    children: Children
    standing: Standing

    def new_id(self, now_ns: int) -> str:
        """A fresh id that sorts by time."""
        return new_id(now_ns, system_entropy(ENTROPY_BYTES))

    def declaration(self, digest: Digest) -> Declaration:
        """A declaration as it was recorded.

        Raises:
            AndonError: It is not in the store, or damaged.
        """
        return from_json(Declaration, loads(self.blobs.read(digest)))

    def skew(self, model: str, target: str, last: int) -> Skew:
        """The newest logged predictions, computed again; see `skew_in`."""
        recorded = Recorded(
            settings=self.settings,
            manifest=self.database.manifests.get,
            read=self.blobs.read,
            line=lambda digest: self.line(self.declaration(digest)),
        )
        return skew_in(recorded, model, target, last)

    def line(self, declaration: Declaration) -> Line:
        """The line that a declaration declares."""
        return Line(
            code=self.settings.code,
            declaration=declaration,
            contracts=declaration.datasets(),
            records=Records(
                units=self.database.units,
                manifests=self.database.manifests,
                refs=self.database.refs,
                runs=self.database.runs,
                attempts=self.database.attempts,
                commits=self.database.commits,
                leases=self.database.leases,
                blobs=self.blobs,
            ),
            children=self.children,
            gatekeeper=self.gatekeeper,
            targets=ServedTargets(self.settings, declaration, self.blobs, self.gate_key, self.skew),
            loaders=doors,
            environment=capture(),
            root_version=current_root(self.settings).version,
            clock=self.clock,
            scratch=partial(fresh_folder, self.settings.spool),
            new_id=self.new_id,
            host=platform.node() or "localhost",
            pid=os.getpid(),
        )


@contextmanager
def open_factory(folder: Path) -> Iterator[Opened]:
    """Open the factory of a folder, and close it after.

    Raises:
        AndonError: There is none, or its settings, keys, trust root or database are not what they must be.
    """
    settings = load_settings(folder)
    root = current_root(settings)
    settings.spool.mkdir(parents=True, exist_ok=True)
    database = open_database(f"sqlite:///{settings.database}")
    try:
        ledger = _ledger(settings, root, database)
        gate_key = _gate_key(settings)
        stands = standing(facts_of(settings))
        blobs = FileBlobs(settings.store)
        keeping = _keeping(database, blobs, _record(settings, database, ledger, gate_key), stands.tier)
        yield Opened(
            settings=settings,
            clock=ledger.clock,
            database=database,
            blobs=blobs,
            home=HomeFolder(settings.home),
            ledger=ledger,
            gatekeeper=Gatekeeper(keeping),
            gate_key=gate_key,
            children=_children(settings),
            standing=stands,
        )
    finally:
        database.close()


def _children(settings: Settings) -> Children:
    """Who runs user code: children of this process, or a runner where the gatekeeper has an OS user of its own."""
    if settings.apart is None:
        return LocalChildren(settings.spool)
    return ApartChildren(settings.apart, settings.spool)


def _ledger(settings: Settings, root: TrustRoot, database: Database) -> Ledger:
    known = log_verifiers(root, verifier)
    return Ledger(
        rows=database.ledger_rows,
        checkpoints=database.checkpoints,
        signer=load_signer(HomeFolder(settings.home).key(LOG)),
        origin=settings.origin,
        clock=SystemClock(),
        verifiers=known,
        witnesses=witnesses_at(settings.witnesses, tuple(known.values())),
    )


def _gate_key(settings: Settings) -> Signer:
    """The gatekeeper's key: a file, or a token that it never leaves."""
    if settings.apart and settings.apart.key:
        return service_signer(settings.apart.key)
    return load_signer(HomeFolder(settings.home).key(GATEKEEPER))


def _record(settings: Settings, database: Database, ledger: Ledger, key: Signer) -> Record:
    home = HomeFolder(settings.home)
    return Record(
        statements=database.statements,
        ledger=ledger,
        signer=key,
        roots=FolderRoots(settings.trust),
        fingerprint=home.pinned(),
        verifier=verifier,
        memory=home,
    )


def _keeping(database: Database, blobs: FileBlobs, record: Record, tier: Tier) -> Keeping:
    return Keeping(
        units=database.units,
        manifests=database.manifests,
        refs=database.refs,
        blobs=blobs,
        commits=database.commits,
        record=record,
        clock=record.ledger.clock,
        tier=tier,
    )
