"""Promise: what a target asks for is its owners' to say, all of them, and no factory gets below it."""

import json
import subprocess

import pytest

from tests.factories.place import ANDON


def edited(place, *changes):
    """The trust root's file with some texts replaced by others."""
    text = place.andon("policy", "show", "--toml").out
    for before, after in changes:
        assert before in text, before
        text = text.replace(before, after, 1)
    file = place.folder.parent / "policy.toml"
    file.write_text(text)
    return str(file)


def said(place, *words):
    answer = place.andon(*words)
    assert answer.code == 0, answer.out + answer.err
    return answer.out


def without_the_bound(place):
    """The file with the floor's criterion taken out again."""
    text = place.andon("policy", "show", "--toml").out
    lines = [line for line in text.splitlines() if "1.01" not in line]
    file = place.folder.parent / "policy.toml"
    file.write_text("\n".join(lines))
    return str(file)


def own_key(place, name):
    """The public half of a key that somebody made for themselves."""
    words = [*ANDON, "key", "new", name, "--json"]
    made = subprocess.run(words, env=place.environment(name), capture_output=True, text=True, check=True)
    return json.loads(made.stdout)["public"]


PRODUCTION = """
[[floor]]
target = "eu"
production = true
owner = "the risk board"
tier = "T1"
gates = ["data", "training", "model", "release"]
signoffs = { risk = 2 }
criteria = [
  { gate = "model", metric = "auc", at_least = 0.8, side = "lower", min_n = 100 },
]
"""


@pytest.mark.slow
def test_two_owners_make_a_floor_that_one_of_them_cannot_lower_and_the_factory_cannot_pass_under(parcels):
    """A bound in `factory.py` is the team's; the target's is not, and the gate holds to the stricter one."""
    place = parcels("finished")
    ben = own_key(place, "ben")
    person = f"""
[[principal]]
name = "ben"
kind = "person"
keys = [{{ key = "{ben}", state = "active", since = "2026-01-01" }}]
roles = [{{ role = "owner", from = "2026-01-01" }}, {{ role = "risk", from = "2026-01-01" }}]

[[floor]]"""
    owners = (("quorum = 1", "quorum = 2"), ("root_keys = [", f'root_keys = [\n  "{ben}",'), ("\n[[floor]]", person))
    said(place, "policy", "propose", edited(place, *owners, ("witnesses = 0\n", f"witnesses = 0\n{PRODUCTION}")))
    assert "nothing is in force yet" in said(place, "policy", "sign")
    assert "Version 2 of the trust root is in force." in said(place, "policy", "sign", "--as", "ben")

    strict = ("criteria = []", 'criteria = [{ gate = "training", metric = "auc", at_least = 1.01 }]')
    said(place, "policy", "propose", edited(place, strict))
    said(place, "policy", "sign", "--as", "ben")
    assert "training asks auc >= 1.01" in said(place, "policy", "sign")
    assert "auc >= 1.01" in said(place, "check")

    run = place.run()
    assert run.code == 4
    assert "auc >= 1.01" in run.out + run.err

    said(place, "policy", "propose", without_the_bound(place))
    assert "nothing is in force yet" in said(place, "policy", "sign")
    assert json.loads(said(place, "policy", "show", "--json"))["version"] == 3
