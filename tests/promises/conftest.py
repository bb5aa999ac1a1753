"""The factories whose promises are told: made once, and copied for each test."""

import pytest

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
