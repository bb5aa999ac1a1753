"""LightGBM models as text: saved, loaded and asked, one thread a question."""

import ctypes
import re
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Final, Self

import lightgbm
import numpy as np
import numpy.typing as npt

from andon.kernel.errors import InputError

_SIZES: Final = re.compile(rb"\ntree_sizes=([\d ]+)\n")
_AUTOMATIC: Final = re.compile(r"Column_\d+")
# As LightGBM's C interface numbers them.
_NORMAL: Final = 0
_FLOAT64: Final = 1
_ONE_THREAD: Final = b"num_threads=1"
_PROBES: Final = (float("nan"), 0.0, -1.0, 1e300)
_Call = Callable[..., int]


class _OneRow:
    """One row asked through LightGBM's call for single rows, which costs a tenth of the call for many.

    Its buffers are one, so whoever finds it busy asks the slow way.

    Args:
        booster: The model; it lives as long as this.
        ask: The call: prepared question, row, count of answers, answers.
        question: What the call was prepared with.
        free: Gives the prepared question back.
    """

    __slots__ = ("__weakref__", "_ask", "_lock", "_places", "_row", "_said", "_shape")

    def __init__(
        self, booster: lightgbm.Booster, ask: _Call, question: ctypes.c_void_p, free: Callable[[ctypes.c_void_p], int]
    ) -> None:
        width = booster.num_model_per_iteration()
        self._shape = (1, booster.num_feature())
        self._row = np.empty(self._shape)
        self._said = np.empty((1, width) if width > 1 else 1)
        count = ctypes.byref(ctypes.c_int64())
        addresses = (ctypes.c_void_p(self._row.ctypes.data), count, ctypes.c_void_p(self._said.ctypes.data))
        self._ask = ask
        self._places = (question, *addresses)
        self._lock = threading.Lock()
        weakref.finalize(self, _give_back, free, question, booster).atexit = False

    @classmethod
    def of(cls, booster: lightgbm.Booster) -> Self | None:
        """The call for this model, if this LightGBM has it and it gives the bits of the other on rows that tell.

        One that is missing or differs costs speed and nothing else.
        """
        library = getattr(lightgbm.basic, "_LIB", None)
        names = ("BoosterPredictForMatSingleRowFastInit", "BoosterPredictForMatSingleRowFast", "FastConfigFree")
        try:
            prepare, ask, free = (getattr(library, f"LGBM_{name}") for name in names)
            question = ctypes.c_void_p()
            first, last = 0, booster.best_iteration
            row = (_FLOAT64, booster.num_feature(), _ONE_THREAD, ctypes.byref(question))
            is_refused = prepare(booster._handle, _NORMAL, first, last, *row)  # noqa: SLF001  # it has no public name
        except (AttributeError, ctypes.ArgumentError):
            return None
        if is_refused:
            return None
        found = cls(booster, ask, question, free)
        return found if all(found.agrees(booster, value) for value in _PROBES) else None

    def agrees(self, booster: lightgbm.Booster, value: float) -> bool:
        """Whether it answers a row of nothing but one value with the bits of the call for many."""
        row = np.full(self._shape, value)
        said = self.predict(row)
        return said is not None and said.tobytes() == np.asarray(booster.predict(row, num_threads=1)).tobytes()

    def predict(self, matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.float64] | None:
        """The answer to a single row; `None` where the call for many must be asked."""
        if matrix.shape != self._shape or not self._lock.acquire(blocking=False):
            return None
        try:
            self._row[...] = matrix
            return None if self._ask(*self._places) else self._said.copy()
        finally:
            self._lock.release()


