"""A mean label through the whole line: learned out of fold, packaged as constants, served with the bits of training."""

import json

from andon.contracts.wire import from_json
from andon.expressions.plan import plan_from_json
from andon.expressions.tree import means_of
from andon.measures.profile import Baseline
from andon.wiring.calls.models import package_of
from andon.wiring.calls.skewed import skew_of
from andon.wiring.factory import open_factory
from tests.wiring.small_factory import BOOSTED, CODE, LINEAR, answer, found_small


def test_a_server_has_the_mean_of_all_fit_rows_and_live_rows_are_held_against_that(tmp_path, monkeypatch):
    """Values out of fold exist in training only: a baseline of them would call every live row a drift."""
    monkeypatch.setenv("ANDON_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ANDON_AS", "ada")
    small = found_small(tmp_path)
    code = CODE.replace("codes(min_count=5)", "target_mean(smoothing=5)").replace("LEAST", "0.6")
    (small.folder / "factory.py").write_text(code.replace(BOOSTED, LINEAR))
    assert small.run().exit_code == 0
    answer(small)
    found = skew_of(small.folder, "", "", 10_000)
    assert found.is_clean
    assert found.compared
    with open_factory(small.folder) as opened:
        manifests = opened.database.manifests
        (model,) = [manifests.get(digest) for digest in manifests.of_kind("model", 10)]
        (kept,) = [manifests.get(digest) for digest in manifests.of_kind("baseline", 10)]
        plan = plan_from_json(package_of(opened, model).plan)
        baseline = from_json(Baseline, json.loads(opened.blobs.read(kept.object("baseline.json").sha256)))
        assert package_of(opened, model).format == "skops"
    means, _ = means_of(dict(plan.features)["depot"])
    (column,) = [column for column in baseline.columns if column.name == "depot"]
    assert sorted(means) == ["north", "south"]
    assert (column.low, column.high) == (min(means.values()), max(means.values()))
