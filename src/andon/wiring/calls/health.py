"""Whether this machine and this factory are in order: settings, keys, trust, records, store, clock, frameworks."""

import os
import platform
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final, Literal

from andon.adapters.files import FileBlobs
from andon.adapters.keys import load_signer, verifier
from andon.adapters.sql.database import REVISIONS, Database, open_database
from andon.adapters.trust_folder import HomeFolder
from andon.attest.trust_root import TrustRoot
from andon.gates.record import log_verifiers
from andon.kernel.canonical import Json
from andon.kernel.clock import SECOND_NS, Clock, SystemClock
from andon.kernel.digest import short
from andon.kernel.errors import AndonError
from andon.ledger.log import Ledger
from andon.line.package import PACKAGE, read_package
from andon.line.serve.folder import is_held
from andon.line.train.environment import capture
from andon.wiring.calls.showing import moment
from andon.wiring.doors import doors
from andon.wiring.settings import Settings, load_settings
from andon.wiring.signing import service_signer
from andon.wiring.tier import facts_of, standing
from andon.wiring.trust import GATEKEEPER, LOG, current_root

Mark = Literal["ok", "warn", "bad"]
DAY_NS: Final = 86_400 * SECOND_NS
SOON_DAYS: Final = 30
LITTLE_BYTES: Final = 1 << 30
TOO_LITTLE_BYTES: Final = 100 << 20
_GIBIBYTE: Final = 1 << 30
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at; `fix` says what to do where it is not in order."""

    mark: Mark
    what: str
    found: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    """How a factory and its machine are.

    Attributes:
        rows: Mark, what, found.
        fixes: What to do, a line each.
        is_well: Whether nothing is bad; warnings do not count.
    """

    checks: tuple[Check, ...]

    @property
    def rows(self) -> list[list[str]]:
        """The checks as rows for people."""
        return [[one.mark, one.what, one.found] for one in self.checks]

    @property
    def fixes(self) -> list[str]:
        """What to do, a line each."""
        return [f"fix {one.what}: {one.fix}" for one in self.checks if one.mark != "ok" and one.fix]

    @property
    def is_well(self) -> bool:
        """Whether nothing is bad; warnings do not count."""
        return all(one.mark != "bad" for one in self.checks)

    def to_json(self) -> dict[str, Json]:
        """The checks for programs."""
        checks: list[Json] = [
            {"mark": one.mark, "what": one.what, "found": one.found, "fix": one.fix} for one in self.checks
        ]
        return {"is_well": self.is_well, "checks": checks}


def examine(folder: Path) -> Health:
    """Look at everything that a factory needs, one check after another; what fails becomes a row, never an error."""
    machine = [*_checked("frameworks", _frameworks), *_checked("environment", _environment)]
    try:
        settings = load_settings(folder)
    except AndonError as error:
        return Health((_refused("settings", error), *machine))
    return Health(
        (
            Check("ok", "settings", f"factory {settings.name} in {settings.folder}"),
            *_checked("keys", lambda: _keys(settings)),
            *_checked("trust root", lambda: _trust(settings, SystemClock())),
            *_checked("database", lambda: _records(settings, SystemClock())),
            *_checked("store", lambda: _store(settings)),
            *_checked("spool", lambda: _spool(settings)),
            *_checked("trust tier", lambda: _tier(settings)),
            *machine,
        )
    )


def _checked(what: str, look: Callable[[], Iterator[Check]]) -> Iterator[Check]:
    try:
        yield from look()
    except AndonError as error:
        yield _refused(what, error)
    except OSError as error:
        yield Check("bad", what, f"{error.strerror or type(error).__name__}: {error.filename or ''}", "Mend the file.")


def _refused(what: str, error: AndonError) -> Check:
    parts = [error.message, error.place, error.found]
    return Check("bad", what, f"{'; '.join(part for part in parts if part)} ({error.code})", error.fix)


def _keys(settings: Settings) -> Iterator[Check]:
    home = HomeFolder(settings.home)
    if not home.keys.is_dir():
        yield Check("bad", "keys", f"{home.keys} is not there", "Set ANDON_HOME to where andon init ran.")
        return
    mode = stat.S_IMODE(home.keys.stat().st_mode)
    if mode & _OTHERS:
        yield Check("bad", "keys", f"{home.keys} has mode {mode:04o}", f"Run: chmod 700 {home.keys}")
    on_token = settings.apart.key if settings.apart else ""
    if on_token:
        service_signer(on_token)
    for name in (LOG,) if on_token else (GATEKEEPER, LOG):
        load_signer(home.key(name))
    others = sorted(path.stem for path in home.keys.glob("*.pem") if path.stem not in (GATEKEEPER, LOG))
    for name in others:
        load_signer(home.key(name))
    yield Check("ok", "keys", f"{GATEKEEPER}, {LOG} and {', '.join(others) or 'no person'} in {home.keys}")


def _trust(settings: Settings, clock: Clock) -> Iterator[Check]:
    root = current_root(settings)
    days = (root.expires_ns - clock.now_ns()) / DAY_NS
    found = f"version {root.version}, verified from the pinned one"
    if root.is_expired(clock.now_ns()):
        fix = "Have its owners sign a new version (andon policy); what runs goes on, and nothing new is admitted."
        yield Check("bad", "trust root", f"{found}, expired {moment(root.expires_ns)}", fix)
    else:
        mark: Mark = "ok" if days >= SOON_DAYS else "warn"
        yield Check(
            mark,
            "trust root",
            f"{found}, expires in {days:.0f} days",
            "Have its owners sign a new version: andon policy.",
        )


def _records(settings: Settings, clock: Clock) -> Iterator[Check]:
    if not settings.database.exists():
        yield Check("warn", "database", f"{settings.database} is not there yet", "Run the line: andon run")
        return
    database = open_database(f"sqlite:///{settings.database}")
    try:
        yield Check("ok", "database", f"{settings.database}, revision {REVISIONS[-1]}")
        yield from _checked("ledger", lambda: _ledger(settings, database, clock))
        yield from _checked("mathematics", lambda: _trained_in(settings, database))
    finally:
        database.close()


def _ledger(settings: Settings, database: Database, clock: Clock) -> Iterator[Check]:
    home, root = HomeFolder(settings.home), current_root(settings)
    ledger = _open_ledger(settings, database, root, clock)
    remembered = home.load(ledger.origin)
    if not remembered and not ledger.rows.size():
        yield Check("warn", "ledger", "no entries yet", "Run the line: andon run")
        return
    size = ledger.head().size
    if remembered and remembered.size > size:
        yield Check(
            "bad",
            "ledger",
            f"{size} entries, and {remembered.size} were seen before",
            "Restore the newest copy of the control database; then run: andon audit verify",
        )
        return
    yield Check("ok", "ledger", f"{size} entries under a signed head")
    last_ns = ledger.entry(size - 1).time_ns if size else 0
    behind_s = (last_ns - clock.now_ns()) / SECOND_NS
    if behind_s > 0:
        fix = "Set the machine's clock; nothing can be signed before the last entry of the ledger."
        yield Check("bad", "clock", f"{behind_s:.0f} s behind the ledger's last entry", fix)
    else:
        yield Check("ok", "clock", "not behind the ledger")


def _open_ledger(settings: Settings, database: Database, root: TrustRoot, clock: Clock) -> Ledger:
    return Ledger(
        rows=database.ledger_rows,
        checkpoints=database.checkpoints,
        signer=load_signer(HomeFolder(settings.home).key(LOG)),
        origin=f"{settings.id}/{settings.name}",
        clock=clock,
        verifiers=log_verifiers(root, verifier),
    )


def _trained_in(settings: Settings, database: Database) -> Iterator[Check]:
    """Whether the newest model was trained in this very environment: other libraries may give other bits."""
    here = capture()
    newest = database.manifests.of_kind("model", 1)
    if not newest:
        yield Check("ok", "mathematics", f"libm {short(here.libm)}; no model was trained yet")
        return
    manifest = database.manifests.get(newest[0])
    package = read_package(FileBlobs(settings.store).read(manifest.object(PACKAGE).sha256))
    if package.environment == here.digest():
        yield Check("ok", "mathematics", f"libm {short(here.libm)}; the newest model was trained in this environment")
    else:
        found = f"libm {short(here.libm)}; the newest model was trained in {short(package.environment)}, not in this"
        fix = (
            "Its golden answers are checked at every load; train again here if features must be equal to the last bit."
        )
        yield Check("warn", "mathematics", found, fix)


def _store(settings: Settings) -> Iterator[Check]:
    """Whether the store can be written, and has room."""
    settings.store.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=settings.store, prefix=".doctor-") as file:
        file.write(b"andon")
        file.flush()
        os.fsync(file.fileno())
    free = shutil.disk_usage(settings.store).free
    mark: Mark = "bad" if free < TOO_LITTLE_BYTES else "warn" if free < LITTLE_BYTES else "ok"
    found = f"{settings.store} can be written, {free / _GIBIBYTE:.1f} GiB free"
    yield Check(mark, "store", found, "Free space on this disk, or put the store on another one.")


def _spool(settings: Settings) -> Iterator[Check]:
    """Folders of child processes that are gone; the next run sweeps them."""
    locks = list(settings.spool.glob("*.lock")) if settings.spool.is_dir() else []
    left = sum(not is_held(lock) for lock in locks)
    at_work = len(locks) - left
    if left:
        found = f"{left} folders of processes that were killed, {at_work} at work"
        yield Check("warn", "spool", found, "Nothing to do: the next andon run removes them.")
    else:
        yield Check("ok", "spool", f"{at_work} child processes at work, nothing left behind")


def _tier(settings: Settings) -> Iterator[Check]:
    """What the set-up protects against: a gatekeeper of its own OS user that others can get at is none."""
    facts = facts_of(settings)
    yield Check("ok" if not facts.open else "bad", "trust tier", standing(facts).means, "; ".join(facts.open))


def _frameworks() -> Iterator[Check]:
    found = ", ".join(sorted(doors()))
    fix = "Install one: pip install 'andon[lightgbm]' or 'andon[sklearn]'"
    yield Check("ok" if found else "warn", "frameworks", f"models of {found}" if found else "none installed", fix)


def _environment() -> Iterator[Check]:
    yield Check("ok", "python", f"{platform.python_implementation()} {platform.python_version()}")
    yield Check("ok", "polars", version("polars"))
    yield Check("ok", "andon", version("andon"))
