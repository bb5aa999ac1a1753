"""One worker put together: from the settings of its server to routes that answer."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from andon.adapters.asgi.metrics import Metrics
from andon.adapters.asgi.records import PackedRecords
from andon.adapters.keys import verifier
from andon.attest.trust_root import TrustRoot
from andon.expressions.online.store import OnlineStore
from andon.kernel.clock import SystemClock
from andon.kernel.ids import new_id, system_entropy
from andon.line.serve.folder import ServeFolder, hold
from andon.line.serve.following import Follower, Sources
from andon.line.serve.log import Limits, PredictionLog
from andon.line.serve.ports import Feeding
from andon.line.serve.prepare import Preparer
from andon.line.serve.route import Desk, Route
from andon.line.serve.sealing import state_opener, table_opener
from andon.line.serve.upkeep import PAUSE_S, Upkeep
from andon.wiring.feeding import FeedingProcess
from andon.wiring.online import open_online
from andon.wiring.revocations import KnownRevocations
from andon.wiring.served import BundledReleases, ServerSettings, root_of

ENTROPY_BYTES = 8
IDS_AT_A_TIME = 512
LOOK_EVERY = 10
LEAVE_EVERY = 20


class Worker:
    """One worker: routes that answer, and all that must be done beside answering.

    Args:
        settings: Those of its server.
        name: Its name; the same again after a restart.

    Raises:
        AndonError: The trust root is missing or does not hold.
    """

    def __init__(self, settings: ServerSettings, name: str) -> None:
        self._settings = settings
        self._name = name
        self._root = root_of(settings)
        self._store = open_online(settings)
        self._held = ExitStack()
        self._held.callback(self._store.close)
        self._feeding = FeedingProcess(settings, self._store)
        self._held.callback(self._feeding.close)
        self._upkeeps: dict[str, Upkeep] = {}
        self._steps = 0
        self.routes: dict[str, Route] = {}
        self.metrics = Metrics(name, settings.written / "metrics")

    def step(self) -> None:
        """Follow routes, write logs and leave counts, once; take up models that were promoted for the first time."""
        if self._steps % LOOK_EVERY == 0:
            self._look()
        for upkeep in self._upkeeps.values():
            upkeep.step()
        for model, route in self.routes.items():
            self.metrics.gauges["andon_log_lost_total", model] = route.log.lost
            self.metrics.gauges["andon_ready", model] = float(route.follower.peek() is not None)
        if self._steps % LEAVE_EVERY == 0:
            self.metrics.leave()
        self._steps += 1

    def settle(self, longest_s: float) -> None:
        """Step until no features are being made any more, but no longer than so."""
        until = time.monotonic() + longest_s
        self.step()
        while any(route.follower.is_pending for route in self.routes.values()) and time.monotonic() < until:
            time.sleep(PAUSE_S)
            self.step()

    def run(self, stop: threading.Event) -> None:
        """Do so until told to stop, then close the open batches."""
        while not stop.wait(PAUSE_S):
            self.step()
        for upkeep in self._upkeeps.values():
            upkeep.finish()
        self.metrics.leave()
        self._held.close()

    def _look(self) -> None:
        for folder in self._settings.serve_folders():
            model = folder.root.name
            if model in self.routes:
                continue
            folder.make_own()
            # Its lock says that it lives: a promotion waits for it from now on. A predecessor of the same name may
            # still be answering what it began.
            if self._held.enter_context(hold(folder.workers / f"{self._name}.lock", 0o640)):
                route = _route(folder, self._settings, self._name, self._root, self._store, self._feeding)
                self._upkeeps[model] = Upkeep(folder, self._name, route)
                self._upkeeps[model].step()
                self.routes[model] = route


def _entropy() -> Iterator[bytes]:
    """Random bytes, fetched from the system for many ids at a time."""
    while True:
        pool = system_entropy(ENTROPY_BYTES * IDS_AT_A_TIME)
        yield from (pool[at : at + ENTROPY_BYTES] for at in range(0, len(pool), ENTROPY_BYTES))


def _route(
    folder: ServeFolder,
    settings: ServerSettings,
    name: str,
    root: TrustRoot,
    store: OnlineStore,
    feeding: Feeding,
) -> Route:
    clock = SystemClock()
    open_state = state_opener(root, verifier)
    preparer = Preparer(store, feeding, open_state)
    sources = Sources(
        releases=BundledReleases(folder, settings),
        open_table=table_opener(root, verifier),
        open_state=open_state,
        prepare=preparer.prepare,
        revoked=KnownRevocations(Path(settings.folder), root),
    )
    log = PredictionLog(folder.log / name, PackedRecords(), clock.now_ns, Limits())
    entropy = _entropy()
    desk = Desk(name, clock.now_ns, lambda now_ns: new_id(now_ns, next(entropy)))
    return Route(Follower(folder, name, sources, clock.now_ns), log, desk)
