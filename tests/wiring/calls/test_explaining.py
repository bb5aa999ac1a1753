"""What a question would get, and why: the rows behind every value, before anybody asks."""

import pytest

from andon.kernel.errors import AndonError
from andon.wiring.calls.explaining import explain_features
from andon.wiring.calls.tracing import lineage_of
from tests.wiring.calls.test_tracing import closed


def test_an_entity_is_explained_with_the_numbers_and_rows_that_its_prediction_had(released):
    """Debugging begins before the question is asked, and must tell what the server will see."""
    prediction = closed(released)[7]
    at = lineage_of(released.folder, prediction.id).to_json()["prediction"]["asked"]
    found = explain_features(released.folder, str(prediction.entity["parcel"]), "", "local", at)
    assert found.values == prediction.inputs
    traced = lineage_of(released.folder, prediction.id).to_json()["prediction"]["features"]
    named = {one["name"]: [(row["object"], row["row"]) for row in one["rows"]] for one in traced}
    assert {name: [row[1:] for row in rows] for name, rows in found.rows.items()} == named
    assert any(line.strip().startswith("busy = ") for line in found.lines)
    assert explain_features(released.folder, f"parcel={prediction.entity['parcel']}", "late", "local", at) == found


@pytest.mark.parametrize(
    ("entity", "model", "at", "code"),
    [
        ("nobody", "", "", "serve.unknown-entity"),
        ("p3", "", "1999-01-01", "serve.unknown-entity"),
        ("depot=north", "", "", "explain.entity"),
        ("p3", "other", "", "monitor.which-model"),
        ("p3", "", "noon", "time.not-a-time"),
    ],
)
def test_what_cannot_be_explained_is_refused(released, entity, model, at, code):
    with pytest.raises(AndonError) as refused:
        explain_features(released.folder, entity, model, "local", at)
    assert refused.value.code == code
