"""The grounds on which attacks are executed: made once a session, copied for each attack."""

import pytest

from tests.hostile.whole import whole_in
from tests.redteam.catalogue import Ground
from tests.redteam.grounds import all_moments


@pytest.fixture(scope="session")
def moments(tmp_path_factory):
    return all_moments(tmp_path_factory.mktemp("moments"))


@pytest.fixture
def ground(moments, states, tmp_path, monkeypatch):
    """Fresh copies of both factories, on demand."""
    opened = []

    def at(moment):
        opened.append(moments[moment].copied_to(tmp_path / f"world-{len(opened)}"))
        return opened[-1]

    def whole():
        whole = whole_in(states, tmp_path / "whole")
        monkeypatch.setenv("ANDON_HOME", str(whole.place.home))
        monkeypatch.setenv("ANDON_AS", "ada")
        return whole

    (tmp_path / "attacker").mkdir()
    yield Ground(at, whole, tmp_path / "attacker")
    for world in opened:
        world.database.close()
