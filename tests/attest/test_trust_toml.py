"""The trust root as people write it: read back exactly, and refused with the line where it means nothing."""

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.attest.trust_json import to_bytes
from andon.attest.trust_toml import MAX_CHARACTERS, duration_text, from_toml, to_toml
from andon.kernel.clock import duration_ns
from andon.kernel.errors import AndonError, InputError, IntegrityError
from tests.attest.roots import trust_roots


@settings(max_examples=30, deadline=None)
@given(trust_roots())
def test_every_trust_root_reads_back_exactly(root):
    """What is shown, edited and proposed again must be the same root but for the edit, to the last nanosecond."""
    assert from_toml(to_toml(root)) == root
    assert to_bytes(from_toml(to_toml(root))) == to_bytes(root)


@given(st.integers(1, 2**63 - 1))
def test_a_length_of_time_reads_back_exactly(ns):
    assert duration_ns(duration_text(ns)) == ns


def test_the_file_says_what_it_is_and_reads_like_its_matter(root):
    text = to_toml(root)
    assert text.startswith("# The trust root of factory flights, version 1: who may sign")
    assert '{ gate = "model", metric = "auc", at_least = 0.75, side = "lower", min_n = 500 },' in text
    assert "signoffs = { model-owner = 1, risk = 2, legal = 1 }" in text
    assert text.count('",  # ada\n') == 2
    assert tomllib.loads(text)["floor"][1]["production"] is True


def test_moments_may_stand_without_quotation_marks(root):
    text = to_toml(root).replace('expires = "1970-01-01T00:00:00.001Z"', "expires = 2027-01-31")
    assert from_toml(text).expires_ns == 1_801_353_600_000_000_000


WRONG = {
    "a word too much": ('owner = "risk"', 'ovner = "risk"', "line HERE: ovner", "Did you mean owner?"),
    "far from any": ("quorum = 2", "zzz = 2", "line HERE: zzz", "Known here: version, "),
    "nothing there": ("quorum = 2\n", "", "policy: quorum", "Write it: quorum = ..."),
    "text for a number": ("quorum = 2", 'quorum = "two"', "line HERE: quorum", "Write a whole number"),
    "truth for a number": ("quorum = 2", "quorum = true", "line HERE: quorum", "Write a whole number"),
    "less than none": ("quorum = 2", "quorum = -2", "line HERE: quorum", "Write a whole number"),
    "number for a text": ('domain = "example.com"', "domain = 7", "line HERE: domain", "quotation marks"),
    "text for a truth": ("production = true", 'production = "yes"', "production", "Write true or false."),
    "not a moment": ('"1970-01-01T00:00:00.001Z"', '"soon"', "line HERE: expires", "Write a moment"),
    "too late": ('"1970-01-01T00:00:00.001Z"', '"2300-01-01"', "line HERE: expires", "Write a moment"),
    "no length": ('longest = "1ms"', 'longest = "0s"', "waivable auc, line LIST: longest", "length of time"),
    "unknown tier": ('tier = "T1"', 'tier = "T9"', "floor eu, line HERE: tier", "'T0', 'T1', 'T2'"),
    "no number": ("at_least = 0.75", "at_least = inf", "criteria auc, line LIST: at_least", "finite number"),
    "two bounds": ("at_least = 0.75", "at_least = 0.75, at_most = 1", "criteria auc, line LIST: metric", "one of them"),
    "no bound": (", at_least = 0.75", "", "criteria auc, line LIST: metric", "one of them"),
    "no key": ('"ed25519:', '"rsa:', "line LIST: root_keys", "ed25519:"),
    "half a key": ('"ed25519:', '"ed25519:AAAA', "line LIST: root_keys", "ed25519:"),
    "no list": ('gates = ["data", "training", "model", "release"]', 'gates = "data"', "floor local", "Write a list"),
    "no texts": ('gates = ["data", "training"', "gates = [1, 2", "floor local", "list of texts"),
    "no table": ("signoffs = {}", "signoffs = 1", "floor local", "Write a table"),
    "no tables": ("waivable = []", "waivable = [1]", "floor local", "list of tables"),
    "half a person": ("signoffs = { model-owner = 1", "signoffs = { model-owner = 1.5", "floor eu", "whole number"),
    "a name that is none": ('factory = "flights"', 'factory = "fl ights"', "trust root factory", "letters, digits"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_means_nothing_is_refused_with_its_line_and_a_way_out(root, case):
    before, after, place, fix = WRONG[case]
    text = to_toml(root)
    above, found, below = text.partition(before)
    assert found
    begun = above.count("\n") + 1
    lists = [0, *(number for number, line in enumerate(above.splitlines(), 1) if line.endswith("= ["))]
    with pytest.raises(InputError) as refusal:
        from_toml(above + after + below)
    error = refusal.value
    assert error.code == "policy.malformed"
    assert place.replace("HERE", str(begun)).replace("LIST", str(lists[-1])) in error.place
    assert fix in error.fix


@pytest.mark.parametrize(
    "text", ["quorum = = 2", "a = 1\na = 2", "[" * 5000, "x = " + "[" * 5000, "\x00", " " * (MAX_CHARACTERS + 1)]
)
def test_what_is_no_toml_is_refused(text):
    with pytest.raises(InputError, match=r"policy\.not-toml"):
        from_toml(text, "p.toml")


def test_a_root_that_contradicts_itself_is_refused_as_everywhere(root):
    with pytest.raises(IntegrityError, match=r"trust\.inconsistent"):
        from_toml(to_toml(root).replace("quorum = 2", "quorum = 3"))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_line_lost_or_doubled_is_the_same_root_or_refused(root, data):
    """Nobody's slip of the editor may become a traceback."""
    lines = to_toml(root).splitlines()
    at = data.draw(st.integers(0, len(lines) - 1))
    changed = (
        lines[:at]
        + data.draw(st.sampled_from([[], [lines[at]] * 2, [lines[at][: len(lines[at]) // 2]]]))
        + lines[at + 1 :]
    )
    try:
        came = from_toml("\n".join(changed)).factory
    except AndonError as error:
        came = error.fix and error.code.partition(".")[0]
    assert came in (root.factory, "policy", "trust")
