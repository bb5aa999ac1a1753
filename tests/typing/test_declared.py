"""Declarations in the style of the example are clean under mypy strict and pyright strict, and wrong ones are not."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_FILE = Path(__file__).with_name("declared.py")
_SOURCE = Path(__file__).parents[2] / "src"


@pytest.mark.slow
def test_mypy_strict_accepts_the_declarations_and_refuses_the_wrong_ones(tmp_path):
    """A `type: ignore` that nothing needs is an error here, so each wrong line is proved wrong."""
    shutil.copy(_FILE, tmp_path / "declared.py")
    (tmp_path / "mypy.ini").write_text(f"[mypy]\nstrict = True\nmypy_path = {_SOURCE}\n")
    command = [sys.executable, "-m", "mypy", "--warn-unused-ignores", "--cache-dir", str(tmp_path / "cache")]
    done = subprocess.run([*command, "declared.py"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_pyright_strict_accepts_the_declarations_and_refuses_the_wrong_ones(tmp_path):
    """The other checker of the trade, and the one in most editors."""
    shutil.copy(_FILE, tmp_path / "declared.py")
    settings = {
        "include": ["declared.py"],
        "typeCheckingMode": "strict",
        "pythonVersion": "3.11",
        "extraPaths": [str(_SOURCE)],
        "enableTypeIgnoreComments": False,
        "reportUnnecessaryTypeIgnoreComment": "error",
        "reportUnusedExpression": False,
    }
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "basedpyright", "--pythonpath", sys.executable]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
