"""A ledger that was restored from a backup: refused as it is, and let go on by the people who answer for it."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from andon.adapters.keys import generate_key, load_signer
from andon.adapters.trust_folder import FolderRoots
from andon.attest.envelope import to_json
from andon.attest.statement import REVOCATION, Statement, Subject, from_bytes, seal
from andon.attest.succession import seal_root
from andon.attest.trust_root import KeyState, Principal, RoleInterval
from andon.kernel.digest import of_bytes
from andon.kernel.errors import IntegrityError, RefusedError, UsageError
from andon.wiring.calls.recovering import hand_in_recovery, propose_recovery, read_recoveries
from andon.wiring.calls.sign_recovery import recover_ledger
from andon.wiring.calls.witness import know_log, recover_witness, seen_by
from andon.wiring.calls.witnessed import standing_of
from andon.wiring.factory import open_factory
from andon.wiring.settings import load_settings
from andon.wiring.trust import current_root
from andon.wiring.witnessing import desk_of, witness_folder, witness_key


def decide(folder, *names):
    """Enter something into the ledger, and remember it, as every decision does."""
    with open_factory(folder) as opened:
        record = opened.gatekeeper.keeping.record
        for name in names:
            record.check_memory()
            statement = Statement((Subject(name, of_bytes(name.encode())),), REVOCATION, {"reason": "test"})
            with opened.database.units.begin() as unit:
                record.say(unit, statement)
            record.remember(record.root())


def size_of(folder):
    with open_factory(folder) as opened:
        return opened.ledger.rows.size()


@pytest.fixture
def restored(founded):
    """Two decisions, a backup, three more, and the backup put back."""
    state = founded.folder / ".andon"
    decide(founded.folder, "a", "b")
    shutil.copytree(state, founded.folder / "backup")
    decide(founded.folder, "c", "d", "e")
    shutil.rmtree(state)
    shutil.move(founded.folder / "backup", state)
    return founded.folder


def test_a_restored_ledger_is_refused_until_it_is_recovered_and_then_goes_on(restored):
    with pytest.raises(IntegrityError, match=r"ledger\.shrunk"):
        decide(restored, "f")
    found = recover_ledger(restored, reason="the disk died")
    assert (found.lost, found.resumed, found.people, found.missing) == (5, 2, ("ada",), 0)
    decide(restored, "f", "g", "h", "i")
    assert size_of(restored) == 7
    with open_factory(restored) as opened:
        record = opened.gatekeeper.keeping.record
        assert record.audit(record.root()).is_sound
        (line,) = read_recoveries(opened)
    assert line.is_sound
    assert "entries 2 to 4 were lost" in line.text
    assert "ada" in line.text
    assert "the disk died" in line.text


def test_a_recovery_is_used_once(restored):
    """The same backup put back a second time is refused again: what came after the recovery was seen too."""
    shutil.copytree(restored / ".andon", restored / "again")
    recover_ledger(restored, reason="the disk died")
    decide(restored, "f")
    file = next((restored / ".andon").glob("recovered-*.json")).read_bytes()
    shutil.rmtree(restored / ".andon")
    shutil.move(restored / "again", restored / ".andon")
    with pytest.raises(IntegrityError, match=r"ledger\.shrunk"):
        decide(restored, "g")
    (restored / ".andon" / "recovery.json").write_bytes(file)
    with pytest.raises(RefusedError, match=r"recovery\.of-another"):
        recover_ledger(restored, reason="")
    with pytest.raises(IntegrityError, match=r"ledger\.shrunk"):
        decide(restored, "g")


def test_where_nothing_was_lost_there_is_nothing_to_recover(founded):
    decide(founded.folder, "a", "b")
    with pytest.raises(UsageError, match=r"recovery\.nothing-lost"):
        recover_ledger(founded.folder, reason="just because")


def test_a_recovery_without_a_reason_is_refused(restored):
    with pytest.raises(UsageError, match=r"recovery\.no-reason"):
        recover_ledger(restored, reason="  ")
    assert size_of(restored) == 2


def test_a_backup_that_somebody_went_on_with_is_not_recovered(restored):
    """Nothing may be added first: otherwise a forger's entries would become the past."""
    with open_factory(restored) as opened:
        record = opened.gatekeeper.keeping.record
        for name in "xyz":
            with opened.database.units.begin() as unit:
                record.say(unit, Statement((Subject(name, of_bytes(name.encode())),), REVOCATION, {"reason": "t"}))
    with pytest.raises(UsageError, match=r"recovery\.nothing-lost"):
        recover_ledger(restored, reason="the disk died")
    with pytest.raises(IntegrityError, match=r"ledger\.forked"):
        decide(restored, "f")


def second_owner(folder, quorum=2):
    """Name bo an owner beside ada; both must sign from then on."""
    settings = load_settings(folder)
    root = current_root(settings)
    keys = settings.home / "keys"
    bo = KeyState(generate_key(keys / "bo.pem"), "active", root.principals[0].keys[0].since_ns)
    cy = KeyState(generate_key(keys / "cy.pem"), "active", bo.since_ns)
    owner = (RoleInterval("owner", bo.since_ns),)
    people = (Principal("bo", "person", (bo,), owner), Principal("cy", "person", (cy,), owner))
    grown = replace(
        root,
        version=root.version + 1,
        quorum=quorum,
        root_keys=(*root.root_keys, bo.public.key_id),
        principals=(*root.principals, *people),
    )
    signers = [load_signer(keys / f"{name}.pem") for name in ("ada", "bo")]
    FolderRoots(settings.trust).add(grown.version, seal_root(grown, signers))


