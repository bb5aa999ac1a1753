"""One factory's line with everything it runs on, put together by the wiring."""

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from andon.contracts.dataset import DatasetContract
from andon.contracts.declaration import Declaration, Derivation, FeatureSet, Model, Release, Source
from andon.contracts.model import Environment
from andon.contracts.policy import Policy
from andon.kernel.clock import Clock
from andon.kernel.errors import InputError
from andon.kernel.unit import Units
from andon.line.package import Loader
from andon.registry.ports import Manifests, Refs
from andon.runtime.children import Children
from andon.runtime.ports import Attempts, Commits, Gatekeeper, Leases, Runs, Targets
from andon.store.ports import Blobs

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Records:
    """Everything that is written down."""

    units: Units
    manifests: Manifests
    refs: Refs
    runs: Runs
    attempts: Attempts
    commits: Commits
    leases: Leases
    blobs: Blobs


@dataclass(frozen=True, slots=True)
class Line:
    """A factory's line.

    Attributes:
        code: The file that declares the factory; only child processes open it.
        declaration: What it declares.
        contracts: The dataset contracts of the declaration, by name.
        loaders: Gives how each format of model is loaded; frameworks are loaded when it is called.
        root_version: Version of the trust root in force.
        scratch: Gives a fresh folder for files on their way into the store; it is removed in the end, also when this
            process is killed: by the next one.
        new_id: Makes the id of a run from the time in nanoseconds.
        host: Name of this machine, for the attempts.
        pid: This process, for the attempts.
        wait: Lets seconds pass before a source that could not be reached is asked again.
    """

    code: Path
    declaration: Declaration
    contracts: Mapping[str, DatasetContract]
    records: Records
    children: Children
    gatekeeper: Gatekeeper
    targets: Targets
    loaders: Callable[[], Mapping[str, Loader]]
    environment: Environment
    root_version: int
    clock: Clock
    scratch: Callable[[], AbstractContextManager[Path]]
    new_id: Callable[[int], str]
    host: str
    pid: int
    wait: Callable[[float], None] = time.sleep

    @property
    def factory(self) -> str:
        """The factory's name."""
        return self.declaration.factory

    def source(self, name: str) -> Source:
        """The source of that name.

        Raises:
            InputError: The factory declares none.
        """
        return _named(self.declaration.sources, name, lambda item: item.name, "source")

    def origin(self, name: str) -> Source | Derivation:
        """The source or derivation of that name: whatever brings rows through a data gate.

        Raises:
            InputError: The factory declares none.
        """
        return _named(self.declaration.origins, name, lambda item: item.name, "source")

    def derivation(self, name: str) -> Derivation:
        """The derivation of that name.

        Raises:
            InputError: The factory declares none.
        """
        return _named(self.declaration.derivations, name, lambda item: item.name, "derivation")

    def is_derived(self, name: str) -> bool:
        """Whether what brings rows under that name is a derivation."""
        return isinstance(self.origin(name), Derivation)

    def model(self, name: str) -> Model:
        """The model of that name.

        Raises:
            InputError: The factory declares none.
        """
        return _named(self.declaration.models, name, lambda item: item.name, "model")

    def feature_set(self, name: str) -> FeatureSet:
        """The feature set of that name.

        Raises:
            InputError: The factory declares none.
        """
        return _named(self.declaration.feature_sets, name, lambda item: item.name, "feature set")

    def policy(self, gate: str) -> Policy:
        """The policy of a gate such as `data:schedule`.

        Raises:
            InputError: The factory declares none.
        """
        return _named(self.declaration.gates, gate, lambda item: item.gate, "gate")

    def release(self, model: str) -> Release:
        """Where a model goes once its gates passed.

        Raises:
            InputError: The factory does not release it.
        """
        return _named(self.declaration.releases, model, lambda item: item.model, "release of model")

    def dataset_ref(self, contract: str) -> str:
        """The name that points to the published version of a dataset."""
        return f"dataset/{self.factory}/{contract}"


def _named(items: tuple[T, ...], name: str, name_of: Callable[[T], str], what: str) -> T:
    for item in items:
        if name_of(item) == name:
            return item
    raise InputError(
        "runtime.not-declared",
        f"The factory declares no {what} {name!r}.",
        found=", ".join(name_of(item) for item in items) or "none at all",
        fix=f"Use one of those found, or declare the {what} in factory.py.",
    )
