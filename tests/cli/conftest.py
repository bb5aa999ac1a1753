"""A small factory that was run once from its sources to a released model, copied for each test, and a way to type."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from typer.testing import CliRunner

from andon.cli.main import app
from tests.wiring.small_factory import SmallFactory, found_small, released_in


@dataclass(frozen=True)
class Said:
    """What a command printed and how it ended."""

    exit_code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def andon():
    """Types a command; nothing but an exit code may come out of it."""

    def run(*words: object) -> Said:
        result = CliRunner().invoke(app, [str(word) for word in words])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Said(result.exit_code, result.stdout, result.stderr)

    return run


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