def test_where_two_must_sign_one_alone_recovers_nothing(founded):
    second_owner(founded.folder)
    state = founded.folder / ".andon"
    decide(founded.folder, "a", "b")
    shutil.copytree(state, founded.folder / "backup")
    decide(founded.folder, "c")
    shutil.rmtree(state)
    shutil.move(founded.folder / "backup", state)
    first = recover_ledger(founded.folder, reason="the disk died", person="ada")
    assert (first.people, first.missing) == (("ada",), 1)
    again = recover_ledger(founded.folder, reason="", person="ada")
    assert (again.people, again.missing) == (("ada",), 1)
    with pytest.raises(RefusedError, match=r"recovery\.not-an-owner"):
        recover_ledger(founded.folder, reason="", person="cy")
    with pytest.raises(IntegrityError, match=r"ledger\.shrunk"):
        decide(founded.folder, "d")
    second = recover_ledger(founded.folder, reason="", person="bo")
    assert (second.people, second.missing) == (("ada", "bo"), 0)
    decide(founded.folder, "d")


def test_signatures_made_elsewhere_are_handed_in_one_after_another(founded):
    """No key of a person comes to where the factory is; a word of the text changed, and it is another recovery."""
    second_owner(founded.folder)
    state = founded.folder / ".andon"
    decide(founded.folder, "a", "b")
    shutil.copytree(state, founded.folder / "backup")
    decide(founded.folder, "c")
    shutil.rmtree(state)
    shutil.move(founded.folder / "backup", state)
    keys = load_settings(founded.folder).home / "keys"

    def signed(text, name):
        envelope = seal(from_bytes(text.encode()), load_signer(keys / f"{name}.pem"))
        return to_json(envelope).decode()

    text = propose_recovery(founded.folder, "the disk died").statement
    with pytest.raises(RefusedError, match=r"recovery\.not-an-owner"):
        hand_in_recovery(founded.folder, signed(text, "gatekeeper"))
    assert hand_in_recovery(founded.folder, signed(text, "ada")).missing == 1
    assert propose_recovery(founded.folder, "").statement == text
    for changed in (text.replace("died", "lied"), text.replace('"size":"3"', '"size":"4"')):
        assert changed != text
        with pytest.raises(RefusedError, match=r"recovery\.(another-waits|of-another)"):
            hand_in_recovery(founded.folder, signed(changed, "bo"))
    assert hand_in_recovery(founded.folder, signed(text, "bo")).missing == 0
    decide(founded.folder, "d")


def test_a_recovery_that_nobody_signed_is_named_by_the_audit(restored):
    """Whoever holds the gate's key can enter a recovery; it counts for nothing, and the audit says so."""
    from andon.attest.recovery import RecoveryClaim, recovery_statement
    from andon.ledger.checkpoint import Checkpoint
    from andon.ledger.recovery import Recovery

    with open_factory(restored) as opened:
        record, head = opened.gatekeeper.keeping.record, opened.ledger.head()
        root = record.root()
        claim = RecoveryClaim(
            domain=root.domain,
            factory=root.factory,
            recovery=Recovery(Checkpoint(head.origin, 5, bytes(32)), head),
            note=opened.ledger.checkpoints.latest(),
            reason="none of your business",
            time_ns=1,
        )
        with opened.database.units.begin() as unit:
            record.say(unit, recovery_statement(claim))
        (line,) = read_recoveries(opened)
    assert not line.is_sound
    with pytest.raises(IntegrityError, match=r"ledger\.shrunk"):
        decide(restored, "f")


def test_a_crash_before_the_memory_was_written_is_taken_up(restored, monkeypatch):
    settings = load_settings(restored)
    memory = settings.home / "remembered.json"
    before = memory.read_bytes()
    recover_ledger(restored, reason="the disk died")
    done = next((restored / ".andon").glob("recovered-*.json"))
    memory.write_bytes(before)
    done.replace(restored / ".andon" / "recovery.json")
    again = recover_ledger(restored, reason="")
    assert again.missing == 0
    decide(restored, "f")
    assert size_of(restored) == 4


def test_a_witness_goes_back_only_by_its_operators_decision(founded, tmp_path):
    """A sink, and a witness that reads it: until its operator lets it, the recovered ledger stays unwitnessed."""
    own, sink = tmp_path / "witness", tmp_path / "sink"
    sink.mkdir()
    toml = founded.folder / "andon.toml"
    toml.write_text(toml.read_text() + f'\n[[witness]]\nname = "w1"\nurl = "folder:{sink}"\n')
    witness_key(own, "w1")
    decide(founded.folder, "a", "b")
    standing = standing_of(founded.folder)
    know_log(own, standing.origin, standing.keys[0])
    shutil.copytree(founded.folder / ".andon", founded.folder / "backup")
    decide(founded.folder, "c", "d")
    standing_of(founded.folder)
    cosign(own, sink)
    assert [one.size for one in seen_by(own)] == [4]
    shutil.rmtree(founded.folder / ".andon")
    shutil.move(founded.folder / "backup", founded.folder / ".andon")
    found = recover_ledger(founded.folder, reason="the disk died")
    assert "witness-ahead" in standing_of(founded.folder).rows[0][2]
    decide(founded.folder, "e", "f")
    assert "witness.inconsistent" in standing_of(founded.folder).rows[0][2]
    recover_witness(own, Path(found.file), sink)
    with pytest.raises(RefusedError, match=r"witness\.not-recovered"):
        recover_witness(own, Path(found.file), None)
    assert "inconsistent" not in standing_of(founded.folder).rows[0][2]
    assert [one.refusal for one in cosign(own, sink)] == [None]
    assert [one.size for one in seen_by(own)] == [size_of(founded.folder)]


def cosign(own, sink):
    from andon.wiring.witnessing import cosign_sink

    kept = witness_folder(own)
    return cosign_sink(kept, desk_of(kept), sink)
