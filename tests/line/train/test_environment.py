"""The environment is the same each time it is captured, and any other distribution shows."""

import math
from dataclasses import replace
from importlib import metadata

from andon.contracts.model import Environment
from andon.contracts.wire import from_json, to_json
from andon.kernel.canonical import dumps, loads
from andon.kernel.digest import of_value
from andon.line.train import environment
from andon.line.train.environment import capture, distributions, libm_digest


def test_the_same_process_is_the_same_environment():
    assert capture() == capture()
    assert from_json(Environment, loads(dumps(to_json(capture())))) == capture()


def test_every_installed_distribution_is_named_with_its_version():
    found = capture().distributions
    assert found["polars"] == metadata.version("polars")
    assert found["scikit-learn"] == metadata.version("scikit-learn")
    assert list(found) == sorted(found)


def test_another_version_is_another_environment():
    here = capture()
    assert replace(here, distributions={**here.distributions, "numpy": "0.0.1"}).digest() != here.digest()


def test_names_are_normalised_and_the_first_found_counts():
    found = distributions([("Foo_Bar", "1"), ("foo.bar", "2"), (None, "3"), ("a", "4")])
    assert found == {"a": "4", "foo-bar": "1"}


def test_one_bit_of_one_function_changes_the_digest_of_the_mathematics_library():
    table = [[function(x).hex() for x in environment._ARGUMENTS] for function in environment._FUNCTIONS]
    assert libm_digest() == of_value(table)
    table[0][0] = math.nextafter(math.exp(environment._ARGUMENTS[0]), math.inf).hex()
    assert libm_digest() != of_value(table)
    assert len(set(environment._ARGUMENTS)) == 64
    assert min(environment._ARGUMENTS) > 0
