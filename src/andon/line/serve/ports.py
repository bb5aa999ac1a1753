"""What serving needs from outside: checked releases, the datasets behind features, and a form for log records."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import polars as pl

from andon.contracts.prediction import Prediction
from andon.expressions.plan import FeaturePlan
from andon.expressions.row import Value
from andon.kernel.digest import Digest
from andon.line.serve.loaded import LoadedRelease
from andon.line.serve.state import ServingState


class Releases(Protocol):
    """Releases that were admitted, checked from bytes and bundle whenever one is loaded."""

    def load(self, release: Digest) -> LoadedRelease:
        """The release, ready to answer: admission, bytes and golden answers were checked just now.

        Raises:
            AndonError: It may not be served, or it cannot be: bytes are damaged, a proof is missing, an answer differs.
        """
        ...


class Tables(Protocol):
    """The published datasets that features are read from."""

    def read(self, state: ServingState) -> Mapping[str, pl.LazyFrame]:
        """The rows of each contract's dataset, with their system columns.

        Raises:
            AndonError: An object is missing or damaged.
        """
        ...


class Seen(Protocol):
    """What is published, as it is at one moment."""

    @property
    def state(self) -> Mapping[str, Digest]:
        """The dataset of each contract that it was made from."""
        ...

    def find(self, keys: Sequence[Mapping[str, Value]], asked_ns: int) -> Sequence[Mapping[str, Value] | None]:
        """Of each entity the newest row that was known when the question was asked; `None` when there is none.

        Raises:
            AndonError: What is kept of an entity is damaged.
        """
        ...

    def features(self, asking: Sequence[Mapping[str, object]], asked_ns: int) -> Sequence[Mapping[str, object]]:
        """The features of each question by name.

        Args:
            asking: Of each question the spine's columns: times as nanoseconds, fixed-point numbers as scaled integers.
            asked_ns: The time of the questions: only rows known before it are visible.

        Raises:
            AndonError: A column is missing, or a value cannot be computed.
        """
        ...


class FeatureSource(Protocol):
    """A feature plan on what is published, prepared so that one question is answered fast."""

    def look(self) -> AbstractContextManager[Seen]:
        """What is published, as it is now and for as long as the block.

        Raises:
            AndonError: It cannot be read.
        """
        ...


class Feeding(Protocol):
    """Keeps the online store at what is published."""

    def ensure(self, plan: FeaturePlan) -> bool:
        """See to it that the store holds what a plan needs, as it is published now; tells whether it does already.

        Raises:
            AndonError: It cannot be made to.
        """
        ...


class RecordCodec(Protocol):
    """How a prediction stands in the journal of a log."""

    def encode(self, prediction: Prediction) -> bytes:
        """A prediction as bytes."""
        ...

    def decode(self, data: bytes) -> Prediction:
        """The prediction of these bytes.

        Raises:
            ValueError: These are not the bytes of a prediction.
        """
        ...
