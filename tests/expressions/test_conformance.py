"""A plan says the same of the same odd values everywhere, or says that it does not."""

import os
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from andon.expressions import tree
from andon.expressions.conformance import conformance
from andon.expressions.functions import FLOAT
from andon.expressions.plan import FeaturePlan
from andon.kernel.errors import InputError

X = tree.column("Ask", "x", FLOAT)


def plan(**features: tree.Node) -> FeaturePlan:
    return FeaturePlan("Ask", "asked", tuple(features.items()))


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_every_expression_conforms_and_says_the_same_again(make, data):
    node = data.draw(make.expressions)
    assume(tree.is_fitted(node) and node.type.kind != "time" and node.op != "literal")
    found = FeaturePlan("S", "asked", (("f", node),))
    assert conformance(found) == conformance(found)


def test_other_formulas_say_something_else_although_they_are_equal_on_paper():
    """As another mathematics library would: the last bit of a square root, a product in another order."""
    some, more, both = (tree.literal(number, FLOAT) for number in (0.1, 0.2, 0.1 + 0.2))
    in_steps = tree.apply("add", tree.apply("add", X, some), more)
    assert conformance(plan(f=in_steps)) != conformance(plan(f=tree.apply("add", X, both)))
    assert conformance(plan(f=tree.apply("log1p", X))) != conformance(
        plan(f=tree.apply("log", tree.apply("add", X, tree.literal(1.0, FLOAT))))
    )


def test_joins_are_taken_as_given(history):
    assert conformance(FeaturePlan("Ask", "asked", tuple(history.nodes.items())))


def test_another_process_says_the_same():
    told = (
        "from andon.expressions import tree\nfrom andon.expressions.functions import FLOAT\n"
        "from andon.expressions.conformance import conformance\nfrom andon.expressions.plan import FeaturePlan\n"
        "node = tree.apply('tanh', tree.apply('exp', tree.column('Ask', 'x', FLOAT)))\n"
        "print(conformance(FeaturePlan('Ask', 'asked', (('f', node),))))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7", "POLARS_MAX_THREADS": "1"}
    said = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True, env=environment)
    node = tree.apply("tanh", tree.apply("exp", X))
    assert said.stdout.strip() == conformance(plan(f=node))


def test_what_is_not_learned_yet_cannot_be_asked():
    with pytest.raises(InputError):
        conformance(plan(f=tree.apply("standardised", X)))
