"""A factory's targets on this machine: how they are, what they answer from, what they answer with."""

import time
from collections.abc import Callable, Mapping
from typing import Final, cast

from andon.adapters.files import FileBlobs
from andon.adapters.trust_folder import HomeFolder
from andon.contracts.declaration import Declaration
from andon.contracts.evidence import Measurement
from andon.gates.request import Receipt
from andon.kernel.canonical import Json
from andon.kernel.errors import AndonError
from andon.kernel.signing import Signer
from andon.line.deploy.probe import measure_target, probe
from andon.line.package import MODEL, PACKAGE, load_package, read_golden, read_package
from andon.line.serve.state import ServedDataset, ServedObject
from andon.runtime.tables import PUBLISHED
from andon.store.manifest import Manifest
from andon.wiring.doors import doors
from andon.wiring.served import ServerSettings
from andon.wiring.serving import promote_release, publish_datasets
from andon.wiring.settings import Settings
from andon.wiring.skew import SKEW, Skew, measure_skew

AUDITED: Final = 1000
"""How many of the newest predictions are computed again before a release."""

Audit = Callable[[str, str, int], Skew]


def server_settings(settings: Settings, target: str) -> ServerSettings:
    """What the servers of a target need to know."""
    return ServerSettings(
        factory=settings.name,
        target=target,
        folder=str(settings.serving(target)),
        store=str(settings.store),
        trust=str(settings.trust),
        fingerprint=HomeFolder(settings.home).pinned(),
        memory=str(settings.home),
        origin=settings.origin,
        own="" if settings.serve is None else str(settings.served(target)),
        online_url=settings.online,
    )


class ServedTargets:
    """The targets that a declaration releases to, each a folder that servers read.

    Args:
        settings: The factory's.
        declaration: Names targets and contracts.
        blobs: The store.
        gate_key: Signs routing tables.
        audit: Computes the newest predictions of a model on a target again.
    """

    def __init__(
        self, settings: Settings, declaration: Declaration, blobs: FileBlobs, gate_key: Signer, audit: Audit
    ) -> None:
        self._settings = settings
        self._declaration = declaration
        self._blobs = blobs
        self._gate_key = gate_key
        self._audit = audit

    def measure(self, target: str, model: Manifest, latency_ns: int) -> tuple[Measurement, ...]:
        """Whether the target can be written and has room, how long the model takes for one answer there, and skew."""
        package = read_package(self._blobs.read(model.object(PACKAGE).sha256))
        predictor = load_package(package, self._blobs.read(model.object(MODEL).sha256), doors())
        question, _ = read_golden(package)
        seen = probe(
            self._settings.serving(target), lambda: predictor.predict(question[:1]), latency_ns, time.perf_counter_ns
        )
        return (*measure_target(seen), self._skew(package.name, target))

    def _skew(self, model: str, target: str) -> Measurement:
        try:
            return measure_skew(self._audit(model, target, AUDITED))
        except AndonError as error:
            return Measurement(SKEW, None, n=0, problem=str(error))

    def publish(self, datasets: Mapping[str, Manifest]) -> None:
        """Let servers of all targets answer from these dataset versions, by contract."""
        served = tuple(self._served(name, version) for name, version in datasets.items())
        for target in dict.fromkeys(release.target for release in self._declaration.releases):
            folder = self._settings.serving(target)
            folder.mkdir(parents=True, exist_ok=True)
            publish_datasets(server_settings(self._settings, target), served, self._gate_key)

    def promote(self, receipt: Receipt) -> None:
        """Have an admitted release loaded and checked by every worker, then let it answer.

        Raises:
            RefusedError: A worker could not load it; the release before goes on answering.
        """
        promote_release(server_settings(self._settings, receipt.target), receipt, self._gate_key)

    def _served(self, name: str, version: Manifest) -> ServedDataset:
        moments = cast("Mapping[str, str]", version.facts[PUBLISHED])
        return ServedDataset(
            name=name,
            contract=cast("Mapping[str, Json]", self._declaration.contracts[name]),
            dataset=version.digest,
            objects=tuple(ServedObject(item.sha256, int(moments[item.name])) for item in version.content),
        )
