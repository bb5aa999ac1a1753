"""Witnesses from the keyboard: made, told of a ledger, asked, and let back after a restored backup."""

import shutil
import tomllib

import pytest

from andon.attest.statement import REVOCATION, Statement, Subject
from andon.kernel.digest import of_bytes
from andon.wiring.factory import open_factory


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


@pytest.fixture
def place(founded, tmp_path, andon):
    """A factory with two decisions that leaves its heads in a sink, and a witness that knows it."""
    sink, own = tmp_path / "sink", tmp_path / "witness"
    sink.mkdir()
    toml = founded.folder / "andon.toml"
    toml.write_text(toml.read_text() + f'\n[[witness]]\nname = "w1"\nurl = "folder:{sink}"\n')
    decide(founded.folder, "a", "b")
    assert andon("witness", "key", "--folder", own, "--name", "w1").exit_code == 0
    standing = andon("witness", "status", "-C", founded.folder, "--json").json
    assert andon("witness", "log-add", standing["origin"], *standing["keys"], "--folder", own).exit_code == 0
    return founded.folder, sink, own


def named(andon, folder, own, monkeypatch):
    """Have the owner name the witness in the trust root."""
    monkeypatch.chdir(folder)
    text = andon("policy", "show", "--toml").out + andon("witness", "key", "--folder", own, "--toml").out
    assert tomllib.loads(text)["principal"][-1]["name"] == "w1"
    (folder / "next.toml").write_text(text)
    for words in (("propose", "next.toml"), ("sign",)):
        said = andon("policy", *words)
        assert said.exit_code == 0, said.out + said.err


def test_what_a_witness_cosigns_counts_once_the_trust_root_names_it(place, andon, monkeypatch):
    folder, sink, own = place
    assert andon("witness", "cosign", sink, "--folder", own).exit_code == 0
    before = andon("witness", "status", "-C", folder, "--json").json
    assert (before["counted"], before["entitled"]) == (0, 0)
    named(andon, folder, own, monkeypatch)
    decide(folder, "c")
    assert andon("witness", "status", "-C", folder, "--json").json["counted"] == 0
    said = andon("witness", "cosign", sink, "--folder", own, "--json")
    assert [(one["size"], one["refusal"]) for one in said.json] == [(3, None)]
    after = andon("witness", "status", "-C", folder, "--json").json
    assert (after["counted"], after["entitled"], after["size"]) == (1, 1, 3)
    assert "1 heads, the newest of 3 entries, cosigned by w1" in andon("audit", "verify").out
    forge_line(folder)
    assert "ledger.cosignature-wrong at head of size 3" in andon("audit", "verify").out
    (seen,) = andon("witness", "status", "-C", own, "--json").json
    assert (seen["origin"], seen["size"]) == (after["origin"], 3)


def forge_line(folder):
    """Put a witness's line under the newest head that it never signed, as whoever can write the database can."""
    with open_factory(folder) as opened, opened.database.units.begin() as unit:
        head = opened.ledger.checkpoints.latest(unit)
        line = next(line for line in head.splitlines() if line.startswith("— w1 "))
        forged = line[:-6] + ("AAAA==" if not line.endswith("AAAA==") else "AAAB==")
        opened.database.checkpoints.cosign(unit, 3, forged + "\n")


def test_a_witness_that_refuses_says_why_and_ends_with_one(place, andon):
    folder, sink, own = place
    decide(folder, "c")
    andon("witness", "status", "-C", folder)
    assert andon("witness", "cosign", sink, "--folder", own).exit_code == 0
    sorted(sink.glob("*.head"))[-1].unlink()
    said = andon("witness", "cosign", sink, "--folder", own)
    assert said.exit_code == 1
    assert "witness.sink-behind" in said.out


def test_a_restored_backup_goes_on_after_both_have_said_so(place, andon, monkeypatch):
    folder, sink, own = place
    named(andon, folder, own, monkeypatch)
    shutil.copytree(folder / ".andon", folder / "backup")
    decide(folder, "c", "d")
    andon("witness", "status")
    andon("witness", "cosign", sink, "--folder", own)
    shutil.rmtree(folder / ".andon")
    shutil.move(folder / "backup", folder / ".andon")
    assert "ledger.shrunk" in andon("audit", "verify").out
    assert andon("audit", "recover").exit_code == 2
    said = andon("audit", "recover", "--reason", "the disk died", "--json").json
    assert (said["lost"], said["resumed"], said["people"]) == (4, 2, ["ada"])
    assert "ledger.witness-ahead" in andon("witness", "status").out
    assert andon("witness", "recover", said["file"], "--folder", own, "--sink", sink).exit_code == 0
    assert andon("witness", "recover", said["file"], "--folder", own).exit_code == 4
    andon("witness", "status")
    assert andon("witness", "cosign", sink, "--folder", own).exit_code == 0
    assert andon("witness", "status", "--json").json["counted"] == 1
    audited = andon("audit", "verify")
    assert "entries 2 to 3 were lost and given up (2 statements); signed by ada" in audited.out
    assert "ledger.shrunk" not in audited.out


@pytest.mark.parametrize(
    ("words", "code", "exit_code"),
    [
        (("key", "--folder", "new"), "witness.no-folder", 2),
        (("key", "--folder", "new", "--name", "two words"), "ledger.note-name", 2),
        (("status", "-C", "."), "settings.no-factory", 2),
        (("log-add", "a", "a+b+c", "--folder", "new"), "witness.no-folder", 2),
        (("cosign", "sink", "--folder", "new"), "witness.no-folder", 2),
        (("serve", "--folder", "new"), "witness.no-folder", 2),
        (("recover", "none.json", "--folder", "new"), "witness.unreadable", 1),
    ],
)
def test_whoever_types_nonsense_is_told_so(andon, tmp_path, monkeypatch, words, code, exit_code):
    monkeypatch.chdir(tmp_path)
    said = andon("witness", *words)
    assert (said.exit_code, code in said.err) == (exit_code, True), said.err


def test_an_address_that_is_none_or_taken_is_refused(andon, tmp_path):
    import socket

    andon("witness", "key", "--folder", tmp_path, "--name", "w1")
    assert "witness.not-an-address" in andon("witness", "serve", "--folder", tmp_path, "--listen", "here").err
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        assert "witness.no-address" in andon("witness", "serve", "--folder", tmp_path, "--listen", listen).err
