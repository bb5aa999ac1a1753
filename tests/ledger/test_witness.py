"""What a witness accepts, conflict by conflict, and what a ledger makes of its answers."""

from contextlib import contextmanager
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.adapters.keys import verifier
from andon.kernel.clock import SECOND_NS
from andon.kernel.digest import of_bytes
from andon.kernel.errors import InputError, IntegrityError, RefusedError
from andon.ledger.checkpoint import parse, sign
from andon.ledger.cosignature import WitnessKey, cosign, count_witnesses
from andon.ledger.merkle import EMPTY_ROOT
from andon.ledger.proof import parse_proof, verify_proof
from andon.ledger.witness import Shown, WitnessConflictError, accept, parse_request, write_request
from andon.ledger.witnessing import Witnessed, check_clock, check_witnessed


class Units:
    """Units over rows in memory."""

    @contextmanager
    def begin(self):
        yield None


class HonestWitness:
    """A witness of this process: the real decision and a real key, remembered in memory."""

    is_live = True

    def __init__(self, name, signer, clock, log):
        self.name, self.signer, self.clock, self.log, self.seen = name, signer, clock, log, None

    def cosign(self, shown):
        self.seen = accept(self.seen, shown, self.log)
        return cosign(shown.note, self.name, self.signer, self.clock.now_ns())


def grown(ledger, unit, size):
    while ledger.rows.size() < size:
        ledger.append(unit, "release", of_bytes(b"%d" % ledger.rows.size()))
    return ledger


@pytest.fixture
def ledger(open_ledger, new_rows, unit):
    return grown(open_ledger(new_rows()), unit, 9)


@pytest.fixture(scope="session")
def log(verifiers_of, signer_of):
    return verifiers_of(signer_of(1)).values()


def shown(ledger, old, new, **changes):
    return replace(Shown(old, ledger.prove_growth(old, new), ledger.checkpoints.at(new)), **changes)


def seen(ledger, size):
    return parse(ledger.checkpoints.at(size)) if size else None


@given(st.integers(0, 9), st.integers(1, 9))
@settings(deadline=None)
def test_a_witness_accepts_exactly_what_continues_the_head_it_saw(open_ledger, new_rows, unit, log, old, new):
    ledger = grown(open_ledger(new_rows()), unit, 9)
    if old <= new:
        assert accept(seen(ledger, old), shown(ledger, old, new), log) == seen(ledger, new)
    else:
        with pytest.raises(InputError, match=r"witness\.malformed"):
            accept(seen(ledger, old), Shown(old, (), ledger.checkpoints.at(new)), log)


def test_a_proof_from_another_size_is_told_the_size_that_was_seen(ledger, log):
    for said in (0, 4, 6):
        with pytest.raises(WitnessConflictError) as caught:
            accept(seen(ledger, 5), shown(ledger, said, 9), log)
        assert caught.value.size == 5
    with pytest.raises(WitnessConflictError) as caught:
        accept(None, shown(ledger, 5, 9), log)
    assert caught.value.size == 0


def test_a_fork_shown_to_two_witnesses_is_refused_by_the_one_that_saw_the_other_branch(
    open_ledger, new_rows, unit, log
):
    """Both branches carry the log's right signature: only somebody who remembers can tell."""
    ledger, fork = (grown(open_ledger(new_rows()), unit, 5) for _ in range(2))
    ledger.append(unit, "release", of_bytes(b"for the one"))
    fork.append(unit, "rollback", of_bytes(b"for the other"))
    one, other = accept(None, shown(ledger, 0, 6), log), accept(None, shown(fork, 0, 6), log)
    grown(ledger, unit, 8), grown(fork, unit, 8)
    assert accept(one, shown(ledger, 6, 8), log).size == 8
    for proof in (fork.prove_growth(6, 8), ledger.prove_growth(6, 8), ()):
        with pytest.raises(IntegrityError, match=r"witness\.inconsistent"):
            accept(one, Shown(6, proof, fork.checkpoints.at(8)), log)
    with pytest.raises(WitnessConflictError) as caught:
        accept(other, shown(ledger, 6, 6), log)
    assert caught.value.size == 6


@given(st.integers(1, 8), st.data())
@settings(deadline=None, max_examples=40)
def test_a_proof_with_a_changed_missing_or_further_hash_is_refused(open_ledger, new_rows, unit, log, old, data):
    ledger = grown(open_ledger(new_rows()), unit, 9)
    proof = list(ledger.prove_growth(old, 9))
    at = data.draw(st.integers(0, len(proof) - 1))
    match data.draw(st.sampled_from(["change", "drop", "add"])):
        case "change":
            proof[at] = bytes(32)
        case "drop":
            del proof[at]
        case "add":
            proof.insert(at, bytes(32))
    with pytest.raises(IntegrityError, match=r"witness\.inconsistent"):
        accept(seen(ledger, old), shown(ledger, old, 9, proof=tuple(proof)), log)


