"""What user functions are given: rows as numbers, holdout rows without labels, windows of time."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon import Holdout, Params, Predictor, TrainingSet, Window, progress
from andon.api.models import reporting
from andon.contracts.model import Feature
from andon.kernel.errors import InputError, UsageError

FEATURES = (Feature("size", "int", False), Feature("shop", "int", True), Feature("dear", "bool", False))
FIRST, LAST = datetime(1900, 1, 1), datetime(2200, 1, 1)  # noqa: DTZ001  # what hypothesis takes
FRAME = pl.DataFrame(
    {
        "size": [1, None, 3],
        "shop": [0, -1, None],
        "dear": [True, None, False],
        "label": [True, False, True],
        "_asked": [1, 2, 3],
    }
)


def _training(frame=FRAME, classes=()):
    return TrainingSet(frame, frame.head(2), FEATURES, classes)


def test_xy_gives_numbers_only_with_nulls_as_nan_and_no_column_besides_the_features():
    x, y = _training().xy()
    assert x.columns == ["size", "shop", "dear"]
    assert set(x.dtypes) == {pl.Float64}
    assert np.isnan(x["size"].to_numpy()).tolist() == [False, True, False]
    assert y.to_list() == [1, 0, 1]
    matrix, labels = _training().numpy()
    assert np.array_equal(matrix, x.to_numpy(), equal_nan=True)
    assert labels.dtype == np.float64


def test_tuning_rows_stand_apart():
    train = _training()
    assert (len(train), len(train.tune)) == (3, 2)
    assert train.tune.xy()[0].height == 2
    assert train.features == ("size", "shop", "dear")
    assert train.categorical == ("shop",)


def test_classes_are_numbered_by_their_place():
    frame = FRAME.with_columns(label=pl.Series(["b", "a", "zz"]))
    train = _training(frame, ("a", "b"))
    assert train.classes == ("a", "b")
    assert train.xy()[1].to_list() == [1, 0, -1]


def test_pandas_is_given_where_it_is_and_its_absence_is_said():
    try:
        import pandas  # noqa: F401  # only whether it is there
        import pyarrow  # noqa: F401  # only whether it is there
    except ModuleNotFoundError:
        with pytest.raises(UsageError, match="not installed"):
            _training().pandas()
    else:
        x, y = _training().pandas()
        assert list(x.columns) == ["size", "shop", "dear"]
        assert list(y) == [1, 0, 1]


def test_a_holdout_has_features_and_nothing_else():
    holdout = Holdout(FRAME, FEATURES)
    assert holdout.frame().columns == ["size", "shop", "dear"]
    assert "label" not in holdout.features
    assert len(holdout) == 3


def test_changed_changes_a_copy_and_refuses_what_is_no_feature():
    holdout = Holdout(FRAME, FEATURES)
    other = holdout.changed(size=9.5, dear=pl.col("dear").not_())
    assert other.frame()["size"].to_list() == [9.5, 9.5, 9.5]
    assert other.frame()["dear"].to_list() == [False, None, True]
    assert holdout.frame()["size"].to_list() == [1, None, 3]
    with pytest.raises(UsageError, match="sise") as caught:
        holdout.changed(sise=1)
    assert "'size'" in caught.value.fix
    with pytest.raises(UsageError):
        holdout.changed(label=True)


class _Sizes:
    """A model whose answer is the size."""

    def predict(self, matrix):
        return np.nan_to_num(matrix[:, 0]) / 10


def test_a_predictor_answers_a_holdout_and_what_is_no_answer_is_refused():
    holdout = Holdout(FRAME, FEATURES)
    assert Predictor(_Sizes(), "binary", ())(holdout).tolist() == [0.1, 0.0, 0.3]
    with pytest.raises(InputError, match="probabilities"):
        Predictor(_Sizes(), "binary", ())(holdout.changed(size=70))


@given(st.datetimes(min_value=FIRST, max_value=LAST), st.integers(0, 999))
def test_a_window_tells_moments_to_the_microsecond(moment, rest):
    aware = moment.replace(tzinfo=UTC)
    micros = (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    window = Window(None, micros * 1000 + rest)
    assert window.until == aware
    assert window.since is None
    assert Window(micros * 1000, micros * 1000 + rest).since == aware


def test_params_are_frozen_and_come_with_their_defaults():
    class Knobs(Params):
        leaves: int = 31

    assert Knobs() == Knobs(leaves=31)
    with pytest.raises(AttributeError):
        Knobs().leaves = 3


def test_progress_does_nothing_outside_of_a_run_and_reports_within():
    progress(1, 2, loss=0.5)
    told = []
    reporting(lambda *each: told.append(each))
    progress(3, loss=np.float32(0.25))
    assert told == [(3, 0, {"loss": 0.25})]
    reporting(lambda *each: None)
