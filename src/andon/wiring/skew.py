"""Training-serving skew, looked for: logged predictions computed again by the offline plan, compared bit by bit."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from andon.contracts.dataset import DatasetContract
from andon.contracts.evidence import Measurement, measurement
from andon.contracts.model import Package
from andon.contracts.prediction import Prediction
from andon.expressions.evaluate import evaluate, spine_of
from andon.expressions.plan import FeaturePlan, plan_from_json
from andon.expressions.row import Value
from andon.gates.chain import release_facts
from andon.kernel.canonical import dumps
from andon.kernel.digest import Digest, short
from andon.line.matrix import inputs_of, matrix_of
from andon.line.package import PACKAGE, read_package
from andon.line.serve.entity import SpineRows, values_of
from andon.runtime.line import Line
from andon.runtime.tables import open_tables
from andon.store.manifest import Manifest
from andon.wiring.predictions import predictions_in, workers_of
from andon.wiring.settings import Settings

SKEW: Final = "features.skew"
_SHOWN = 5
Cell = str | int | float | bool | None
Question = tuple[Prediction, Mapping[str, Value]]
Numbers = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class FeatureSkew:
    """How one feature of a model came out when it was computed again.

    Attributes:
        compared: For how many predictions.
        differing: How many of them differ in any bit.
        examples: Ids of some that differ.
    """

    model: Digest
    feature: str
    compared: int
    differing: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Skew:
    """Predictions that were computed again from the dataset versions they name.

    Attributes:
        predictions: How many were looked at.
        given: Of these, how many came as complete rows of features, which nothing can be computed for.
        lost: How many are about a row that is not in the dataset version they name, which must not be.
        features: Each feature of each model.
    """

    predictions: int
    given: int
    lost: int
    features: tuple[FeatureSkew, ...]

    @property
    def compared(self) -> int:
        """How many values were compared."""
        return sum(one.compared for one in self.features)

    @property
    def differing(self) -> int:
        """How many values differ."""
        return sum(one.differing for one in self.features)

    @property
    def is_clean(self) -> bool:
        """Whether everything came out as the models saw it."""
        return not self.differing and not self.lost

    @property
    def rows(self) -> list[list[str]]:
        """Each feature: model, name, compared, differing, some predictions that differ."""
        return [
            [short(one.model), one.feature, str(one.compared), str(one.differing), " ".join(one.examples)]
            for one in self.features
        ]

    @property
    def lines(self) -> list[str]:
        """What was done, in words."""
        said = [f"{self.predictions} predictions, {self.compared} values computed again, {self.differing} differing"]
        if self.given:
            said.append(f"{self.given} came as complete rows of features: nothing to compute")
        if self.lost:
            said.append(f"{self.lost} are about rows that are not in the dataset versions they name")
        return said


@dataclass(frozen=True, slots=True)
class Recorded:
    """What is read to compute predictions again.

    Attributes:
        manifest: A manifest by its digest.
        read: The bytes of a stored object, checked.
        line: The line of a declaration, by the declaration's digest.
    """

    settings: Settings
    manifest: Callable[[Digest], Manifest]
    read: Callable[[Digest], bytes]
    line: Callable[[Digest], Line]


def skew_in(recorded: Recorded, model: str, target: str, last: int) -> Skew:
    """Compute the newest logged predictions again, by the plan for whole frames, and compare every bit.

    Args:
        recorded: The factory's records.
        model: The model's name; empty for all.
        target: The target's name; empty for all.
        last: How many predictions, the newest first.

    Raises:
        IntegrityError: The log, a package or a dataset is not what was recorded.
    """
    found = _newest(recorded.settings, model, target, last)
    groups: dict[bytes, list[Prediction]] = {}
    for one in found:
        groups.setdefault(dumps([one.release, one.model, dict(one.state)]), []).append(one)
    parts = [_replayed(recorded, group) for group in groups.values()]
    return Skew(
        predictions=len(found),
        given=sum(part.given for part in parts),
        lost=sum(part.lost for part in parts),
        features=_added(one for part in parts for one in part.features),
    )


def measure_skew(found: Skew) -> Measurement:
    """`features.skew` counts values that a model saw otherwise than its training would have computed them."""
    return measurement(SKEW, found.differing + found.lost, n=found.compared + found.lost)


def _newest(settings: Settings, model: str, target: str, last: int) -> list[Prediction]:
    found: list[Prediction] = []
    for worker in workers_of(settings, target, model):
        known = {one.number: one for one in worker.open_records()}
        for batch in worker.batches():
            known |= {one.number: one for one in predictions_in(batch)}
        found += known.values()
    return sorted(found, key=lambda one: (one.answered_ns, one.id))[-last:]


def _added(parts: Iterable[FeatureSkew]) -> tuple[FeatureSkew, ...]:
    """The same feature of the same model under several dataset versions, as one."""
    found: dict[tuple[Digest, str], FeatureSkew] = {}
    for one in parts:
        before = found.get((one.model, one.feature), FeatureSkew(one.model, one.feature, 0, 0, ()))
        found[one.model, one.feature] = FeatureSkew(
            one.model,
            one.feature,
            before.compared + one.compared,
            before.differing + one.differing,
            (*before.examples, *one.examples)[:_SHOWN],
        )
    return tuple(found.values())


def _replayed(recorded: Recorded, predictions: Sequence[Prediction]) -> Skew:
    """Predictions of one release on the same dataset versions."""
    first = predictions[0]
    line = recorded.line(release_facts(recorded.manifest(first.release)).declaration)
    package = read_package(recorded.read(recorded.manifest(first.model).object(PACKAGE).sha256))
    plan = plan_from_json(package.plan)
    contract = line.contracts[plan.spine]
    asked = [one for one in predictions if set(contract.of_role("key")) <= set(one.entity)]
    wanted = (plan.spine, *plan.contracts)
    tables = open_tables(line, {name: first.state[name] for name in wanted if name in first.state})
    questions = _questions(contract, asked, tables.pop(plan.spine, None))
    features = _compared(plan, package, questions, tables) if questions else ()
    return Skew(len(predictions), len(predictions) - len(asked), len(asked) - len(questions), features)


def _questions(contract: DatasetContract, asked: Sequence[Prediction], rows: pl.LazyFrame | None) -> list[Question]:
    """What each prediction was about: the columns that the caller said, or those of the published row with its keys."""
    spine = None if rows is None else SpineRows(contract, rows.collect())
    keys = set(contract.of_role("key"))
    found: list[Question] = []
    for one in asked:
        said = values_of(contract, one.entity)
        row = said if spine is None or set(said) > keys else spine.find([said], one.asked_ns)[0]
        found += [(one, row)] if row is not None else []
    return found


def _compared(
    plan: FeaturePlan,
    package: Package,
    questions: Sequence[Question],
    tables: Mapping[str, pl.LazyFrame],
) -> tuple[FeatureSkew, ...]:
    """The features of questions, computed for all at once, beside what the model saw."""
    predictions = [one for one, _ in questions]
    spine = spine_of(plan, [row for _, row in questions], [one.asked_ns for one in predictions])
    now = matrix_of(inputs_of(evaluate(plan, spine, tables)), package.features)
    then = np.array([[_number(one.inputs.get(each.name)) for each in package.features] for one in predictions])
    odd = ~_same(now, then)
    found = []
    for feature, column in zip(package.features, odd.T, strict=True):
        differing = np.flatnonzero(column)
        examples = tuple(predictions[row].id for row in differing[:_SHOWN])
        found.append(FeatureSkew(predictions[0].model, feature.name, len(questions), len(differing), examples))
    return tuple(found)


def _same(now: Numbers, then: Numbers) -> Flags:
    """Whether numbers are equal in every bit; a missing value is one, however it is written."""
    same: Flags = now.view(np.int64) == then.view(np.int64)
    return same | (np.isnan(now) & np.isnan(then))


def _number(value: Cell) -> float:
    """A logged value as the model took it; a text is no number and equals none."""
    return float("inf") if isinstance(value, str) else float("nan") if value is None else float(value)
