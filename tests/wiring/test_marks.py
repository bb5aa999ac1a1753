"""A mark on a column binds: features from it are named to whoever signs, and a gate can refuse them."""

import io
import zipfile

import pytest

from andon.contracts.evidence import find
from andon.wiring.calls.evidence.exporting import evidence_of
from andon.wiring.calls.features import feature_of, features_of
from andon.wiring.calls.models import model_of, models_of, report_of
from andon.wiring.calls.releases import releases_of
from tests.wiring.small_factory import CODE, SmallFactory, found_small

PLAIN = CODE.replace("LEAST", "0.6").replace("checks.no_leak", "checks.no_leak, checks.no_pii_features")
WAITS = PLAIN.replace("checks.target_healthy]", 'checks.target_healthy, SignOff("operations")]').replace(
    "import Contract", "import SignOff, Contract"
)
DEPOT = ("depot = category(segment=True)", "depot = category(segment=True, protected=True)")
WEIGHT = ("weight = integer(", "weight = integer(pii=True, ")


@pytest.fixture(scope="module")
def unmarked(tmp_path_factory):
    """A factory that has a model of unmarked columns, measured and not released yet."""
    base = tmp_path_factory.mktemp("marks")
    with pytest.MonkeyPatch.context() as surroundings:
        surroundings.setenv("ANDON_HOME", str(base / "home"))
        surroundings.setenv("ANDON_AS", "ada")
        small = found_small(base)
        (small.folder / "factory.py").write_text(WAITS)
        assert small.run().exit_code == 3
    return small


@pytest.fixture
def small(unmarked, tmp_path, monkeypatch) -> SmallFactory:
    copy = unmarked.copied_to(tmp_path)
    monkeypatch.setenv("ANDON_HOME", str(copy.home))
    monkeypatch.setenv("ANDON_AS", "ada")
    return copy


def card(small):
    release = releases_of(small.folder).to_json()[0]["release"]
    with zipfile.ZipFile(io.BytesIO(evidence_of(small.folder, release))) as pack:
        return pack.read("model-card.md").decode()


def measured(small):
    (model,) = models_of(small.folder).digests
    return model_of(small.folder, model).measured


def test_a_mark_that_is_set_later_is_measured_though_rows_and_model_are_the_same(small):
    """Evidence from before the mark must not pass for evidence after it."""
    assert find(measured(small), "pii.features").value == 0
    (small.folder / "factory.py").write_text(PLAIN.replace(*WEIGHT))
    assert small.run("late").exit_code == 4
    assert find(measured(small), "pii.features").value == 1
    (small.folder / "factory.py").write_text(PLAIN)
    assert small.run("late").exit_code == 4, "taking the mark away again lifts no verdict"


def test_features_of_marked_columns_are_named_in_list_card_and_report(small):
    """Whoever signs must not have to read the plan to see that people are told apart by it."""
    assert all(not row[3] for row in features_of(small.folder).rows)
    (small.folder / "factory.py").write_text(PLAIN.replace(*DEPOT))
    assert small.run("late").exit_code == 0
    assert {row[0]: row[3] for row in features_of(small.folder).rows} == {
        "Lateness.weight": "",
        "Lateness.depot": "protected",
        "Lateness.before": "protected",
        "Lateness.busy": "protected",
    }
    assert dict(feature_of(small.folder, "busy").rows)["marks"] == "protected, from Parcel.depot"
    assert feature_of(small.folder, "weight").marks == {}
    assert find(measured(small), "protected.features").value == 3
    assert find(measured(small), "protected.columns", "feature=busy").value == 1
    words = "depot from Parcel.depot; before from Parcel.depot; busy from Parcel.depot"
    assert f"- protected: {words}" in card(small)
    (model,) = models_of(small.folder).digests
    assert words in report_of(small.folder, model).decode()


def test_a_card_says_that_no_feature_is_marked(small):
    (small.folder / "factory.py").write_text(PLAIN)
    assert small.run("late").exit_code == 0
    assert "No feature comes from a column that its contract marks" in card(small)
