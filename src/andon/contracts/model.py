"""What a packaged model says about itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from andon.contracts.wire import to_json
from andon.kernel.canonical import Json
from andon.kernel.digest import Digest, of_value

Task = Literal["binary", "classes", "regression"]


@dataclass(frozen=True, slots=True)
class Feature:
    """One input of the model; `type` is the kind of its expression, `categorical` how the model takes it."""

    name: str
    type: str
    categorical: bool


@dataclass(frozen=True, slots=True)
class Environment:
    """Where the model was made: exact distributions, Python, platform.

    Attributes:
        libm: Digest of a fixed table of `log`, `exp` and friends, so that another mathematics library shows.
    """

    python: str
    platform: str
    distributions: Mapping[str, str]
    libm: Digest

    def digest(self) -> Digest:
        """Identity of the environment."""
        return of_value(to_json(self))


@dataclass(frozen=True, slots=True)
class Package:
    """A model in its framework's own safe format, and what is needed to use and to check it.

    Attributes:
        format: `lightgbm-text` or `skops`; the loader of that name reads the object `model`.
        plan: Feature plan with all fitted constants, as written by `expressions.plan`.
        columns: Names of the numeric columns the model takes, in order; one a feature.
        golden: Questions with answers: each `{"inputs": [numbers or null], "answer": [numbers]}`, floats as hex text.
        classes: Names of the classes, for a task of many classes.
        arithmetic: Digest of what the plan's features are for a fixed table of odd values, where the model was made.
    """

    name: str
    format: str
    task: Task
    features: tuple[Feature, ...]
    classes: tuple[str, ...]
    plan: Mapping[str, Json]
    golden: tuple[Mapping[str, Json], ...]
    params: Mapping[str, Json]
    seed: int
    threads: int
    environment: Digest
    arithmetic: Digest
