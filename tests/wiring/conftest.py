"""A small factory that was run once from its sources to a released model, copied for each test."""

import pytest

from tests.wiring.small_factory import SmallFactory, found_small, released_in


@pytest.fixture(scope="session")
def released_once(states) -> SmallFactory:
    """The factory that all workers share; nobody may change it."""
    return released_in(states)


@pytest.fixture
def released(released_once, tmp_path, monkeypatch) -> SmallFactory:
    """A copy of a factory that has released a model, which has answered questions."""
    small = released_once.copied_to(tmp_path)
    monkeypatch.setenv("ANDON_HOME", str(small.home))
    monkeypatch.setenv("ANDON_AS", "ada")
    return small


@pytest.fixture
def founded(tmp_path, monkeypatch) -> SmallFactory:
    """A factory in which nothing has run."""
    monkeypatch.setenv("ANDON_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ANDON_AS", "ada")
    return found_small(tmp_path)
