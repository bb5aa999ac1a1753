"""The model package: a model in its framework's own safe format, with questions whose answers it must give again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, cast

import numpy as np
import numpy.typing as npt

from andon.contracts.model import Feature, Package, Task
from andon.contracts.wire import from_json, to_json
from andon.kernel.canonical import Json, dumps, loads
from andon.kernel.digest import Digest
from andon.kernel.errors import InputError, IntegrityError
from andon.line.matrix import Matrix

MODEL: Final = "model"
PACKAGE: Final = "package.json"
_ALONE_TOLERANCE: Final = 1e-9


class Predictor(Protocol):
    """A model that is ready to answer."""

    def predict(self, matrix: Matrix) -> npt.NDArray[np.float64]:
        """Answers to `n` rows of `k` features, nulls as NaN.

        A binary task answers with the probability of true, a task of many classes with `n` rows of one probability a
        class, a regression with the value.

        Raises:
            InputError: The model cannot answer these rows.
        """
        ...


class Loader(Protocol):
    """Reads models of one format."""

    def load(self, data: bytes, columns: Sequence[str]) -> Predictor:
        """The model of these bytes, which takes these columns in this order.

        Raises:
            InputError: The bytes are not a model of the format, or it takes other columns.
        """
        ...


class Door(Loader, Protocol):
    """What one framework's adapter does for packages; a table of doors is keyed by the name of the format."""

    @property
    def format(self) -> str:
        """Name of the format, as `Package.format` has it."""
        ...

    def save(self, model: object, columns: Sequence[str]) -> bytes | None:
        """The bytes of a trained model; `None` when the model is not of this framework.

        Raises:
            InputError: It is of this framework and cannot be packaged safely.
        """
        ...

    def wrap(self, model: object, columns: Sequence[str]) -> Predictor:
        """The trained model in memory, as it is, as a predictor.

        Raises:
            InputError: It cannot be used as one.
        """
        ...


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that a package says besides the model itself; see `contracts.model.Package`.

    Attributes:
        plan: Feature plan with all fitted constants, as written by `expressions.plan`.
        classes: Names of the classes in the order of their numbers, for a task of many classes, else empty.
        environment: Digest of the training's environment.
        arithmetic: What `expressions.conformance` says of the plan where the model was made.
    """

    name: str
    task: Task
    features: tuple[Feature, ...]
    classes: tuple[str, ...]
    plan: Mapping[str, Json]
    params: Mapping[str, Json]
    seed: int
    threads: int
    environment: Digest
    arithmetic: Digest

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns the model takes, in order."""
        return tuple(feature.name for feature in self.features)


def make_package(model: object, recipe: Recipe, questions: Matrix, doors: Mapping[str, Door]) -> tuple[Package, bytes]:
    """The package of a trained model and its bytes, once the reloaded model gives the same answers, bit for bit.

    Args:
        model: What the training returned.
        recipe: What the package says besides.
        questions: The golden questions, as `choose_questions` picks them.
        doors: Frameworks by the name of their format, asked in order.

    Raises:
        InputError: No door knows the model, it cannot be packaged, or it answers with something that is no answer.
        IntegrityError: The reloaded model answers otherwise.
    """
    door, data = _save(model, recipe.columns, doors)
    predictor = door.wrap(model, recipe.columns)
    answers = answer(predictor, questions, recipe.task, len(recipe.classes))
    _check_alone(predictor, questions, answers, recipe)
    package = Package(
        name=recipe.name,
        format=door.format,
        task=recipe.task,
        features=recipe.features,
        classes=recipe.classes,
        plan=recipe.plan,
        golden=tuple(_golden(row, out) for row, out in zip(questions, answers, strict=True)),
        params=recipe.params,
        seed=recipe.seed,
        threads=recipe.threads,
        environment=recipe.environment,
        arithmetic=recipe.arithmetic,
    )
    load_package(package, data, doors)
    return package, data


def package_objects(package: Package, data: bytes) -> dict[str, bytes]:
    """The objects of a package by name: the model's bytes and the canonical `package.json`."""
    return {MODEL: data, PACKAGE: dumps(to_json(package))}


