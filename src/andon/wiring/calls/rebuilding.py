"""Making a target's online store anew from the datasets, which always hold all that it holds."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from andon.expressions.plan import FeaturePlan, plan_from_json
from andon.kernel.canonical import Json
from andon.kernel.errors import IntegrityError, UsageError
from andon.line.package import PACKAGE, read_package
from andon.line.serve.feeding import Rebuilt
from andon.line.serve.folder import is_held
from andon.line.serve.routing import read_tables
from andon.wiring.feeding import feeder_of
from andon.wiring.online import open_online
from andon.wiring.served import BundledReleases, ServerSettings, opener_of
from andon.wiring.settings import load_settings
from andon.wiring.targets import server_settings

_DAMAGED: Final = "online.damaged"


@dataclass(frozen=True, slots=True)
class RebuiltStore:
    """What a rebuild found and made.

    Attributes:
        was_unreadable: Whether the file itself had to be thrown away.
    """

    target: str
    rebuilt: Rebuilt
    was_unreadable: bool

    @property
    def lines(self) -> list[str]:
        """The rebuild for people."""
        made = self.rebuilt
        lines = ["The file could not be read and was made anew."] if self.was_unreadable else []
        given = f"{made.blocks} blocks in {made.parts} parts are what the datasets give"
        return [*lines, f"{given}: {made.differing} were not, {made.removed} should not have been there"]

    def to_json(self) -> dict[str, Json]:
        """The rebuild for programs."""
        made = self.rebuilt
        counts: dict[str, Json] = {"parts": made.parts, "blocks": made.blocks}
        counts |= {"differing": made.differing, "removed": made.removed}
        return {"target": self.target, "was_unreadable": self.was_unreadable, **counts}


def rebuild_store(folder: Path, target: str, tell: Callable[[str], None]) -> RebuiltStore:
    """Make a target's online store anew, and say how much of it was not as the datasets have it.

    A server may run meanwhile: it answers from the store as it was until all is written.

    Raises:
        UsageError: The servers have another OS user, nothing was released there, or the file is damaged and a server
            still has it open.
        AndonError: A dataset cannot be read, or the store cannot be written.
    """
    settings = load_settings(folder)
    if settings.gatekeeper:
        raise UsageError(
            "rebuild.apart",
            "The servers of this factory have an OS user and a folder of their own.",
            place=str(settings.folder),
            found=f"a gatekeeper at {settings.gatekeeper}",
            fix="Rebuild there, as that user: andon feature rebuild -C FOLDER",
        )
    return rebuild_online(server_settings(settings, target), tell)


def rebuild_online(server: ServerSettings, tell: Callable[[str], None]) -> RebuiltStore:
    """Make the online store of these servers anew; see `rebuild_store`."""
    plans = list(dict.fromkeys(_plans(server)))
    if not plans:
        raise UsageError(
            "rebuild.nothing-released",
            "Nothing is released to this target yet.",
            place=server.target,
            fix="Run the line first: andon run",
        )
    store = open_online(server)
    feeder = feeder_of(server, store)
    try:
        return RebuiltStore(server.target, feeder.rebuild(plans, tell), was_unreadable=False)
    except IntegrityError as error:
        if error.code != _DAMAGED or server.online_url:
            raise
        if is_held(server.written / "server.lock"):
            raise UsageError(
                "rebuild.in-use",
                "The file of the online store is damaged, and a server has it open.",
                place=str(server.online),
                found=error.found,
                fix="Stop the server, rebuild, and start it again.",
            ) from error
        store.close()
        shutil.rmtree(server.online)
        return RebuiltStore(server.target, feeder.rebuild(plans, tell), was_unreadable=True)
    finally:
        store.close()


def _plans(server: ServerSettings) -> Iterator[FeaturePlan]:
    """The plans of all releases that may answer on a target."""
    for folder in server.serve_folders():
        tables, _ = read_tables(folder, opener_of(server))
        releases = BundledReleases(folder, server)
        for table in tables.values():
            for slot in table.slots:
                yield plan_from_json(read_package(releases.check(slot.release).objects[PACKAGE]).plan)
