"""Features are versions: what two releases differ in, and who uses what, over everything that was ever trained."""

from dataclasses import replace

import pytest

from andon.contracts.wire import from_json, to_json
from andon.expressions import tree
from andon.expressions.functions import INT
from andon.kernel.errors import AndonError, InputError, UsageError
from andon.wiring.calls.feature_use import Uses, uses_of
from andon.wiring.calls.feature_versions import Difference, diff_features
from andon.wiring.calls.models import models_of
from andon.wiring.calls.releases import releases_of
from andon.wiring.factory import open_factory
from tests.wiring.small_factory import CODE

CHANGED = (
    CODE.replace("LEAST", "0.6")
    .replace("    weight = Parcel.weight\n", "    kilos = Parcel.weight\n")
    .replace('last(within="7d"', 'last(within="6d"')
    .replace("    busy = ", "    crowded = 10 < ")
    .replace("codes(min_count=5)", "target_mean()")
)


@pytest.fixture(scope="module")
def again(released_once, tmp_path_factory):
    """The released factory, whose features were then rewritten and trained with once more."""
    small = released_once.copied_to(tmp_path_factory.mktemp("again"))
    with pytest.MonkeyPatch.context() as surroundings:
        surroundings.setenv("ANDON_HOME", str(small.home))
        surroundings.setenv("ANDON_AS", "ada")
        (small.folder / "factory.py").write_text(CHANGED)
        small.run()
        yield small


def test_two_models_differ_in_what_was_added_removed_renamed_and_changed(again):
    new, old = models_of(again.folder).digests
    found = diff_features(again.folder, old[7:20], new)
    by_name = {one.name: one for one in found.changes}
    assert {name: one.state for name, one in by_name.items()} == {
        "weight -> kilos": "renamed",
        "before": "changed",
        "depot": "changed",
        "busy": "removed",
        "crowded": "added",
        "label": "same",
    }
    assert "within_ns=604800" in by_name["before"].before
    assert "within_ns=518400" in by_name["before"].after
    assert by_name["depot"].after == "depot.target_mean(smoothing=20)"
    assert by_name["weight -> kilos"].before_digest == tree.digest(tree.column("Parcel", "weight", INT))
    assert found.lines[-1].startswith("1 of 6")
    assert len(found.rows) == 5
    assert from_json(Difference, to_json(found)) == found


def test_the_other_way_round_what_was_added_was_removed(again):
    new, old = models_of(again.folder).digests
    states = {one.name: one.state for one in diff_features(again.folder, new, old).changes}
    assert (states["busy"], states["crowded"], states["kilos -> weight"]) == ("added", "removed", "renamed")


def test_a_release_its_model_and_its_snapshot_have_the_same_features(again):
    release = releases_of(again.folder).to_json()[-1]["release"]
    with open_factory(again.folder) as opened:
        (model,) = opened.database.manifests.get(release).inputs_of("model")
        (snapshot,) = opened.database.manifests.get(model).inputs_of("snapshot")
    for one, other in ((release, model), (model, snapshot), (snapshot, release)):
        found = diff_features(again.folder, one, other)
        assert not found.rows
        assert {each.state for each in found.changes} == {"same"}


def test_the_code_as_it_stands_is_compared_with_what_serves(again):
    """Before anything is trained, it is known what a change of the code would change."""
    code = again.folder / "factory.py"
    kept, (new, old) = code.read_text(), models_of(again.folder).digests
    assert {one.state for one in diff_features(again.folder, new, "").changes} == {"same"}
    trained, now = diff_features(again.folder, old, new), diff_features(again.folder, old, "")
    assert {one.name: one.state for one in now.changes} == {one.name: one.state for one in trained.changes}
    try:
        code.write_text(kept.replace('last(within="6d"', 'last(within="5d"'))
        (change,) = [one for one in diff_features(again.folder, new, "").changes if one.state != "same"]
        code.write_text("raise SystemExit(3)")
        with pytest.raises(AndonError):
            diff_features(again.folder, new, "")
    finally:
        code.write_text(kept)
    assert (change.name, change.state) == ("before", "changed")
    assert "within_ns=432000" in change.after


def test_the_same_expression_that_learned_from_other_rows_is_learned_anew(released):
    """A new training of the same features is another model; the difference must not look like none."""
    code = released.folder / "factory.py"
    code.write_text(
        code.read_text().replace('tune="6d"', 'tune="20d"').replace("codes(min_count=5)", "codes(min_count=120)")
    )
    released.run()
    code.write_text(code.read_text().replace('tune="20d"', 'tune="6d"'))
    released.run()
    new, old = models_of(released.folder).digests[:2]
    (change,) = [one for one in diff_features(released.folder, old, new).changes if one.state != "same"]
    assert (change.name, change.state) == ("depot", "learned anew")
    assert change.before_digest == change.after_digest
    assert change.before != change.after


def test_what_made_no_model_is_not_compared(again):
    with open_factory(again.folder) as opened:
        dataset = opened.database.manifests.of_kind("dataset", 1)[0]
    with pytest.raises(UsageError, match="release"):
        diff_features(again.folder, dataset, dataset)


@pytest.mark.parametrize(
    ("name", "features"),
    [
        ("Lateness.busy", {"Lateness.busy"}),
        ("crowded", {"Lateness.crowded"}),
        ("Parcel.weight", {"Lateness.weight", "Lateness.kilos"}),
        ("Delivery.late_min", {"Lateness.before", "Lateness.label", "Lateness.depot"}),
        ("Delivery.depot", {"Lateness.before", "Lateness.busy", "Lateness.crowded"}),
        ("Delivery.delivered", {"Lateness.before", "Lateness.busy", "Lateness.crowded"}),
        (tree.digest(tree.column("Parcel", "weight", INT))[7:19], {"Lateness.weight", "Lateness.kilos"}),
    ],
)
def test_a_feature_or_a_column_leads_to_the_models_that_use_it(again, name, features):
    """Match keys and event times count: whoever drops the column breaks these features."""
    found = uses_of(again.folder, name)
    assert {one.feature for one in found.uses} == features
    assert from_json(Uses, to_json(found)) == found


def test_a_use_says_where_it_is_served(again):
    new, old = models_of(again.folder).digests
    found = uses_of(again.folder, "Delivery.depot")
    states = {one.model: {each.state for each in one.releases} for one in found.uses}
    assert set(states) == {new, old}
    assert "serving" in states[old] | states[new]
    assert "served on local" in found.lines[0]
    (only,) = uses_of(again.folder, "busy").uses
    assert only.model == old


def test_a_column_of_a_contract_that_nobody_uses_is_an_answer_and_what_is_not_there_a_refusal(again):
    assert uses_of(again.folder, "Parcel.sent").uses == ()
    for name in ("Parcel.wieght", "nothing", "Parcel"):
        with pytest.raises(UsageError, match="no contract has such a column") as refusal:
            uses_of(again.folder, name)
        assert "Lateness.kilos" in refusal.value.fix


def test_a_model_that_no_run_made_is_not_passed_over_in_silence(released):
    """Uses that cannot be seen are told, and what cannot be compared is refused."""
    with open_factory(released.folder) as opened:
        known = opened.database.manifests.of_kind("model", 1)[0]
        manifest = opened.database.manifests.get(known)
        with opened.database.units.begin() as unit:
            other = opened.database.manifests.add(unit, replace(manifest, stage_key=known))
    assert "1 models were not looked at" in uses_of(released.folder, "busy").lines[1]
    with pytest.raises(InputError, match="No run is recorded"):
        diff_features(released.folder, known, other)
