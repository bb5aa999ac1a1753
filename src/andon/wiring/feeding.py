"""Feeding the online store in a process of its own, so that a worker's answers do not wait for it."""

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from andon.adapters.keys import verifier
from andon.contracts.wire import to_json
from andon.expressions.online.store import OnlineStore
from andon.expressions.plan import FeaturePlan
from andon.kernel.canonical import dumps
from andon.kernel.errors import AndonError, InputError
from andon.line.serve.feeding import Feeder
from andon.line.serve.folder import state_path
from andon.line.serve.sealing import state_opener
from andon.line.serve.state import state_reader
from andon.wiring.served import ServerSettings, StoredTables, root_of

AGAIN_S: Final = 30.0
"""How long what failed is left alone while nothing new is published."""
PAUSE_S: Final = 0.1
_MODULE: Final = "andon.wiring.processes.feeder"


def feeder_of(settings: ServerSettings, store: OnlineStore) -> Feeder:
    """What keeps the online store of a target at what is published there.

    Raises:
        AndonError: The trust root is missing or does not hold.
    """
    reader = state_reader(state_path(Path(settings.folder)))
    return Feeder(store, StoredTables(Path(settings.store)), reader, state_opener(root_of(settings), verifier))


class FeedingProcess:
    """Implements `andon.line.serve.ports.Feeding` with one process at a time, started when there is something to do.

    Args:
        settings: Those of the server.
        store: The store, as this process reads it.
    """

    def __init__(self, settings: ServerSettings, store: OnlineStore) -> None:
        self._settings = settings
        self._feeder = feeder_of(settings, store)
        self._child: _Child | None = None
        self._failed: dict[FeaturePlan, _Failure] = {}

    def ensure(self, plan: FeaturePlan) -> bool:
        """See to it that the store holds what a plan needs; tells whether it does already.

        Raises:
            AndonError: It could not be made to; it is tried again after a while, or once something is published.
        """
        if self._child is not None and self._child.process.poll() is not None:
            self._end(self._child)
        if self._feeder.is_fed(plan):
            self._failed.pop(plan, None)
            return True
        failure = self._failed.get(plan)
        if failure is not None and failure.holds(self._feeder.published()):
            raise failure.error
        if self._child is None:
            self._child = _Child(self._settings, plan, self._feeder.published())
        return False

    def close(self) -> None:
        """End what runs; the store stays as it was."""
        if self._child is not None:
            self._child.kill()
            self._child = None

    def _end(self, child: "_Child") -> None:
        error = child.error()
        if error is not None:
            self._failed[child.plan] = _Failure(error, child.published, time.monotonic())
        self._child = None


class _Child:
    """A process that feeds the store for one plan."""

    def __init__(self, settings: ServerSettings, plan: FeaturePlan, published: bytes) -> None:
        self.plan = plan
        self.published = published
        told = dumps({"settings": to_json(settings), "plan": plan.to_json()})
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  # closed when it was read
        with tempfile.TemporaryFile() as file:
            file.write(told)
            file.seek(0)
            self.process = subprocess.Popen([sys.executable, "-P", "-m", _MODULE], stdin=file, stdout=self._said)

    def kill(self) -> None:
        """End it, whatever it does."""
        self.process.kill()
        self.process.wait()
        self._said.close()

    def error(self) -> AndonError | None:
        """Why it failed; `None` when it did not."""
        with self._said as file:
            file.seek(0)
            said = file.read()
        if self.process.returncode == 0:
            return None
        try:
            parts = json.loads(said)
            return InputError(
                parts["code"], parts["message"], place=parts["at"], found=parts["found"], fix=parts["fix"]
            )
        except (ValueError, KeyError, TypeError):
            return InputError(
                "online.feeder-died",
                "The process that feeds the online store died.",
                found=f"exit status {self.process.returncode}",
                fix="It is started again; see the server's log, and whether the machine has memory left.",
            )


@dataclass(frozen=True, slots=True)
class _Failure:
    error: AndonError
    published: bytes
    at_s: float

    def holds(self, published: bytes) -> bool:
        """Whether trying again would only fail again."""
        return self.published == published and time.monotonic() < self.at_s + AGAIN_S
