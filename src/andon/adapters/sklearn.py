"""scikit-learn estimators as skops files with a pinned list of types: nothing in a file can name code of its own."""

import io
import json
import zipfile
from collections.abc import Iterator, Sequence
from typing import Final, Protocol, cast

import numpy as np
import numpy.typing as npt
import polars as pl
import skops.io
from sklearn.base import BaseEstimator, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted
from skops.io.exceptions import UntrustedTypesFoundException

from andon.kernel.errors import InputError

# What skops does not trust by itself and scikit-learn's own trained estimators hold. The list is part of andon: a file
# never says what it may contain.
_TRUSTED: Final = (
    "numpy.dtype",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.metrics._dist_metrics.EuclideanDistance64",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.tree._tree.Tree",
    "sklearn.utils._bunch.Bunch",
)
_PACKAGES: Final = ("builtins", "collections", "functools", "numpy", "scipy", "sklearn")
_NODES_REFUSED: Final = ("MethodNode", "OperatorFuncNode", "PartialNode", "BytesNode", "BytearrayNode")
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_SCHEMA: Final = "schema.json"


class _Fitted(Protocol):
    """What every trained estimator that andon packages has, one way or another."""

    n_features_in_: int

    def predict(self, x: object) -> object: ...
    def predict_proba(self, x: object) -> object: ...


class _Estimator:
    """A trained estimator that answers on one thread."""

    __slots__ = ("_columns", "_estimator")

    def __init__(self, estimator: BaseEstimator, columns: Sequence[str]) -> None:
        self._estimator = cast("_Fitted", estimator)
        self._columns = tuple(columns)

    def predict(self, matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        named = hasattr(self._estimator, "feature_names_in_")
        rows = pl.DataFrame(matrix, schema=list(self._columns)) if named else matrix
        if not is_classifier(self._estimator):
            return np.asarray(self._estimator.predict(rows), dtype=np.float64)
        answers = np.asarray(self._estimator.predict_proba(rows), dtype=np.float64)
        return np.ascontiguousarray(answers[:, 1]) if answers.shape[1] == 2 else answers


class Skops:
    """The door to scikit-learn: classifiers, regressors and pipelines of scikit-learn's own parts.

    The same training gives the same bytes: object numbers and times are taken out of the file.
    """

    format: Final = "skops"

    def save(self, model: object, columns: Sequence[str]) -> bytes | None:
        """The model as a skops file; `None` when it is not a scikit-learn estimator.

        Raises:
            InputError: It is not trained, takes other columns, or holds a type that is not on andon's list.
        """
        if not isinstance(model, BaseEstimator):
            return None
        _check(model, columns)
        try:
            data = _canonical(skops.io.dumps(model))
        except (AttributeError, NotImplementedError, TypeError, ValueError) as error:
            raise _refuse(
                "skops cannot write this estimator.",
                _name(model),
                str(error)[:200],
                "Use scikit-learn's own parts only.",
            ) from error
        _check_types(data)
        return data

    def wrap(self, model: object, columns: Sequence[str]) -> _Estimator:
        """The trained model in memory as a predictor.

        Raises:
            InputError: It is not a scikit-learn estimator, is not trained, or takes other columns.
        """
        if not isinstance(model, BaseEstimator):
            raise _refuse("This is not a scikit-learn estimator.", "", _name(model), "Return a trained estimator.")
        _check(model, columns)
        return _Estimator(_on_one_thread(model), columns)

    def load(self, data: bytes, columns: Sequence[str]) -> _Estimator:
        """The model of these bytes.

        Raises:
            InputError: The bytes are not a skops file, hold a type that is not on andon's list, or take other columns.
        """
        _check_types(data)
        try:
            model = skops.io.loads(data, trusted=list(_TRUSTED))
        except UntrustedTypesFoundException as error:
            raise _untrusted(str(error)[:300]) from error
        except (AttributeError, ImportError, KeyError, TypeError, ValueError) as error:
            raise _unreadable(repr(error)[:200]) from error
        if not isinstance(model, BaseEstimator):
            raise _unreadable(_name(model))
        _check(model, columns)
        return _Estimator(_on_one_thread(model), columns)


def _on_one_thread(model: BaseEstimator) -> BaseEstimator:
    """Forests add their trees up in the order in which threads finish, so the last bit would depend on luck."""
    parameters = model.get_params(deep=True)
    jobs = {
        name: 1 for name, value in parameters.items() if name.split("__")[-1] == "n_jobs" and value not in (None, 1)
    }
    return cast("BaseEstimator", model.set_params(**jobs)) if jobs else model


def _check(model: BaseEstimator, columns: Sequence[str]) -> None:
    try:
        check_is_fitted(model)
    except NotFittedError as error:
        raise _refuse(
            "This estimator is not trained.", _name(model), "no fit", "Call fit() before returning it."
        ) from error
    if is_classifier(model):
        _check_classes(model)
    elif not is_regressor(model):
        raise _refuse(
            "This estimator predicts nothing.",
            _name(model),
            "neither classifier nor regressor",
            "Return the predictor.",
        )
    names = getattr(model, "feature_names_in_", None)
    count = getattr(model, "n_features_in_", len(columns))
    if count != len(columns) or (names is not None and list(names) != list(columns)):
        raise _refuse(
            "The model takes other columns than the feature plan gives.",
            _name(model),
            f"{count if names is None else list(names)[:20]} instead of {list(columns)[:20]}",
            "Train on all columns that xy() gives, in their order.",
        )


def _check_classes(model: BaseEstimator) -> None:
    if not hasattr(model, "predict_proba"):
        raise _refuse(
            "This classifier gives no probabilities.",
            _name(model),
            "no predict_proba",
            "Wrap it in CalibratedClassifierCV, or use a classifier with predict_proba.",
        )
    classes = np.asarray(getattr(model, "classes_", []))
    if classes.dtype.kind not in "biuf" or len(classes) < 2 or not (classes == np.arange(len(classes))).all():
        raise _refuse(
            "The model was trained on labels of its own.",
            _name(model),
            f"classes {classes[:10].tolist()}",
            "Train on the labels that xy() gives: false and true, or the numbers of the classes.",
        )


def _check_types(data: bytes) -> None:
    """Refuse before anything is built: by skops' own audit, and by the packages and node kinds the file names."""
    try:
        unknown = set(skops.io.get_untrusted_types(data=data)) - set(_TRUSTED)
        named = set(_named(_schema(data)))
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError, ImportError, zipfile.BadZipFile) as error:
        raise _unreadable(repr(error)[:200]) from error
    unknown |= {f"{module}.{name}" for module, name, _ in named if module.split(".")[0] not in _PACKAGES}
    unknown |= {f"{module}.{name} ({node})" for module, name, node in named if node in _NODES_REFUSED}
    if unknown:
        raise _untrusted(", ".join(sorted(unknown))[:300])


