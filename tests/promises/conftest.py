"""The factories whose promises are told: made once, and copied for each test."""

import fcntl
import shutil

import pytest

from tests.factories.place import Place, found_parcels
from tests.gates.world import moments_in


@pytest.fixture(scope="session")
def moments(tmp_path_factory):
    return moments_in(tmp_path_factory.mktemp("moments"))


@pytest.fixture
def at(moments, tmp_path):
    """A function that gives a fresh copy of the world at a moment: founded, bound, approved or admitted."""
    opened = []

    def copy(moment):
        opened.append(moments[moment].copied_to(tmp_path / f"world-{len(opened)}"))
        return opened[-1]

    yield copy
    for world in opened:
        world.database.close()


def founded(place):
    """Nothing has run."""
    assert place.andon("check").code == 0


def ingested(place):
    """Both sources are published."""
    assert place.run("sent", "delivered").code == 0


def finished(place):
    """A model is released."""
    assert place.run().code == 0


def waiting(place):
    """A release waits for somebody of operations."""
    assert place.andon("key", "add", "grace", "--role", "operations").code == 0
    assert place.run().code == 3


def refused(place):
    """The model gate refused a model that is wrong more often than right."""
    (place.folder / "broken.json").write_text('"backwards"')
    assert place.run().code == 4


STATES = {each.__name__: each for each in (founded, ingested, finished, waiting, refused)}


@pytest.fixture(scope="session")
def states(tmp_path_factory, worker_id):
    """A folder that all workers share."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "states"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def parcels(states, tmp_path):
    """A function that gives a copy of the small factory in a state; what it takes to get there is done once."""

    def copy(name: str) -> Place:
        with (states / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            made = Place(states / name / "parcels", states / name / "home")
            if not (states / f"{name}.ready").exists():
                shutil.rmtree(states / name, ignore_errors=True)  # another worker may have failed on the way
                STATES[name](found_parcels(states / name, people=name == "waiting"))
                (states / f"{name}.ready").touch()
        return made.copied_to(tmp_path / name)

    return copy
