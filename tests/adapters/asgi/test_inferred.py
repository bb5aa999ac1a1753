"""Answers written in parts say what the same answers written whole would say."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.adapters.asgi.endpoints import moment
from andon.adapters.asgi.inferred import InferForm
from andon.contracts.routing import Position
from andon.kernel.clock import SECOND_NS, iso
from andon.line.serve.predict import Serving
from tests.line.serve.world import Shelf, prediction

SHELF = Shelf()
LOADED = SHELF.load(SHELF.add(0.5))
MANY = replace(LOADED, package=replace(LOADED.package, task="classes", classes=("a", "b", "c")))
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize("loaded", [LOADED, MANY], ids=["numbers", "classes"])
@given(data=st.data(), asked=st.none() | st.text(), rows=st.integers(1, 4))
def test_the_parts_add_up_to_one_json_object(loaded, data, asked, rows):
    width = len(loaded.package.classes) or 1
    outputs = [data.draw(st.tuples(*[NUMBERS] * width)) for _ in range(rows)]
    made = [prediction(number, outputs=each) for number, each in enumerate(outputs, 1)]
    serving = Serving(loaded, packed=Position(7, 1).packed())
    said = json.loads(InferForm('la"te', serving).write(asked, made))
    ids = [one.id for one in made]
    assert said == {
        "model_name": 'la"te',
        "model_version": loaded.release,
        "id": ids[0] if asked is None else asked,
        "parameters": {
            **({"prediction_id": ids[0]} if rows == 1 else {"prediction_ids": ",".join(ids)}),
            "model": loaded.model,
            "release": loaded.release,
            "sequence": 7,
        },
        "outputs": [
            {
                "name": "predictions",
                "shape": [rows, width] if loaded is MANY else [rows],
                "datatype": "FP64",
                "data": [value for row in outputs for value in row],
            }
        ],
    }
    read = [value.hex() for value in said["outputs"][0]["data"]]
    assert read == [value.hex() for row in outputs for value in row]


@given(
    st.integers(-(2**61), 2**62) | st.integers(-(2**30), 2**30).map(lambda s: s * SECOND_NS) | st.integers(0, 10**10)
)
def test_a_moment_is_written_as_everywhere_else(ns):
    assert moment(ns) == iso(ns)
