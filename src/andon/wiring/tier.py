"""The trust tier of a factory, computed: what its set-up protects against, and in one sentence what it does not."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from andon.adapters.trust_folder import HomeFolder
from andon.contracts.policy import Tier
from andon.wiring.settings import FILE, Settings

ALONE: Final = "T0: everything runs as one user of this machine; it catches mistakes, not attackers"
OPEN: Final = "T0: the gatekeeper has an OS user of its own, but {}; so it catches mistakes, not attackers"
APART: Final = (
    "T1: no OS user but the gatekeeper's can read its keys or write its records; whoever is root on this machine can,"
    " and nobody would see it"
)
WITNESSED: Final = (
    "T2: the gate key does not leave its token and a witness elsewhere sees every head of the ledger, so rewriting"
    " shows; whoever may sign can still sign what is untrue"
)
_READ: Final = stat.S_IRWXG | stat.S_IRWXO
_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Facts:
    """What decides about the tier, as it was found.

    Attributes:
        is_apart: Whether people and user code have other OS users than the gatekeeper.
        open: What others could read or write that must be the gatekeeper's alone, in words.
        is_on_token: Whether the gate key is on a token that it never leaves.
        witnesses: Witnesses that are elsewhere: on another machine, or another OS user's.
    """

    is_apart: bool
    open: tuple[str, ...]
    is_on_token: bool
    witnesses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """A tier, and the sentence that is shown wherever evidence is."""

    tier: Tier
    means: str


def standing(facts: Facts) -> Standing:
    """The tier that the facts come to."""
    if not facts.is_apart:
        return Standing("T0", ALONE)
    if facts.open:
        more = f" and {len(facts.open) - 1} more" if len(facts.open) > 1 else ""
        return Standing("T0", OPEN.format(facts.open[0] + more))
    if facts.is_on_token and facts.witnesses:
        return Standing("T2", WITNESSED)
    return Standing("T1", APART)


def facts_of(settings: Settings) -> Facts:
    """What is found on this machine about a factory's set-up; the owner of the keys is the gatekeeper."""
    apart = settings.apart
    if apart is None:
        return Facts(is_apart=False, open=(), is_on_token=False, witnesses=())
    own = settings.home.stat().st_uid if settings.home.exists() else os.getuid()
    others = {apart.runner.uid, apart.measurer.uid, *apart.people}
    return Facts(
        is_apart=own not in others,
        open=tuple(dict.fromkeys(_open(settings, own))),
        is_on_token=apart.key.startswith("pkcs11:"),
        witnesses=tuple(
            one.name
            for one in settings.witnesses
            if (_is_others(one.folder, own) if one.folder else urlsplit(one.url).hostname not in _LOOPBACK)
        ),
    )


def _open(settings: Settings, own: int) -> Iterator[str]:
    keys = HomeFolder(settings.home).keys
    alone = [("the control database", settings.database), ("the folder of keys", keys)]
    alone += [(f"the key {path.name}", path) for path in sorted(keys.glob("*.pem"))]
    kept = [
        ("the folder of keys and memory", settings.home),
        ("the store", settings.store),
        ("the trust root", settings.trust),
        ("what says what is served", settings.serving("any").parent),
        ("the folder of its records", settings.database.parent),
    ]
    told = [("its folder", settings.folder), ("its settings", settings.folder / FILE)]
    if settings.apart:
        told.append(("the folder of its socket", settings.apart.socket.parent))
    for what, path in alone:
        yield from _problem(what, path, {own}, _READ)
    for what, path in kept:
        yield from _problem(what, path, {own}, _WRITE)
    for what, path in told:
        yield from _problem(what, path, {own, 0}, _WRITE)
    for folder in sorted({folder for _, path in (*alone, *kept, *told) for folder in path.parents}):
        yield from _above(folder, own)


def _problem(what: str, path: Path, owners: set[int], forbidden: int) -> Iterator[str]:
    """What is wrong with who may do what to a file or folder; nothing where it is not there yet."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return
    if found.st_uid not in owners:
        yield f"{what} belongs to user {found.st_uid}"
    elif found.st_mode & forbidden:
        done = "read" if forbidden & stat.S_IRGRP else "write"
        yield f"others may {done} {what} (mode {stat.S_IMODE(found.st_mode):o})"


def _above(folder: Path, own: int) -> Iterator[str]:
    """Whoever may rename what lies in a folder could put something else in its place."""
    try:
        found = folder.stat()
    except FileNotFoundError:
        return
    is_sticky = found.st_mode & stat.S_ISVTX
    if found.st_uid not in (own, 0) or (found.st_mode & _WRITE and not is_sticky):
        yield f"others may put something else in the place of what lies in {folder}"


def _is_others(folder: Path, own: int) -> bool:
    return folder.exists() and folder.stat().st_uid not in (own, os.getuid())
