"""Worlds at three moments, made once and copied for each test."""

import pytest

from tests.gates import world as worlds


@pytest.fixture(scope="session")
def moments(tmp_path_factory):
    """Folders of the same factory: founded, bound, approved, admitted."""
    home = tmp_path_factory.mktemp("moments")
    founded = worlds.found(home / "founded")
    bound = founded.copied_to(home / "bound").build_bound()
    approved = bound.copied_to(home / "approved").build_approved()
    admitted = approved.copied_to(home / "admitted")
    admitted.admit()
    return {"founded": founded, "bound": bound, "approved": approved, "admitted": admitted}


@pytest.fixture
def at(moments, tmp_path):
    """A function that gives a fresh copy of the world at a moment."""
    opened = []

    def copy(moment):
        opened.append(moments[moment].copied_to(tmp_path / f"world-{len(opened)}"))
        return opened[-1]

    yield copy
    for world in opened:
        world.database.close()
