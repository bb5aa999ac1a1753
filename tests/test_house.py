"""What no linter knows about the house."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "andon"
MODULES = sorted(path for path in SOURCE.rglob("*.py") if "versions" not in path.parts)
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "base", "core", "manager", "types"}
PATTERNS = re.compile(r"(Manager|Helper|Util|Utils|Impl|Mixin|Wrapper|Abstract)$")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_every_module_says_in_a_sentence_what_it_is(path: Path) -> None:
    first = (ast.get_docstring(ast.parse(path.read_text())) or "").split("\n\n")[0]
    assert first.endswith((".", "?")), path
    assert len(first) > 20, path


def test_no_name_is_vague() -> None:
    names = {part for path in MODULES for part in (path.stem, path.parent.name)}
    assert not names & VAGUE


def test_no_class_is_named_after_a_pattern() -> None:
    classes = [
        f"{path.relative_to(SOURCE)}: {node.name}"
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef) and PATTERNS.search(node.name)
    ]
    assert not classes


def test_importing_andon_loads_nothing_foreign() -> None:
    code = (
        "import sys; before = set(sys.modules); import andon;"
        "print(sorted({name.split('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['andon']"


def test_no_gate_can_be_skipped_by_a_flag() -> None:
    flag = re.compile(r"--(skip|force|no-verify|insecure|admin|bypass|ignore-gate)|\b(skip_gate|force_pass|bypass)\b")
    found = [
        f"{path.relative_to(SOURCE)}:{number}"
        for path in MODULES
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if flag.search(line)
    ]
    assert not found


def test_the_import_contracts_have_no_exception() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    assert "ignore_imports" not in text
    assert "exhaustive = true" in text
