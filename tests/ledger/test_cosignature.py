"""Cosignatures: against a public witness's, and against every way to count one that is none."""

import base64
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.adapters.keys import verifier
from andon.kernel.clock import SECOND_NS
from andon.kernel.errors import IntegrityError, UsageError
from andon.ledger.checkpoint import Checkpoint, sign, verify
from andon.ledger.cosignature import (
    WitnessKey,
    cosign,
    cosignatures,
    cosigner_key,
    count_witnesses,
    parse_cosigner_key,
    with_lines,
)
from andon.ledger.note import note_key

NOW_NS = 1_795_000_000 * SECOND_NS + 123
ORIGIN = "example.com/flights"
# A head of a public log with the cosignatures of public witnesses, and the key that one of them publishes.
PUBLIC_HEAD = """\
arche2025h1.staging.ct.transparency.dev
1432088532
U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=

— arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=
— transparency.dev/DEV:witness-little-garden 2AQqhwAAAABqEiEgzgFIqqhbUoDwjMWE6UP8nd8/KYTzwZ2rhIgcqoXHAwVkjZr4AscylP3v7sEodkRAErumC2q44vdgJY096st5BQ==
— remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==
"""  # noqa: E501  # as it was published
PUBLIC_KEY = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2"


@pytest.fixture
def note(signer_of):
    return sign(Checkpoint(ORIGIN, 7, bytes(range(32))), signer_of(1))


@pytest.fixture
def key(signer_of):
    return lambda seed, name, *times: WitnessKey(name, verifier(signer_of(seed).public), *times)


def test_a_public_witness_is_counted_at_its_time():
    name, public = parse_cosigner_key(PUBLIC_KEY)
    assert cosigner_key(name, public) == PUBLIC_KEY
    assert count_witnesses(PUBLIC_HEAD, [WitnessKey(name, verifier(public))]) == {name: 0x6A122120 * SECOND_NS}


def test_a_public_cosignature_does_not_fit_another_head():
    name, public = parse_cosigner_key(PUBLIC_KEY)
    with pytest.raises(IntegrityError, match="cosignature-wrong"):
        count_witnesses(PUBLIC_HEAD.replace("1432088532", "42"), [WitnessKey(name, verifier(public))])


def test_the_line_is_laid_out_as_the_specification_says(note, signer_of):
    signer = signer_of(2)
    line = cosign(note, "w.example/1", signer, NOW_NS)
    dash, name, value = line.removesuffix("\n").split(" ")
    raw = base64.b64decode(value)
    assert (dash, name, len(raw)) == ("—", "w.example/1", 4 + 8 + 64)
    assert cosigner_key(name, signer.public).split("+")[1] == raw[:4].hex()
    (seconds,) = struct.unpack(">Q", raw[4:12])
    text = note.partition("\n\n")[0] + "\n"
    assert verifier(signer.public).verify(raw[12:], f"cosignature/v1\ntime {seconds}\n{text}".encode())
    assert seconds == NOW_NS // SECOND_NS


def test_a_head_with_cosignatures_is_still_signed_by_its_log(note, signer_of, verifiers_of):
    cosigned = with_lines(note, [cosign(note, "w1", signer_of(2), NOW_NS), cosign(note, "w2", signer_of(3), NOW_NS)])
    assert verify(cosigned, ORIGIN, verifiers_of(signer_of(1)).values()).size == 7


@given(st.lists(st.tuples(st.sampled_from(["w1", "w2", "w3"]), st.integers(0, 2**33)), max_size=8))
@settings(deadline=None, max_examples=30)
def test_witnesses_are_counted_once_each_with_their_earliest_time(signer_of, signed):
    seeds = {"w1": 2, "w2": 3, "w3": 4}
    note = sign(Checkpoint(ORIGIN, 7, bytes(32)), signer_of(1))
    lines = [cosign(note, name, signer_of(seeds[name]), seconds * SECOND_NS) for name, seconds in signed]
    keys = [WitnessKey(name, verifier(signer_of(seed).public)) for name, seed in seeds.items()]
    expected = {}
    for name, seconds in signed:
        expected[name] = min(expected.get(name, seconds * SECOND_NS), seconds * SECOND_NS)
    assert count_witnesses(with_lines(note, lines), keys) == expected


def test_two_keys_of_one_witness_are_one_witness(note, signer_of, key):
    lines = [cosign(note, "w1", signer_of(2), NOW_NS), cosign(note, "w1", signer_of(3), NOW_NS + 9 * SECOND_NS)]
    assert list(count_witnesses(with_lines(note, lines), [key(2, "w1"), key(3, "w1")])) == ["w1"]


def test_the_logs_own_signature_and_a_strangers_are_no_witness(note, signer_of, key):
    stranger = with_lines(note, [cosign(note, "w9", signer_of(9), NOW_NS)])
    assert count_witnesses(stranger, [key(1, ORIGIN), key(2, "w1")]) == {}


def test_a_known_key_under_another_name_does_not_count(note, signer_of, key):
    assert count_witnesses(with_lines(note, [cosign(note, "other", signer_of(2), NOW_NS)]), [key(2, "w1")]) == {}


@pytest.mark.parametrize(
    ("from_ns", "until_ns", "counts"),
    [(0, None, True), (NOW_NS + SECOND_NS, None, False), (0, NOW_NS - SECOND_NS, False), (0, NOW_NS + 1, True)],
)
def test_a_key_counts_in_its_own_time_only(note, signer_of, key, from_ns, until_ns, counts):
    cosigned = with_lines(note, [cosign(note, "w1", signer_of(2), NOW_NS)])
    assert bool(count_witnesses(cosigned, [key(2, "w1", from_ns, until_ns)])) is counts


@given(st.integers(0, 75), st.integers(1, 255))
@settings(deadline=None, max_examples=40)
def test_any_changed_byte_of_a_cosignature_is_refused_or_makes_it_a_strangers(signer_of, place, flip):
    note = sign(Checkpoint(ORIGIN, 7, bytes(32)), signer_of(1))
    raw = bytearray(base64.b64decode(cosign(note, "w1", signer_of(2), NOW_NS).split(" ")[2]))
    raw[place] ^= flip
    changed = with_lines(note, [f"— w1 {base64.b64encode(raw).decode()}\n"])
    keys = [WitnessKey("w1", verifier(signer_of(2).public))]
    if place < 4:
        assert count_witnesses(changed, keys) == {}
    else:
        with pytest.raises(IntegrityError, match="cosignature-wrong"):
            count_witnesses(changed, keys)


def test_an_answer_of_lines_alone_is_read_over_the_head(note, signer_of, key):
    line = cosign(note, "w1", signer_of(2), NOW_NS)
    (found,) = cosignatures(note, [key(2, "w1")], line)
    assert (found.name, found.line) == ("w1", line)
    assert cosignatures(note, [key(2, "w1")], "") == []
    for broken in (line.removesuffix("\n"), "\n", line + "\n", "nonsense\n", line.replace("—", "-")):
        with pytest.raises(IntegrityError, match="note-malformed"):
            cosignatures(note, [key(2, "w1")], broken)


def test_a_logs_key_is_no_witness_key_and_the_other_way_round(signer_of):
    with pytest.raises(IntegrityError, match="note-malformed"):
        parse_cosigner_key(note_key("w1", signer_of(2).public))
    with pytest.raises(UsageError, match="note-name"):
        cosigner_key("w 1", signer_of(2).public)
