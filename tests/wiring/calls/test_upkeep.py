"""Keeping a target up: who goes back names a target and a model, and never a place on the disk."""

import pytest

from andon.kernel.errors import AndonError
from andon.wiring.answer import answer_call


@pytest.fixture
def lured(released, tmp_path):
    """A folder like that of a target, as anybody could write it: with a real table, and a cell that leads elsewhere."""
    real = next(released.folder.rglob("routing.json")).parent
    model = tmp_path / "lure" / "late"
    model.mkdir(parents=True)
    (model / "routing.json").write_bytes((real / "routing.json").read_bytes())
    precious = released.folder / "precious"
    precious.write_text("what only the gatekeeper may write")
    (model / "cell").symlink_to(precious)
    return model.parent, precious


def roll_back(folder, model, target):
    arguments = {"model": model, "target": target, "to": "", "reason": "r", "person": ""}
    try:
        answer_call({"call": "roll_back", "arguments": arguments}, folder, "ada", lambda _: None)
    except AndonError as error:
        return error.code
    return ""


@pytest.mark.parametrize("is_model", [True, False])
def test_a_target_or_model_that_is_a_path_leads_the_gatekeeper_nowhere(released, lured, is_model):
    lure, precious = lured
    model, target = (str(lure / "late"), "local") if is_model else ("late", str(lure))
    assert roll_back(released.folder, model, target) == "serve.not-a-name"
    assert precious.read_text() == "what only the gatekeeper may write"
    assert {path.name for path in (lure / "late").iterdir()} == {"routing.json", "cell"}


@pytest.mark.parametrize("target", ["", ".", "..", "../serve/local", "a/b", "a\0b"])
def test_what_is_no_plain_name_is_no_target(released, target):
    assert roll_back(released.folder, "late", target) == "serve.not-a-name"
