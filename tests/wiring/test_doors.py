"""Doors to frameworks: known by name at once, loaded only when a model of theirs is read or packaged."""

import subprocess
import sys

import pytest

from andon.wiring.doors import KNOWN

HEAVY = "('lightgbm', 'sklearn', 'skops', 'scipy')"
LOADED = f"sorted(name for name in {HEAVY} if name in sys.modules)"


def ran(code: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint({LOADED})"], capture_output=True, text=True, check=False
    )
    assert not done.returncode, done.stderr
    return done.stdout.strip().splitlines()[-1]


@pytest.mark.parametrize(
    "code",
    [
        "from andon.wiring.doors import doors; assert set(doors()) == {'lightgbm-text', 'skops'}",
        "from andon.wiring.doors import doors; [door.save(object(), ()) for door in doors().values()]",
        "import andon.wiring.processes.stage",
        "import andon.wiring.processes.user_code, andon.wiring.processes.landing",
        "import andon.wiring.factory, andon.wiring.targets, andon.wiring.calls.looking, andon.wiring.calls.runs",
        "import andon.wiring.served, andon.wiring.calls.health",
    ],
)
def test_no_framework_is_loaded_before_a_model_is_asked_for(code):
    assert ran(code) == "[]"


def test_a_door_loads_its_own_framework_when_it_reads_a_model():
    code = """
from andon.kernel.errors import InputError
from andon.wiring.doors import doors
try:
    doors()["lightgbm-text"].load(b"no model", ("a",))
except InputError as error:
    assert error.code == "package.lightgbm"
"""
    assert "lightgbm" in ran(code)
    assert "skops" not in ran(code)


@pytest.mark.parametrize("door", KNOWN, ids=lambda door: door.format)
def test_a_late_door_names_the_format_of_the_door_behind_it(door):
    assert door._door().format == door.format


def test_a_framework_that_is_not_installed_has_no_door():
    code = """
from importlib.abc import MetaPathFinder
class Gone(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "skops":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Gone())
from andon.wiring import doors
found = doors.find_spec
doors.find_spec = lambda name: None if name == "skops" else found(name)
assert set(doors.doors()) == {"lightgbm-text"}
"""
    assert ran(code) == "[]"
