"""A function's digest follows what it does, through everything it uses, and nothing else in the folder."""

import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.api.code import code_of, function_digest
from andon.kernel.errors import InputError, UsageError

FACTORY = '''
"""A factory."""
import math
from andon import Factory, TrainingSet, auc
from source import read
import pkg.shapes
import effects

factory = Factory("x", owner="o", purpose="p")
SIZE = 3
OTHER = 4
TABLE = {"a": 1}
TABLE["b"] = 2
TABLE.update(c=3)

def helper(x):
    return x * SIZE

class Shape:
    """A shape."""
    sides: int = 4

@factory.model(SIZE, limit="30m")
def late(train: TrainingSet, p: Shape, seed: int):
    return math.sqrt(helper(train) + TABLE["a"])

@factory.ingest(Shape, every="1h")
def rows(window):
    return read(window)

@factory.measure(late)
def area(model):
    return pkg.shapes.area(model)

factory.model_gate(late, require=[auc >= 0.7])
'''
SOURCE = "from deeper import LIMIT\ndef read(window):\n    return LIMIT\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "pkg").mkdir()
    for name, text in {
        "factory.py": FACTORY,
        "source.py": SOURCE,
        "deeper.py": "LIMIT = 5\n",
        "effects.py": "import math\n",
        "unused.py": "x = 1\n",
        "pkg/__init__.py": "",
        "pkg/shapes.py": "from . import sizes\ndef area(m):\n    return sizes.ONE\n",
        "pkg/sizes.py": "ONE = 1\n",
    }.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def _digests(folder):
    path = folder / "factory.py"
    return {name: function_digest(path, name, folder, ["factory"]) for name in ("late", "rows", "area")}


def _changed_by(folder, name, old, new):
    """The functions whose digest changes with an edit."""
    before = _digests(folder)
    path = folder / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    after = _digests(folder)
    return {each for each in before if before[each] != after[each]}


@pytest.mark.parametrize(
    ("name", "old", "new", "expected"),
    [
        ("factory.py", "auc >= 0.7", "auc >= 0.9", set()),
        ("factory.py", "OTHER = 4", "OTHER = 5", set()),
        ("factory.py", 'limit="30m"', 'limit="40m"', set()),
        ("factory.py", "Factory, TrainingSet, auc", "Factory, TrainingSet, auc, brier", set()),
        ("factory.py", "    return x * SIZE", "    # why\n\n    return (x *\n      SIZE)", set()),
        ("unused.py", "x = 1", "x = 2", set()),
        ("factory.py", "sqrt", "cbrt", {"late"}),
        ("factory.py", "SIZE = 3", "SIZE = 4", {"late"}),
        ("factory.py", "x * SIZE", "x + SIZE", {"late"}),
        ("factory.py", "sides: int = 4", "sides: int = 5", {"late"}),
        ("factory.py", '"a": 1', '"a": 2', {"late"}),
        ("factory.py", 'TABLE["b"] = 2', 'TABLE["b"] = 9', {"late"}),
        ("factory.py", "update(c=3)", "update(c=4)", {"late"}),
        ("factory.py", "import math", "import cmath as math", {"late"}),
        ("source.py", "return LIMIT", "return -LIMIT", {"rows"}),
        ("deeper.py", "LIMIT = 5", "LIMIT = 6", {"rows"}),
        ("pkg/shapes.py", "sizes.ONE", "-sizes.ONE", {"area"}),
        ("pkg/sizes.py", "ONE = 1", "ONE = 2", {"area"}),
        ("pkg/__init__.py", "", "import os\n", {"area"}),
        ("effects.py", "import math", "import cmath", {"late", "rows", "area"}),
    ],
)
def test_an_edit_changes_the_digests_of_exactly_the_functions_it_touches(folder, name, old, new, expected):
    """One too few trains on other code than is recorded; one too many repeats work for nothing."""
    if not old:
        before = _digests(folder)
        (folder / name).write_text(new)
        assert {each for each in before if before[each] != _digests(folder)[each]} == expected
    else:
        assert _changed_by(folder, name, old, new) == expected


def test_a_constant_and_a_text_that_look_alike_are_different(folder):
    assert _changed_by(folder, "factory.py", "SIZE = 3", 'SIZE = "int 3"') == {"late"}


def test_the_digest_does_not_depend_on_where_the_folder_stands(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    for path in folder.rglob("*.py"):
        target = elsewhere / path.relative_to(folder)
        target.parent.mkdir(exist_ok=True)
        target.write_text(path.read_text())
    assert _digests(folder) == _digests(elsewhere)
    assert code_of(folder) == code_of(elsewhere)


@settings(max_examples=30, deadline=None)
@given(st.integers(), st.integers())
def test_two_constants_have_one_digest_only_if_they_are_equal(tmp_path_factory, one, two):
    found = []
    for value in (one, two):
        folder = tmp_path_factory.mktemp("f")
        (folder / "factory.py").write_text(f"SIZE = {value}\ndef late():\n    return SIZE\n")
        found.append(function_digest(folder / "factory.py", "late", folder))
    assert (found[0] == found[1]) is (one == two)


def test_what_is_hidden_or_belongs_to_an_environment_is_no_code_of_the_factory(folder):
    expected = set(code_of(folder))
    for name in (".andon/x.py", "venv/lib/y.py", "__pycache__/z.py", ".hidden.py", "notes.txt"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x = 1\n")
    (folder / "venv" / "pyvenv.cfg").write_text("")
    assert set(code_of(folder)) == expected
    assert expected >= {"factory.py", "pkg/shapes.py"}


def test_a_name_that_is_not_on_the_top_level_is_refused(tmp_path):
    (tmp_path / "factory.py").write_text("def outer():\n    def inner(): ...\n")
    with pytest.raises(UsageError, match="top level"):
        function_digest(tmp_path / "factory.py", "inner", tmp_path)


def test_a_local_module_that_is_no_python_is_refused_with_its_line(tmp_path):
    (tmp_path / "factory.py").write_text("import broken\ndef late():\n    return broken\n")
    (tmp_path / "broken.py").write_text("x = 1\ndef (\n")
    with pytest.raises(InputError) as caught:
        function_digest(tmp_path / "factory.py", "late", tmp_path)
    assert caught.value.place.endswith("broken.py:2")


def test_modules_that_import_one_another_come_to_an_end(tmp_path):
    for name, text in {"factory.py": "import a\ndef f(): return a", "a.py": "import b", "b.py": "import a"}.items():
        (tmp_path / name).write_text(textwrap.dedent(text))
    assert function_digest(tmp_path / "factory.py", "f", tmp_path)