def _schema(data: bytes) -> object:
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        schema: object = json.loads(file.read(_SCHEMA))
    return schema


def _named(value: object) -> Iterator[tuple[str, str, str]]:
    if isinstance(value, dict):
        if "__module__" in value:
            yield str(value["__module__"]), str(value.get("__class__")), str(value.get("__loader__"))
        for item in value.values():
            yield from _named(item)
    elif isinstance(value, list):
        for item in value:
            yield from _named(item)


def _canonical(data: bytes) -> bytes:
    """The same file without what differs from one writing to the next: memory addresses, their names and the time."""
    numbers: dict[int, int] = {}
    files: dict[str, str] = {}
    with zipfile.ZipFile(io.BytesIO(data)) as source:
        schema = _renumbered(json.loads(source.read(_SCHEMA)), numbers, files)
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as target:
            for old, new in files.items():
                target.writestr(zipfile.ZipInfo(new, _EPOCH), source.read(old))
            target.writestr(zipfile.ZipInfo(_SCHEMA, _EPOCH), json.dumps(schema, separators=(",", ":")))
    return out.getvalue()


def _renumbered(value: object, numbers: dict[int, int], files: dict[str, str]) -> object:
    if isinstance(value, list):
        return [_renumbered(item, numbers, files) for item in value]
    if not isinstance(value, dict):
        return value
    out: dict[str, object] = {}
    for name, item in value.items():
        if name == "__id__":
            out[name] = numbers.setdefault(item, len(numbers))
        elif name == "file" and "__loader__" in value:
            out[name] = files.setdefault(item, f"{len(files)}.{str(item).rsplit('.', 1)[-1]}")
        else:
            out[name] = _renumbered(item, numbers, files)
    return out


def _name(model: object) -> str:
    return f"{type(model).__module__}.{type(model).__qualname__}"


def _untrusted(found: str) -> InputError:
    return InputError(
        "package.untrusted-type",
        "This estimator holds types that andon does not load.",
        found=found,
        fix="Build it from scikit-learn's own estimators and transformers; own classes cannot be packaged.",
    )


def _unreadable(found: str) -> InputError:
    return _refuse("These bytes are not a scikit-learn model in skops form.", "", found, "Package the model again.")


def _refuse(message: str, place: str, found: str, fix: str) -> InputError:
    return InputError("package.sklearn", message, place=place, found=found, fix=fix)
