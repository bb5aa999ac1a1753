"""What all tests share."""

import pytest
from hypothesis import settings

from tests.factories.place import Place
from tests.factories.states import parcels_in

# Two busy cores are no measure of an example's time.
settings.register_profile("andon", deadline=None)
settings.load_profile("andon")


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
        return parcels_in(states, name).copied_to(tmp_path / name)

    return copy
