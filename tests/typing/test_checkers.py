"""Factories in the style of the example are clean under mypy strict and pyright strict, and wrong lines are not."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
_FILES = ("declared.py", "factory_example.py")
_SOURCE = Path(__file__).parents[2] / "src"


@pytest.fixture
def files(tmp_path):
    """A folder with nothing but the files that are to be checked."""
    for name in _FILES:
        shutil.copy(Path(__file__).with_name(name), tmp_path)
    return tmp_path


def test_mypy_strict_accepts_the_factories_and_refuses_the_wrong_lines(files):
    """A `type: ignore` that nothing needs is an error here, so each wrong line is proved wrong."""
    (files / "mypy.ini").write_text(f"[mypy]\nstrict = True\nmypy_path = {_SOURCE}\n")
    command = [sys.executable, "-m", "mypy", "--warn-unused-ignores", "--cache-dir", str(files / "cache")]
    done = subprocess.run([*command, *_FILES], cwd=files, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_pyright_strict_accepts_the_factories_and_refuses_the_wrong_lines(files):
    """The other checker of the trade, and the one in most editors."""
    settings = {
        "include": _FILES,
        "typeCheckingMode": "strict",
        "pythonVersion": "3.11",
        "extraPaths": [str(_SOURCE)],
        "enableTypeIgnoreComments": False,
        "reportUnnecessaryTypeIgnoreComment": "error",
        "reportUnusedExpression": False,
    }
    (files / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "basedpyright", "--pythonpath", sys.executable]
    done = subprocess.run(command, cwd=files, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
