"""What a factory was told, as values, before it is checked and declared as a whole."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Never

from andon.api.contract import Contract
from andon.api.criteria import Demand
from andon.api.models import Holdout, Params, Predictor, TrainingSet, Window
from andon.api.typed import Expr
from andon.contracts.policy import GateKind
from andon.contracts.reading import Reading

SourceFunction = Callable[[Window], object]
TrainFunction = Callable[[TrainingSet, Never, int], object]
MeasureFunction = Callable[[Predictor, Holdout], float | Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Split:
    """How the rows of a model are parted by time: the newest are the holdout, before them come the tuning rows."""

    tune_ns: int
    holdout_ns: int


@dataclass(frozen=True, slots=True)
class Ingest:
    """A function that brings raw rows, or what is read instead."""

    name: str
    function: SourceFunction | None
    contract: type[Contract]
    every_ns: int
    owner: str
    place: str
    reads: Reading | None = None
    lag_ns: int = 0
    settle_ns: int = 0
    fresh_ns: int | None = None
    volume: float | None = None


@dataclass(frozen=True, slots=True)
class Derived:
    """A class whose attributes are the columns of a contract, for each row of another one."""

    name: str
    contract: type[Contract]
    spine: type[Contract]
    items: tuple[tuple[str, Expr], ...]
    known_after_ns: int
    owner: str
    place: str


@dataclass(frozen=True, slots=True)
class Features:
    """A class whose attributes are features."""

    name: str
    spine: type[Contract]
    label: Expr
    label_within_ns: int
    items: tuple[tuple[str, Expr], ...]
    owner: str
    place: str


@dataclass(frozen=True, slots=True)
class Training:
    """A function that trains a model."""

    name: str
    function: TrainFunction
    features: str
    split: Split
    limit_ns: int
    params: type[Params]
    seed: int
    threads: int
    owner: str
    place: str


@dataclass(frozen=True, slots=True)
class Measured:
    """A function that measures a model in the team's own way."""

    name: str
    function: MeasureFunction
    model: str
    place: str


@dataclass(frozen=True, slots=True)
class Gate:
    """What one gate demands of one source or model."""

    kind: GateKind
    subject: str
    owner: str
    demands: tuple[Demand, ...]
    place: str

    @property
    def name(self) -> str:
        """Kind and subject, such as `data:schedule`."""
        return f"{self.kind}:{self.subject}"


@dataclass(frozen=True, slots=True)
class Deployment:
    """Where a model goes once its gates passed."""

    model: str
    to: str
    latency_ns: int
    place: str


@dataclass(frozen=True, slots=True)
class Registry:
    """Everything one factory was told so far, by name."""

    name: str
    owner: str
    purpose: str
    place: str
    sources: dict[str, Ingest] = field(default_factory=dict)
    derivations: dict[str, Derived] = field(default_factory=dict)
    feature_sets: dict[str, Features] = field(default_factory=dict)
    models: dict[str, Training] = field(default_factory=dict)
    measures: dict[str, Measured] = field(default_factory=dict)
    gates: dict[str, Gate] = field(default_factory=dict)
    deployments: dict[str, Deployment] = field(default_factory=dict)

    @property
    def origins(self) -> tuple[Ingest | Derived, ...]:
        """Everything that brings rows: sources, then derivations."""
        return (*self.sources.values(), *self.derivations.values())
