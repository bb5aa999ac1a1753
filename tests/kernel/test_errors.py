"""Refusals."""

import pytest

from andon.kernel import errors
from andon.kernel.errors import AndonError

EXIT_CODES = {
    "UsageError": 2,
    "InputError": 1,
    "IntegrityError": 1,
    "ConflictError": 1,
    "WaitingError": 3,
    "RefusedError": 4,
}


@pytest.mark.parametrize("name", EXIT_CODES)
def test_every_refusal_leaves_with_its_own_exit_code(name):
    kind = getattr(errors, name)
    assert issubclass(kind, AndonError)
    assert kind("a.b", "Message.").exit_code == EXIT_CODES[name]


def test_the_tree_in_the_docstring_is_the_tree():
    drawn = {word for word in errors.__doc__.split() if word.endswith("Error")} - {"AndonError"}
    assert drawn == {kind.__name__ for kind in AndonError.__subclasses__() if kind.__module__ == errors.__name__}
    assert drawn == set(EXIT_CODES)


def test_a_refusal_reads_as_code_message_and_the_parts_it_has():
    error = AndonError("room.what", "It stopped.", place="line 3", fix="Mend it.")
    assert str(error) == "room.what: It stopped.\n  at: line 3\n  fix: Mend it."
    assert str(AndonError("room.what", "It stopped.")) == "room.what: It stopped."


def test_a_refusal_is_a_json_object_with_all_its_parts():
    error = AndonError("room.what", "It stopped.", place="here", found="x", fix="Mend it.")
    assert error.to_json() == {
        "code": "room.what",
        "message": "It stopped.",
        "at": "here",
        "found": "x",
        "fix": "Mend it.",
    }