def read_package(data: bytes) -> Package:
    """Read the object `package.json`.

    Raises:
        InputError: The bytes are not the canonical bytes of a package.
    """
    return from_json(Package, loads(data))


def load_package(package: Package, data: bytes, loaders: Mapping[str, Loader]) -> Predictor:
    """The model of a package, ready to answer, after it gave the golden answers bit for bit.

    Raises:
        InputError: No loader reads the format, or the bytes are not such a model.
        IntegrityError: It answers otherwise than it did when it was packaged.
    """
    loader = loaders.get(package.format)
    if loader is None:
        raise InputError(
            "package.unknown-format",
            f"Nothing here reads models of the format {package.format!r}.",
            place=package.name,
            found=", ".join(loaders) or "no formats at all",
            fix="Install andon with the extra of the model's framework.",
        )
    predictor = loader.load(data, tuple(feature.name for feature in package.features))
    check_golden(predictor, package)
    return predictor


def check_golden(predictor: Predictor, package: Package) -> None:
    """Ask the golden questions, and return only if every answer has the recorded bits.

    Raises:
        InputError: The package has no golden questions, or the predictor gives something that is no answer.
        IntegrityError: An answer differs.
    """
    if not package.golden:
        raise InputError(
            "package.no-golden",
            "A package without golden questions cannot be checked.",
            place=package.name,
            fix="Train and package the model again.",
        )
    questions, recorded = read_golden(package)
    answers = answer(predictor, questions, package.task, len(package.classes))
    answers = answers.reshape(len(questions), -1)
    differs = np.flatnonzero((answers.view(np.uint64) != recorded.view(np.uint64)).any(axis=1))
    if differs.size:
        first = int(differs[0])
        raise IntegrityError(
            "package.golden-differs",
            f"The model answers {differs.size} of {len(questions)} golden questions otherwise than when packaged.",
            place=f"{package.name}, golden question {first}",
            found=f"{answers[first].tolist()} instead of {recorded[first].tolist()}",
            fix="Use the framework version, mathematics library and machine type it was packaged with, or train again.",
        )


def answer(predictor: Predictor, matrix: Matrix, task: Task, classes: int = 0) -> Matrix:
    """The predictor's answers, once they are what the task asks for.

    Returns:
        `n` probabilities of true, `n` values, or `n` rows of `classes` probabilities; float64, all finite.

    Raises:
        InputError: The predictor fails, or its answer has another shape, is not finite or is no probability.
    """
    try:
        answers = np.ascontiguousarray(predictor.predict(matrix), dtype=np.float64)
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise _bad_answer(
            "The model fails on rows it has to answer.",
            f"{type(error).__name__}: {error}"[:300],
            "Make it accept nulls (NaN) in every feature and unknown categories (-1), for example with an imputer.",
        ) from error
    _check_shape(answers, (len(matrix), classes) if task == "classes" else (len(matrix),))
    if not np.isfinite(answers).all():
        count = int((~np.isfinite(answers)).any(axis=tuple(range(1, answers.ndim))).sum())
        raise _bad_answer(
            "The model answers with something that is not a finite number.",
            f"{count} of {len(matrix)} answers",
            "Look for diverged training, division by zero, or nulls that the model does not handle.",
        )
    if task != "regression":
        _check_probabilities(answers)
    return answers


def choose_questions(matrix: Matrix, features: Sequence[Feature], count: int = 16) -> Matrix:
    """Golden questions: rows spread evenly over the given ones, the rows with most nulls, and the edges.

    The edges are a row of nothing but nulls and, where there are categorical features, a row of unknown categories.

    Raises:
        InputError: There is no row to choose from.
    """
    if not len(matrix):
        raise InputError(
            "package.no-rows",
            "There are no rows to choose golden questions from.",
            fix="Package the model with its fit and tune rows.",
        )
    spread = np.linspace(0, len(matrix) - 1, num=min(count, len(matrix)), dtype=np.int64)
    nulls = np.isnan(matrix).sum(axis=1)
    emptiest = np.argsort(-nulls, kind="stable")[:4]
    rows = matrix[np.unique(np.concatenate([spread, emptiest]))]
    edges = [np.full((1, matrix.shape[1]), np.nan)]
    categorical = [index for index, feature in enumerate(features) if feature.categorical]
    if categorical:
        unknown = matrix[:1].copy()
        unknown[0, categorical] = -1.0
        edges.append(unknown)
    return np.concatenate([rows, *edges])


