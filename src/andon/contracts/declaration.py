"""What a factory declares, as data: everybody but the code's own child process reads this instead of the code."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import cast

from andon.contracts.dataset import DatasetContract, contract_from_json
from andon.contracts.policy import Policy
from andon.contracts.reading import Delta, Files, Sql
from andon.contracts.wire import to_json
from andon.contracts.wire_reader import LATER
from andon.kernel.canonical import Json
from andon.kernel.digest import Digest, of_value


@dataclass(frozen=True, slots=True)
class Source:
    """What brings raw rows, a function or something that is read, and the contract they must keep.

    Attributes:
        function: Digest of the function and of the factory's modules it uses, or of what is read.
        every_ns: How often it is asked, in scheduled operation.
        reads: What is read; `None` where a function is asked.
        lag_ns: How far before the end of the last window the next one begins, for rows that come late.
        settle_ns: How long something is left alone before it is read: a file, or the newest rows.
    """

    name: str
    contract: str
    owner: str
    every_ns: int
    function: Digest
    reads: Files | Sql | Delta | None = field(default=None, metadata=LATER)
    lag_ns: int = field(default=0, metadata=LATER)
    settle_ns: int = field(default=0, metadata=LATER)


@dataclass(frozen=True, slots=True)
class Derivation:
    """One dataset that is made from others, and the contract its rows must keep.

    Attributes:
        plan: Spine, time of the question and columns, as written by `expressions.plan`.
        known_after_ns: How much later its rows are there than they could be known.
    """

    name: str
    contract: str
    owner: str
    plan: Mapping[str, Json]
    known_after_ns: int


@dataclass(frozen=True, slots=True)
class FeatureSet:
    """One feature definition for training and serving.

    Attributes:
        plan: Spine, time of the question and features, as written by `expressions.plan`.
        label: The label's expression tree.
        label_kind: `bool` makes a binary task, `category` many classes, a number a regression.
        label_within_ns: How long after the question the label is waited for.
    """

    name: str
    spine: str
    owner: str
    plan: Mapping[str, Json]
    label: Mapping[str, Json]
    label_kind: str
    label_within_ns: int


@dataclass(frozen=True, slots=True)
class Model:
    """One model: how it is trained and how its rows are split by time.

    Attributes:
        tune_ns: Length of the tuning rows, before the holdout.
        holdout_ns: Length of the holdout rows, the newest ones.
        limit_ns: Longest time a training may take.
        measures: The team's own measurements: name and digest of the function.
    """

    name: str
    features: str
    owner: str
    tune_ns: int
    holdout_ns: int
    limit_ns: int
    params: Mapping[str, Json]
    seed: int
    threads: int
    function: Digest
    measures: tuple[tuple[str, Digest], ...]


@dataclass(frozen=True, slots=True)
class Release:
    """Where a model goes once its gates passed."""

    model: str
    target: str
    latency_ns: int


@dataclass(frozen=True)  # no slots: it keeps its digest
class Declaration:
    """A whole factory.

    Attributes:
        contracts: Dataset contracts by name, as written by `DatasetContract.to_json`.
        derivations: Each after those that it is derived from.
        code: Digest of every file of the factory's code, by its path in the factory folder.
    """

    factory: str
    owner: str
    purpose: str
    contracts: Mapping[str, Json]
    sources: tuple[Source, ...]
    feature_sets: tuple[FeatureSet, ...]
    models: tuple[Model, ...]
    gates: tuple[Policy, ...]
    releases: tuple[Release, ...]
    code: Mapping[str, Json]
    derivations: tuple[Derivation, ...] = ()

    @property
    def origins(self) -> tuple[Source | Derivation, ...]:
        """Everything that brings rows through a data gate, in the order in which it is run."""
        return (*self.sources, *self.derivations)

    def digest(self) -> Digest:
        """Identity of the declaration."""
        return self._digest

    def datasets(self) -> dict[str, DatasetContract]:
        """The dataset contracts, read.

        Raises:
            InputError: One of them is none.
        """
        return {name: contract_from_json(cast("Mapping[str, Json]", value)) for name, value in self.contracts.items()}

    @cached_property
    def _digest(self) -> Digest:
        return of_value(to_json(self))