class _Trees:
    """A booster that answers with the same bits however many threads the machine has."""

    __slots__ = ("_booster", "_name", "_one_row")

    def __init__(self, booster: lightgbm.Booster, name: str) -> None:
        self._booster = booster
        self._name = name
        self._one_row = _OneRow.of(booster)

    def predict(self, matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        if self._one_row is not None and (said := self._one_row.predict(matrix)) is not None:
            return said
        if not len(matrix):
            width = self._booster.num_model_per_iteration()
            return np.empty((0, width) if width > 1 else 0)
        try:
            answers = self._booster.predict(matrix, num_threads=1)
        except lightgbm.basic.LightGBMError as error:
            raise _refuse(
                "LightGBM cannot answer these rows.", self._name, str(error), "Ask with the features of the plan."
            ) from error
        return np.asarray(answers, dtype=np.float64)


class LightGbmText:
    """The door to LightGBM: boosters and its scikit-learn wrappers, in LightGBM's own text format.

    The text runs no code when it is loaded and keeps every threshold and leaf to the last bit.
    """

    format: Final = "lightgbm-text"

    def save(self, model: object, columns: Sequence[str]) -> bytes | None:
        """The model as text; `None` when it is not a LightGBM model.

        Raises:
            InputError: It is not trained, takes other columns, or carries pandas categories or classes of its own.
        """
        booster = _booster(model)
        if booster is None:
            return None
        _check(booster, columns)
        return booster.model_to_string().encode()

    def wrap(self, model: object, columns: Sequence[str]) -> _Trees:
        """The trained model in memory as a predictor.

        Raises:
            InputError: It is not a LightGBM model, or `save` would refuse it.
        """
        booster = _booster(model)
        if booster is None:
            raise _refuse(
                "This is not a LightGBM model.", "", type(model).__qualname__, "Return a Booster or an LGBM estimator."
            )
        _check(booster, columns)
        return _Trees(booster, "model")

    def load(self, data: bytes, columns: Sequence[str]) -> _Trees:
        """The model of these bytes.

        Raises:
            InputError: The bytes are not a LightGBM model in text form, or it takes other columns.
        """
        if not _is_whole(data):
            raise _refuse(
                "These bytes are not a LightGBM model in text form.", "", repr(data[:40]), "Package the model again."
            )
        try:
            booster = lightgbm.Booster(model_str=data.decode())
        except (lightgbm.basic.LightGBMError, ValueError) as error:
            raise _refuse(
                "LightGBM cannot read this model.", "", str(error)[:200], "Package the model again."
            ) from error
        _check(booster, columns)
        return _Trees(booster, "package")


def _give_back(free: Callable[[ctypes.c_void_p], int], question: ctypes.c_void_p, _: lightgbm.Booster) -> None:
    """Free a prepared question; the model it was prepared for is held until then."""
    free(question)


def _is_whole(data: bytes) -> bool:
    """Whether every tree stands where the head says; LightGBM ends the whole process over a text where one does not."""
    head, _, _ = data.partition(b"\nTree=0\n")
    sizes = _SIZES.search(head)
    if not data.startswith(b"tree\n") or sizes is None:
        return False
    place = len(head) + 1
    for number, size in enumerate(sizes[1].split()):
        if not data.startswith(b"Tree=%d\n" % number, place):
            return False
        place += int(size)
    return data.startswith(b"end of trees\n", place)


def _booster(model: object) -> lightgbm.Booster | None:
    if isinstance(model, lightgbm.Booster):
        return model
    if not isinstance(model, lightgbm.LGBMModel):
        return None
    if not model.__sklearn_is_fitted__():
        raise _refuse(
            "This LightGBM model is not trained.", type(model).__name__, "no trees", "Call fit() before returning it."
        )
    if isinstance(model, lightgbm.LGBMClassifier) and not _are_codes(model.classes_):
        raise _refuse(
            "The model was trained on labels of its own.",
            type(model).__name__,
            f"classes {list(model.classes_)[:10]}",
            "Train on the labels that xy() gives: false and true, or the numbers of the classes.",
        )
    return model.booster_


def _are_codes(classes: object) -> bool:
    values = np.asarray(classes)
    return values.dtype.kind in "biuf" and bool((values == np.arange(len(values))).all())


def _check(booster: lightgbm.Booster, columns: Sequence[str]) -> None:
    if booster.pandas_categorical:
        raise _refuse(
            "The model carries pandas categories, which number the same values otherwise than the feature plan.",
            "pandas_categorical",
            f"{len(booster.pandas_categorical)} columns",
            "Train on the numeric columns that xy() gives and name the categorical ones with categorical_feature=.",
        )
    names = booster.feature_name()
    wanted = [name.replace(" ", "_") for name in columns]
    if len(names) != len(wanted) or (names != wanted and not all(_AUTOMATIC.fullmatch(name) for name in names)):
        raise _refuse(
            "The model takes other columns than the feature plan gives.",
            "features",
            f"{names[:20]} instead of {wanted[:20]}",
            "Train on all columns that xy() gives, in their order.",
        )
    if not booster.num_trees():
        raise _refuse("The model has no trees.", "trees", "0", "Check the number of rounds and the training rows.")


def _refuse(message: str, place: str, found: str, fix: str) -> InputError:
    return InputError("package.lightgbm", message, place=place, found=found, fix=fix)