def _save(model: object, columns: Sequence[str], doors: Mapping[str, Door]) -> tuple[Door, bytes]:
    for door in doors.values():
        data = door.save(model, columns)
        if data is not None:
            return door, data
    raise InputError(
        "package.unknown-framework",
        "andon cannot package this model.",
        place=f"{type(model).__module__}.{type(model).__qualname__}",
        found=f"formats known here: {', '.join(doors) or 'none'}",
        fix="Return a trained LightGBM model or scikit-learn estimator; functions and own classes cannot be packaged.",
    )


def _check_alone(predictor: Predictor, questions: Matrix, answers: Matrix, recipe: Recipe) -> None:
    """A row's answer must not hang on the rows beside it: servers ask one row at a time, evaluations ask many."""
    alone = np.concatenate(
        [
            answer(predictor, questions[index : index + 1], recipe.task, len(recipe.classes))
            for index in range(len(questions))
        ]
    )
    apart = np.abs(alone - answers) > _ALONE_TOLERANCE * np.maximum(1.0, np.abs(answers))
    if apart.any():
        raise _bad_answer(
            "The model answers a row otherwise when it is asked alone.",
            f"{int(np.count_nonzero(apart))} answers differ",
            "Take out what looks at the whole batch; learn such values in training instead.",
        )


def _golden(row: npt.NDArray[np.float64], out: npt.NDArray[np.float64]) -> Mapping[str, Json]:
    return {
        "inputs": [None if np.isnan(value) else float(value).hex() for value in row],
        "answer": [float(value).hex() for value in np.atleast_1d(out)],
    }


def read_golden(package: Package) -> tuple[Matrix, Matrix]:
    """The golden questions of a package and their recorded answers, a row each.

    Raises:
        InputError: They cannot be read.
    """
    width = len(package.classes) if package.task == "classes" else 1
    try:
        inputs = [
            [np.nan if v is None else float.fromhex(v) for v in _texts(item, "inputs")] for item in package.golden
        ]
        answers = [[float.fromhex(cast("str", v)) for v in _texts(item, "answer")] for item in package.golden]
        questions = np.array(inputs, dtype=np.float64).reshape(len(package.golden), len(package.features))
        return questions, np.array(answers, dtype=np.float64).reshape(len(package.golden), width)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(
            "package.malformed-golden",
            "The golden questions of this package cannot be read.",
            place=package.name,
            found=repr(error)[:120],
            fix="Train and package the model again.",
        ) from error


def _texts(item: Mapping[str, Json], name: str) -> Sequence[str | None]:
    values = item[name]
    if not isinstance(values, list) or set(item) != {"inputs", "answer"}:
        raise TypeError(name)
    return values


def _check_shape(answers: Matrix, wanted: tuple[int, ...]) -> None:
    if answers.shape != wanted:
        raise _bad_answer(
            "The model's answer has the wrong shape.",
            f"{answers.shape} instead of {wanted}",
            "Give one number a row, or one probability a class and row for a label of many classes.",
        )


def _check_probabilities(answers: Matrix) -> None:
    outside = (answers < 0) | (answers > 1)
    sums = answers.sum(axis=1) if answers.ndim == 2 else np.ones(1)
    if outside.any() or np.abs(sums - 1).max(initial=0) > 1e-6:
        raise _bad_answer(
            "The model's answers are not probabilities.",
            f"from {answers.min():g} to {answers.max():g}",
            "Train with an objective that gives probabilities, such as binary or multiclass.",
        )


def _bad_answer(message: str, found: str, fix: str) -> InputError:
    return InputError("package.bad-answer", message, found=found, fix=fix)