def test_a_head_that_the_known_key_did_not_sign_is_refused(ledger, signer_of, verifiers_of, log):
    forged = sign(parse(ledger.checkpoints.at(9)), signer_of(7))
    with pytest.raises(RefusedError, match=r"witness\.unsigned"):
        accept(None, Shown(0, (), forged), log)
    with pytest.raises(RefusedError, match=r"witness\.unsigned"):
        accept(None, shown(ledger, 0, 9), ())


def test_an_empty_ledger_is_accepted_with_the_empty_root_only(ledger, signer_of, log):
    empty = replace(parse(ledger.checkpoints.at(9)), size=0, root=EMPTY_ROOT)
    assert accept(None, Shown(0, (), sign(empty, signer_of(1))), log) == empty
    with pytest.raises(WitnessConflictError):
        accept(None, Shown(0, (), sign(replace(empty, root=bytes(32)), signer_of(1))), log)


@given(st.integers(0, 9), st.integers(1, 9))
@settings(deadline=None, max_examples=30)
def test_a_request_reads_back_as_it_was_written(open_ledger, new_rows, unit, old, new):
    ledger = grown(open_ledger(new_rows()), unit, 9)
    proof = ledger.prove_growth(min(old, new), new)
    made = Shown(old, proof, ledger.checkpoints.at(new))
    assert parse_request(write_request(made)) == made


