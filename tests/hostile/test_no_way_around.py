"""No word of the code opens a gate without its proof."""

import ast
import re
from pathlib import Path

import andon

SOURCE = Path(andon.__file__).parent
WORDS = re.compile(
    r"\b(force|skip|bypass|override|admin|ignore|unsafe|no_?verify|skip_?gates?|without_?gates?|disable)_?"
    r"(gate|check|admission|verdict|sign_?off|verify|policy|load|d)?s?\b",
    re.IGNORECASE,
)
ROOMS = ("gates", "attest", "ledger", "registry")


def names_in(path):
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.arg) or (isinstance(node, ast.keyword) and node.arg):
            yield node.arg
        elif isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name


def test_no_flag_in_the_rooms_that_decide_speaks_of_a_way_around():
    found = {
        f"{path.relative_to(SOURCE)}: {name}"
        for room in ROOMS
        for path in (SOURCE / room).rglob("*.py")
        for name in names_in(path)
        if WORDS.search(name)
    }
    assert found == set()


def test_no_command_and_no_request_has_a_way_around():
    flags = re.compile(r"--(force|skip|no-verify|admin|bypass|override|yes-really)[a-z-]*")
    found = {str(path) for path in SOURCE.rglob("*.py") if flags.search(path.read_text())}
    assert found == set()


def test_the_search_would_find_one():
    assert all(WORDS.search(word) for word in ("force", "skip_gates", "override_policy"))
    assert not WORDS.search("passed")


def test_only_one_function_makes_a_pass():
    makers = {
        f"{path.name}:{node.lineno}"
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Pass"
    }
    assert [maker.split(":")[0] for maker in makers] == ["passage.py"]


def test_gates_read_no_environment_and_no_arguments():
    for path in (SOURCE / "gates").glob("*.py"):
        text = path.read_text()
        assert "environ" not in text
        assert "sys.argv" not in text


def test_a_run_cannot_be_started_in_the_name_of_somebody_else():
    """Who starts a run is excluded from signing it off, so no option may say that it was another person."""
    command = (Path(__file__).parents[2] / "src" / "andon" / "cli" / "run.py").read_text()
    assert "typer.Option" in command
    assert '--as"' not in command
    assert "As = " not in command
