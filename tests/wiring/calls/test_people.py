"""Naming people: above the lowest tier nobody's key is made for them."""

import pytest

from andon.kernel.errors import UsageError
from andon.wiring.calls.people import make_own_key, name_person


def test_above_t0_a_person_is_named_by_their_own_public_key_only(founded):
    settings = founded.folder / "andon.toml"
    plain = settings.read_text()
    socket = founded.folder / "gate.sock"
    settings.write_text(plain.replace("[state]", f'[state]\ngatekeeper = "unix:{socket}"'))
    with pytest.raises(UsageError, match=r"key\.not-theirs-alone"):
        name_person(founded.folder, "grace", ["operations"])
    assert not list(founded.home.rglob("grace.pem"))
    settings.write_text(plain)
    own = make_own_key("grace")
    named = name_person(founded.folder, "grace", ["operations"], own.public)
    assert (named.key, named.public) == ("", own.public)
    assert [path.parent.parent for path in founded.home.rglob("grace.pem")] == [founded.home]
