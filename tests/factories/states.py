"""The factory of parcels in the states at which tests begin: each is made once for all workers, then copied."""

import fcntl
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.factories.place import NOBODY, SOMEBODY, Place, found_parcels


def once(folder: Path, make: Callable[[Path], object]) -> Path:
    """A folder that all workers share: whoever comes first makes it."""
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.with_suffix(".ready").exists():
            shutil.rmtree(folder, ignore_errors=True)  # another worker may have failed on the way
            make(folder)
            folder.with_suffix(".ready").touch()
    return folder


def founded(place: Place) -> None:
    """Nothing has run."""
    assert place.andon("check").code == 0


def ingested(place: Place) -> None:
    """Both sources are published."""
    assert place.run("sent", "delivered").code == 0


def finished(place: Place) -> None:
    """A model is released."""
    assert place.run().code == 0


def twice(place: Place) -> None:
    """Another model was released after the first."""
    place.rewrite("factory.py", lambda code: code.replace("c: float = 1.0", "c: float = 0.5"))
    finished(place)


def waiting(place: Place) -> None:
    """A release waits for somebody of operations."""
    place.rewrite("factory.py", lambda code: code.replace(NOBODY, SOMEBODY))
    assert place.andon("key", "add", "grace", "--role", "operations").code == 0
    assert place.run().code == 3


def refused(place: Place) -> None:
    """The model gate refused a model that is wrong more often than right."""
    (place.folder / "broken.json").write_text('"backwards"')
    assert place.run().code == 4


STATES = {each.__name__: each for each in (founded, ingested, finished, twice, waiting, refused)}
BEGIN_WITH = {
    "ingested": "founded",
    "finished": "founded",
    "twice": "finished",
    "waiting": "ingested",
    "refused": "ingested",
}


def parcels_in(states: Path, name: str) -> Place:
    """The factory in a state, made below a folder that all workers share; nobody may change it."""

    def make(path: Path) -> None:
        begun = BEGIN_WITH.get(name)
        STATES[name](parcels_in(states, begun).copied_to(path) if begun else found_parcels(path))

    folder = once(states / name, make)
    return Place(folder / "parcels", folder / "home")
