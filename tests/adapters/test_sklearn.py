"""scikit-learn estimators survive the way through skops bit for bit; a file naming other code is refused unbuilt."""

import io
import json
import warnings
import zipfile

import numpy as np
import polars as pl
import pytest
import skops.io
from sklearn.base import BaseEstimator, ClassifierMixin, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from andon.adapters.sklearn import Skops
from andon.kernel.errors import InputError

COLUMNS = ("a", "b", "c")


def rows(n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(9)
    x = random.normal(size=(n, 3))
    x[:, 2] = random.integers(0, 4, n)
    return x, x[:, 0] + random.normal(size=n) > 0


ESTIMATORS = [
    LogisticRegression(),
    LinearRegression(),
    Ridge(),
    GaussianNB(),
    DummyClassifier(),
    DecisionTreeClassifier(random_state=0),
    RandomForestClassifier(8, random_state=0, n_jobs=2),
    RandomForestRegressor(8, random_state=0, n_jobs=2),
    GradientBoostingClassifier(n_estimators=5, random_state=0),
    HistGradientBoostingClassifier(max_iter=5, random_state=0),
    HistGradientBoostingRegressor(max_iter=5, random_state=0),
    KNeighborsClassifier(),
    MLPClassifier((4,), max_iter=300, random_state=0, tol=1e-2),
    CalibratedClassifierCV(LogisticRegression()),
    StackingClassifier([("a", LogisticRegression()), ("b", GaussianNB())]),
    make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression()),
    make_pipeline(
        make_column_transformer((StandardScaler(), [0, 1]), (OneHotEncoder(handle_unknown="ignore"), [2])),
        LogisticRegression(),
    ),
    make_pipeline(FunctionTransformer(np.sin), LogisticRegression()),
]


def trained(estimator):
    x, y = rows()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator.fit(x, y if is_classifier(estimator) else x[:, 1])


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_a_reloaded_estimator_answers_with_the_same_bits(estimator):
    model, door = trained(estimator), Skops()
    asked, _ = rows(300)
    data = door.save(model, COLUMNS)
    before, after = door.wrap(model, COLUMNS).predict(asked), door.load(data, COLUMNS).predict(asked)
    assert before.shape == (300,)
    assert before.tobytes() == after.tobytes()


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_the_same_training_gives_the_same_bytes(estimator):
    door = Skops()
    assert door.save(trained(estimator), COLUMNS) == door.save(trained(estimator), COLUMNS)


def test_an_estimator_trained_on_named_columns_is_asked_with_names():
    x, y = rows()
    frame = pl.DataFrame(x, schema=list(COLUMNS))
    model = make_pipeline(SimpleImputer(), LogisticRegression()).fit(frame, y)
    door = Skops()
    loaded = door.load(door.save(model, COLUMNS), COLUMNS)
    assert np.array_equal(loaded.predict(x), model.predict_proba(frame)[:, 1])
    with pytest.raises(InputError, match="other columns"):
        door.save(model, ("b", "a", "c"))


def test_many_classes_answer_with_one_column_a_class():
    x, _ = rows()
    model = LogisticRegression().fit(x, x[:, 2].astype(int))
    door = Skops()
    answers = door.load(door.save(model, COLUMNS), COLUMNS).predict(x)
    assert answers.shape == (200, 4)
    assert np.allclose(answers.sum(axis=1), 1)


class Own(ClassifierMixin, BaseEstimator):
    def fit(self, x, y):
        self.classes_, self.n_features_in_ = np.array([False, True]), x.shape[1]
        return self

    def predict_proba(self, x):
        return np.full((len(x), 2), 0.5)


def own_function(x):
    return x


@pytest.mark.parametrize(
    "estimator",
    [Own(), make_pipeline(FunctionTransformer(own_function), LogisticRegression())],
    ids=["own class", "own function"],
)
def test_own_code_is_refused_with_its_name(estimator):
    with pytest.raises(InputError, match="types that andon does not load") as refusal:
        Skops().save(trained(estimator), COLUMNS)
    assert "own" in refusal.value.found.lower()
    assert refusal.value.fix


def test_a_file_that_names_other_code_is_refused_before_anything_is_built():
    data = skops.io.dumps(trained(Own()))
    with pytest.raises(InputError, match="types that andon does not load"):
        Skops().load(data, COLUMNS)


@pytest.mark.parametrize(
    "node",
    [
        {"__module__": "os", "__class__": "system", "__loader__": "FunctionNode", "__id__": 10**9, "content": "system"},
        {
            "__module__": "builtins",
            "__class__": "eval",
            "__loader__": "FunctionNode",
            "__id__": 10**9,
            "content": "eval",
        },
        {
            "__module__": "operator",
            "__class__": "methodcaller",
            "__loader__": "OperatorFuncNode",
            "attrs": {},
            "__id__": 10**9,
        },
        {
            "__module__": "subprocess",
            "__class__": "Popen",
            "__loader__": "ObjectNode",
            "content": None,
            "__id__": 10**9,
        },
        {"__module__": "builtins", "__class__": "str", "__loader__": "Nowhere", "__id__": 10**9},
    ],
    ids=["os.system", "eval", "methodcaller", "Popen", "unknown node"],
)
def test_a_crafted_file_is_refused(node):
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(Skops().save(trained(LogisticRegression()), COLUMNS))) as source:
        schema = json.loads(source.read("schema.json"))
        schema["content"]["content"]["coef_"] = node
        with zipfile.ZipFile(out, "w") as target:
            for name in source.namelist():
                target.writestr(name, json.dumps(schema) if name == "schema.json" else source.read(name))
    with pytest.raises(InputError):
        Skops().load(out.getvalue(), COLUMNS)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"\x80\x05cos\nsystem"])
def test_bytes_that_are_no_model_are_refused(data):
    with pytest.raises(InputError, match="not a scikit-learn model"):
        Skops().load(data, COLUMNS)


def test_what_cannot_serve_is_refused_with_a_way_out():
    x, y = rows()
    door = Skops()
    for model, words in [
        (LogisticRegression(), "not trained"),
        (LinearSVC().fit(x, y), "no probabilities"),
        (StandardScaler().fit(x), "predicts nothing"),
        (LogisticRegression().fit(x, np.where(y, "yes", "no")), "labels of its own"),
    ]:
        with pytest.raises(InputError, match=words) as refusal:
            door.save(model, COLUMNS)
        assert refusal.value.fix
    assert door.save(own_function, COLUMNS) is None
