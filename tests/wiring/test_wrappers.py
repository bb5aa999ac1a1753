"""LightGBM is loaded without its wrappers where no user code runs, and nothing else is kept from loading them."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow  # loads scikit-learn in six processes
pytest.importorskip("lightgbm")
pytest.importorskip("sklearn")

LEAN = "from andon.wiring.wrappers import leave_out_wrappers; leave_out_wrappers(); leave_out_wrappers()\n"


def loaded_after(code: str) -> set[str]:
    asked = f"{code}\nimport sys; print(*(name for name in ('lightgbm', 'sklearn', 'pandas') if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_lightgbm_alone_is_loaded_where_wrappers_are_left_out():
    assert loaded_after(LEAN + "import lightgbm") == {"lightgbm"}


def test_without_that_word_lightgbm_brings_its_wrappers():
    assert {"lightgbm", "sklearn"} <= loaded_after("import lightgbm")


def test_scikit_learn_itself_still_loads_before_and_after_lightgbm():
    asked = LEAN + "import lightgbm\nfrom sklearn.linear_model import LogisticRegression\nLogisticRegression()"
    assert {"lightgbm", "sklearn"} <= loaded_after(asked)
    assert {"lightgbm", "sklearn"} <= loaded_after(LEAN + "import sklearn.linear_model\nimport lightgbm")


def test_a_booster_answers_with_the_same_bits_either_way():
    train = """
import numpy, lightgbm
x = numpy.random.default_rng(3).normal(size=(200, 3)); y = (x[:, 0] > 0).astype(float)
options = {"objective": "binary", "num_threads": 1, "verbosity": -1, "min_data_in_leaf": 5}
text = lightgbm.train(options, lightgbm.Dataset(x, y), num_boost_round=5).model_to_string()
print(lightgbm.Booster(model_str=text).predict(x, num_threads=1).tobytes().hex())
"""
    printed = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        for code in (train, LEAN + train)
    ]
    assert printed[0] == printed[1] != ""
