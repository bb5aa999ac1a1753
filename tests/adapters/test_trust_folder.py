"""Versions of the trust root as files: kept once, proposed apart, and changed by one at a time."""

import threading

import pytest

from andon.adapters.trust_folder import FolderRoots
from andon.attest.envelope import Envelope
from andon.kernel.errors import ConflictError, InputError


def envelope(text):
    return Envelope("application/x", text.encode(), ())


@pytest.fixture
def roots(tmp_path):
    return FolderRoots(tmp_path / "trust")


def test_versions_are_read_in_their_order_and_never_replaced(roots):
    roots.add(2, envelope("two"))
    roots.add(1, envelope("one"))
    with pytest.raises(ConflictError, match=r"trust\.version-exists"):
        roots.add(2, envelope("another two"))
    assert [one.payload for one in roots.envelopes()] == [b"one", b"two"]


def test_a_proposal_is_no_version_until_it_is_added(roots, tmp_path):
    roots.propose(1, envelope("one"))
    with pytest.raises(InputError, match=r"trust\.missing"):
        roots.envelopes()
    roots.add(1, envelope("one"))
    roots.propose(2, envelope("two"))
    roots.propose(2, envelope("two again"))
    assert [one.payload for one in roots.envelopes()] == [b"one"]
    assert roots.proposal(2) == envelope("two again")
    assert roots.proposal(3) is None
    assert (tmp_path / "trust" / "proposed-000002.json").exists()
    roots.withdraw(2)
    roots.withdraw(2)
    assert roots.proposal(2) is None


def test_of_two_who_add_the_same_version_one_is_refused_and_nothing_is_left_lying(roots, tmp_path):
    came = []

    def add(text):
        try:
            roots.add(1, envelope(text))
            came.append(text)
        except ConflictError:
            came.append("refused")

    def one_after_another(text):
        with roots.alone():
            add(text)

    threads = [threading.Thread(target=one_after_another, args=(text,)) for text in ("a", "b", "c")]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(came)[1:] == ["refused", "refused"]
    assert roots.envelopes()[0].payload.decode() in came
    assert {path.name for path in (tmp_path / "trust").iterdir()} == {"root-000001.json", ".lock"}