@pytest.mark.parametrize(
    "spoil",
    [
        lambda body: b"",
        lambda body: b"\xff" + body,
        lambda body: body.replace(b"old 4", b"old 04"),
        lambda body: body.replace(b"old 4", b"old -4"),
        lambda body: body.replace(b"old 4", b"old 99999999999999999999"),
        lambda body: body.replace(b"old 4\n", b""),
        lambda body: body.replace(b"\n\n", b"\n", 1),
        lambda body: body.replace(b"=\n", b"\n", 1),
        lambda body: body.replace(b"old 4\n", b"old 4\nAAAA\n"),
        lambda body: body.replace(b"old 4\n", b"old 4\n" + b"A" * 43 + b"=\n" * 1 + (b"A" * 43 + b"=\n") * 63),
        lambda body: body[: len(body) // 2],
        lambda body: body[: body.rindex(b"\xe2\x80\x94")],
    ],
)
def test_a_spoilt_request_is_refused_with_a_code(ledger, spoil):
    with pytest.raises(InputError, match=r"witness\.malformed"):
        parse_request(spoil(write_request(shown(ledger, 4, 9))))


@pytest.fixture
def witness(ledger, signer_of, log):
    return HonestWitness("w1", signer_of(2), ledger.clock, log)


@pytest.fixture
def keys(signer_of):
    return [WitnessKey("w1", verifier(signer_of(2).public)), WitnessKey("w2", verifier(signer_of(3).public))]


def test_a_cosigned_head_is_what_is_kept_and_what_proofs_carry(ledger, unit, witness, keys):
    asked = replace(ledger, witnesses=(witness,))
    found = asked.witnessed(Units(), keys)
    assert (found.head.size, list(found.times), found.failures) == (9, ["w1"], ())
    assert asked.count_witnesses(9, keys) == found.times
    assert "— w1 " in parse_proof(asked.prove(3)).checkpoint
    grown(asked, unit, 12)
    assert asked.count_witnesses(12, keys) == {}
    again = asked.witnessed(Units(), keys)
    assert (again.head.size, witness.seen.size) == (12, 12)
    assert asked.verify_whole(asked.verifiers, None).is_sound


def test_what_was_witnessed_is_proved_by_the_cosigned_head_and_the_rest_by_the_newest(ledger, unit, witness, keys):
    """A rollback while the witness is away adds entries that nobody saw; what was admitted before stays provable."""
    asked = replace(ledger, witnesses=(witness,))
    asked.witnessed(Units(), keys)
    grown(asked, unit, 12)
    for index in range(12):
        text = asked.prove(index)
        head = verify_proof(text, asked.entry(index), asked.origin, asked.verifiers.values())
        assert head.size == (9 if index < 9 else 12)
        assert list(count_witnesses(parse_proof(text).checkpoint, keys)) == (["w1"] if index < 9 else [])


def test_a_head_asked_for_again_keeps_its_first_time_and_tells_the_time_now(ledger, witness, keys):
    asked = replace(ledger, witnesses=(witness,))
    first = asked.witnessed(Units(), keys)
    ledger.clock.time_ns += 60 * SECOND_NS
    again = asked.witnessed(Units(), keys)
    assert again.times == first.times
    assert again.answered["w1"] - first.answered["w1"] == 60 * SECOND_NS


def test_an_entry_is_witnessed_from_the_first_cosigned_head_above_it(ledger, unit, witness, keys):
    asked = replace(ledger, witnesses=(witness,))
    assert asked.witnessed_ns(8, keys) is None
    first = asked.witnessed(Units(), keys).times["w1"]
    ledger.clock.time_ns += 100 * SECOND_NS
    grown(asked, unit, 11)
    assert asked.witnessed_ns(10, keys) is None
    second = asked.witnessed(Units(), keys).times["w1"]
    assert [asked.witnessed_ns(at, keys) for at in (0, 8, 9, 10)] == [first, first, second, second]
    assert second > first


class DownWitness:
    name, is_live = "w2", True

    def cosign(self, shown):
        raise InputError("witness.unreachable", "Nobody answers.", found="refused")


def test_a_witness_that_is_down_is_told_and_does_not_count(ledger, witness, keys):
    found = replace(ledger, witnesses=(DownWitness(), witness)).witnessed(Units(), keys)
    assert list(found.times) == ["w1"]
    assert [(name, error.code) for name, error in found.failures] == [("w2", "witness.unreachable")]
    check_witnessed(found, 1, ledger.clock.now_ns())
    with pytest.raises(RefusedError, match=r"ledger\.unwitnessed") as caught:
        check_witnessed(found, 2, ledger.clock.now_ns())
    assert "witness.unreachable" in caught.value.found


def test_a_witness_that_the_trust_root_does_not_name_counts_for_nothing(ledger, witness, keys):
    found = replace(ledger, witnesses=(witness,)).witnessed(Units(), keys[1:])
    assert found.times == {}
    assert [error.code for _, error in found.failures] == ["ledger.not-cosigned"]


@pytest.mark.parametrize(("size", "code"), [(6, "ledger.witness-ahead"), (9, "ledger.witness-forked")])
def test_an_older_or_forked_ledger_is_told_by_a_witness_that_saw_more(
    ledger, open_ledger, new_rows, unit, witness, keys, size, code
):
    replace(ledger, witnesses=(witness,)).witnessed(Units(), keys)
    other = open_ledger(new_rows())
    other.append(unit, "rollback", of_bytes(b"another past"))
    older = replace(grown(other, unit, size), witnesses=(witness,))
    found = older.witnessed(Units(), keys)
    assert [error.code for _, error in found.failures] == [code]
    assert found.times == {}
    assert witness.seen.size == 9


def test_an_old_head_that_was_cosigned_once_is_no_proof_against_a_witness_that_saw_more(
    ledger, unit, witness, keys, new_rows
):
    """A restored database brings its old head with its cosignature: one witness's word against it stops everything."""
    asked = replace(ledger, witnesses=(witness,))
    asked.witnessed(Units(), keys)
    older = new_rows()
    older.leaf_rows, older.node_rows = dict(ledger.rows.leaf_rows), dict(ledger.rows.node_rows)
    older.notes, older.lines = dict(ledger.rows.notes), dict(ledger.rows.lines)
    grown(asked, unit, 12)
    asked.witnessed(Units(), keys)
    restored = replace(asked, rows=older, checkpoints=older)
    found = restored.witnessed(Units(), keys)
    assert list(found.times) == ["w1"]
    with pytest.raises(IntegrityError, match=r"ledger\.witness-ahead"):
        check_witnessed(found, 1, ledger.clock.now_ns())
    check_witnessed(found, 0, ledger.clock.now_ns())
    grown(restored, unit, 10)
    restored.append(unit, "rollback", of_bytes(b"another past"))
    grown(restored, unit, 13)
    with pytest.raises(IntegrityError, match=r"witness\.inconsistent"):
        check_witnessed(restored.witnessed(Units(), keys), 1, ledger.clock.now_ns())


def test_a_witness_restarted_with_an_older_state_is_brought_up_by_proof(ledger, witness, keys):
    asked = replace(ledger, witnesses=(witness,))
    asked.witnessed(Units(), keys)
    witness.seen = seen(ledger, 4)
    assert list(asked.witnessed(Units(), keys).answered) == ["w1"]
    assert witness.seen == seen(ledger, 9)


def test_a_kept_head_over_other_entries_is_not_believed(ledger, open_ledger, new_rows, unit, witness, keys):
    other = open_ledger(new_rows())
    other.append(unit, "rollback", of_bytes(b"another past"))
    grown(other, unit, 9)
    replace(other, witnesses=(witness,)).witnessed(Units(), keys)
    ledger.rows.notes[9], ledger.rows.lines[9] = other.rows.notes[9], other.rows.lines[9]
    with pytest.raises(IntegrityError, match="head-mismatch"):
        ledger.witnessed_ns(3, keys)


DAY_NS = 86_400 * SECOND_NS


@pytest.mark.parametrize("off_ns", [-DAY_NS, DAY_NS, -301 * SECOND_NS, 301 * SECOND_NS])
def test_a_clock_a_day_or_six_minutes_off_a_witness_is_refused(ledger, witness, keys, off_ns):
    found = replace(ledger, witnesses=(witness,)).witnessed(Units(), keys)
    with pytest.raises(RefusedError, match=r"ledger\.clock-off"):
        check_witnessed(found, 1, found.answered["w1"] + off_ns)


def test_a_clock_within_five_minutes_is_let_pass():
    for off_ns in (0, -300 * SECOND_NS, 300 * SECOND_NS):
        check_clock(1_795_000_000 * SECOND_NS, 1_795_000_000 * SECOND_NS + off_ns)


def test_no_witness_is_needed_where_none_is_asked_for(ledger):
    check_witnessed(Witnessed(ledger.head(), {}), 0, 0)
