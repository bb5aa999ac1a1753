"""One answered question, as it stands in the prediction log."""

from collections.abc import Mapping
from dataclasses import dataclass

from andon.kernel.digest import Digest

Said = str | int | float | bool | tuple[float, ...] | None
"""What a caller said of one column, as JSON has it: times in nanoseconds, decimals scaled, bytes as base64."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """One row of the prediction log.

    Attributes:
        worker: Which worker answered; `number` counts its answers from 1 without a gap.
        asked_ns: The time of the question, which decides what was visible.
        answered_ns: The machine's time of the answer.
        entity: What the caller said: the key columns of a published row, or all columns of the question but its time;
            nothing where complete rows of features were given.
        inputs: The feature values the model saw.
        state: Digest of each dataset version the features were read from, by contract.
    """

    id: str
    worker: str
    number: int
    asked_ns: int
    answered_ns: int
    release: Digest
    model: Digest
    entity: Mapping[str, Said]
    inputs: Mapping[str, float | int | str | bool | None]
    outputs: tuple[float, ...]
    state: Mapping[str, Digest]
