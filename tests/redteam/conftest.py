"""The grounds on which attacks are executed: made once a session, copied for each attack."""

import fcntl

import pytest

from tests.factories.place import Place
from tests.hostile.whole import Whole, promote_two
from tests.redteam.catalogue import Ground
from tests.redteam.grounds import all_moments


@pytest.fixture(scope="session")
def moments(tmp_path_factory):
    return all_moments(tmp_path_factory.mktemp("moments"))


@pytest.fixture(scope="session")
def two_releases(tmp_path_factory, worker_id):
    """The factory that the hostile tests work with too: whoever comes first makes it."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "whole"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.with_suffix(".ready").exists():
            promote_two(folder)
            folder.with_suffix(".ready").touch()
    return folder


@pytest.fixture
def ground(moments, request, tmp_path, monkeypatch):
    """Fresh copies of both factories, on demand."""
    opened = []

    def at(moment):
        opened.append(moments[moment].copied_to(tmp_path / f"world-{len(opened)}"))
        return opened[-1]

    def whole():
        made = request.getfixturevalue("two_releases")
        place = Place(made / "parcels", made / "home").copied_to(tmp_path / "whole")
        monkeypatch.setenv("ANDON_HOME", str(place.home))
        monkeypatch.setenv("ANDON_AS", "ada")
        return Whole(place, Place(made / "earlier" / "parcels", made / "earlier" / "home"))

    (tmp_path / "attacker").mkdir()
    yield Ground(at, whole, tmp_path / "attacker")
    for world in opened:
        world.database.close()
