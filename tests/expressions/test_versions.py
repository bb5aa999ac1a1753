"""The oldest supported Polars and NumPy give the same bits as those installed: models outlive an upgrade."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMES = ("polars", "numpy")
OTHERS = "not sources and not flipped"  # these two ask nothing of Polars that the others do not
CHECK = """
import json, sys
import numpy, polars
from andon.expressions.conformance import conformance
from andon.expressions.plan import FeaturePlan
from tests.parity.run import all_functions

nodes = {name: node for name, node in all_functions().items()}
print(json.dumps({"polars": polars.__version__, "numpy": numpy.__version__, "functions": len(nodes),
                  "digest": conformance(FeaturePlan("S", "t", tuple(nodes.items())))}))
"""


@pytest.fixture(scope="module")
def oldest(tmp_path_factory) -> Path:
    """A folder with the oldest versions that the package accepts."""
    folder = tmp_path_factory.mktemp("oldest")
    wanted = [f"{name}=={floor}" for name, floor in floors().items()]
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--target",
        str(folder),
    ]
    done = subprocess.run([*command, *wanted], capture_output=True, text=True)
    if done.returncode and not os.environ.get("CI"):
        pytest.skip(f"{' and '.join(wanted)} could not be installed: {done.stderr[-300:]}")
    assert done.returncode == 0, done.stderr
    return folder


def floors() -> dict[str, str]:
    """The oldest version of each package that `pyproject.toml` accepts."""
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    found = dict(match.groups() for each in asked if (match := re.fullmatch(r"([a-z-]+)>=([0-9.]+),<[0-9.]+", each)))
    return {name: found[name] for name in NAMES}


def run(code: list[str], *, beside: Path | None = None) -> subprocess.CompletedProcess[str]:
    """This Python with the project and, before all that is installed, what lies in a folder."""
    paths = [str(beside)] * (beside is not None) + [str(ROOT / "src"), str(ROOT)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    return subprocess.run([sys.executable, *code], cwd=ROOT, env=environment, capture_output=True, text=True)


def test_every_function_gives_the_same_bits_on_the_oldest_versions(oldest):
    answers = []
    for beside in (None, oldest):
        done = run(["-c", CHECK], beside=beside)
        assert done.returncode == 0, done.stderr[-2000:]
        answers.append(json.loads(done.stdout))
    now, then = answers
    for name, floor in floors().items():
        assert then[name].startswith(floor), then
    assert (now["functions"], now["digest"]) == (then["functions"], then["digest"])


@pytest.mark.long
def test_windows_and_blocks_are_equal_bits_on_the_oldest_versions(oldest):
    tests = ["test_parity.py", "test_point.py", "test_online.py", "test_duckdb.py"]
    files = [str(ROOT / "tests" / "expressions" / name) for name in tests]
    done = run(["-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-k", OTHERS, *files], beside=oldest)
    assert done.returncode == 0, done.stdout[-3000:]
