"""What people sign, from the keyboard: by keys of their own, for each other, against the floor, and never alone."""

import base64
import json
import sys
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from andon.adapters.keys import load_signer
from andon.adapters.trust_folder import FolderRoots, HomeFolder
from andon.attest.succession import seal_root
from andon.attest.trust_root import RoleInterval, Waivable
from andon.cli.main import app
from andon.kernel.canonical import dumps
from andon.kernel.clock import duration_ns
from andon.wiring.calls.approving import of_run, waiting_runs
from andon.wiring.calls.people import name_person
from andon.wiring.factory import open_factory
from andon.wiring.settings import load_settings
from andon.wiring.trust import current_root
from tests.factories.soft_token import PIN, software_token
from tests.factories.states import once
from tests.wiring.small_factory import CODE, SmallFactory, found_small

AGAIN = ("run", "late", "--as-of", "2024-01-10T00:00:00Z")
PEOPLE = {"grace": "operations", "olga": "operations", "rita": "risk"}
WAIVER = ("waiver", "propose", "model:late", "--metric", "auc", "--out", "w.json")


@pytest.fixture(scope="session")
def refused_once(states):
    """A model that the model gate refused: its bound is too high, and `risk` may waive it for two days at most."""
    path = once(states / "waivable", found_waivable)
    return SmallFactory(path / "parcels", path / "home")


def found_waivable(path):
    with pytest.MonkeyPatch.context() as surroundings:
        surroundings.setenv("ANDON_HOME", str(path / "home"))
        surroundings.setenv("ANDON_AS", "ada")
        small = found_small(path, 0.999)
        code = CODE.replace("LEAST", "0.999").replace("event_time, integer", "event_time, integer, SignOff")
        people = '[checks.lineage_closed, checks.target_healthy, SignOff("operations", people=2, within="5d")]'
        code = code.replace("[checks.lineage_closed, checks.target_healthy]", people)
        (small.folder / "factory.py").write_text(code)
        for person, role in PEOPLE.items():
            name_person(small.folder, person, [role])
        set_waivable(small, Waivable("model", "auc", "risk", duration_ns("2d")))
        assert small.run().exit_code == 4


@pytest.fixture
def at(tmp_path, monkeypatch):
    """A function that copies a factory and goes to its folder, as ada."""

    def go(made: SmallFactory) -> SmallFactory:
        small = made.copied_to(tmp_path)
        monkeypatch.setenv("ANDON_HOME", str(small.home))
        monkeypatch.setenv("ANDON_AS", "ada")
        monkeypatch.chdir(small.folder)
        return small

    return go


@pytest.fixture
def refused(refused_once, at):
    return at(refused_once)


@pytest.fixture(scope="session")
def waiting_once(refused_once, tmp_path_factory):
    """Rita took the bound upon herself, the gate judged again, and the release waits for two of operations."""
    with pytest.MonkeyPatch.context() as surroundings:
        small = refused_once.copied_to(tmp_path_factory.mktemp("waiting"))
        surroundings.setenv("ANDON_HOME", str(small.home))
        surroundings.setenv("ANDON_AS", "ada")
        surroundings.chdir(small.folder)
        assert typed(*WAIVER, "--until", "2d", "--reason", "Christmas rush").exit_code == 0
        signed = typed("waiver", "sign", "w.json", "--as", "rita")
        assert "Next: andon run late --as-of 2024-01-10T00:00:00Z" in signed.stdout
        assert typed(*AGAIN).exit_code == 3
    return small


@pytest.fixture
def waiting(waiting_once, at):
    return at(waiting_once)


@pytest.fixture(scope="session")
def soft_token(tmp_path_factory):
    with software_token(tmp_path_factory.getbasetemp() / "softhsm") as token:
        yield token


def typed(*words):
    """Type a command before there is a test to type it in."""
    return CliRunner().invoke(app, words)


def set_waivable(small: SmallFactory, *waivable: Waivable) -> None:
    """A new trust root by the owner: what may be waived; and ada has every role, so that only what she did excludes."""
    settings = load_settings(small.folder)
    root = current_root(settings)
    (floor,) = root.floors
    ada = root.principals[0]
    held = tuple(RoleInterval(role, ada.roles[0].from_ns) for role in ("owner", "operations", "risk"))
    grown = replace(
        root,
        version=root.version + 1,
        floors=(replace(floor, waivable=waivable),),
        principals=(replace(ada, roles=held), *root.principals[1:]),
    )
    signer = load_signer(HomeFolder(settings.home).key("ada"))
    FolderRoots(settings.trust).add(grown.version, seal_root(grown, [signer]))


def approved(small: SmallFactory) -> list[str]:
    """Who counts for the gate that waits."""
    with open_factory(small.folder) as opened:
        (run,) = waiting_runs(opened)
        (count,) = of_run(opened, run).counts
        return [name for name, _ in count.approved]


def test_a_waiver_lets_one_failed_criterion_through_and_is_shown_wherever_one_looks(waiting, andon):
    status = andon("status")
    assert "1 active waiver: auc.lower() >= 0.999 of model:late, by rita until " in status.out
    assert andon("status", "--json").json["active_waivers"] == 1
    assert "PASSED BY WAIVER" in andon("gates", "model:late").out
    (listed,) = andon("waiver", "list", "--json").json
    assert (listed["state"], listed["by"], listed["reason"]) == ("active", "rita", "Christmas rush")
    assert listed["used by"] != "nothing"
    release = andon("release", "list", "--json").json[0]["release"]
    assert "WAIVED: auc.lower() >= 0.999 of model:late, by rita until " in andon("release", "show", release).out


def test_a_waiver_that_was_revoked_opens_nothing(refused, andon):
    assert andon(*WAIVER, "--until", "1d", "--reason", "rush").exit_code == 0
    digest = andon("waiver", "sign", "w.json", "--as", "rita", "--json").out.rsplit('"statement": "', 1)[1][:71]
    assert andon("waiver", "revoke", digest[7:19], "--reason", "", "--as", "rita").exit_code == 2
    assert andon("waiver", "revoke", digest[7:19], "--reason", "the rush is over", "--as", "rita").exit_code == 0
    assert andon("waiver", "list", "--json").json[0]["state"] == "revoked"
    assert andon(*AGAIN).exit_code == 4
    assert "active waiver" not in andon("status").out


@pytest.mark.parametrize(
    ("person", "until", "worst", "why"),
    [
        ("ada", "1d", "0.9", "ada made this work or started the run"),
        ("grace", "1d", "0.9", "grace does not have the role risk"),
        ("rita", "3d", "0.9", "it lasts longer than the floor of local allows"),
        ("rita", "1ms", "0.9", "it expired at"),
        ("rita", "1d", "0.99", "is worse than the accepted 0.99"),
    ],
)
def test_a_waiver_that_cannot_count_is_refused(refused, andon, person, until, worst, why):
    """By who started the run, in another's role, too long, expired, or too narrow: each is refused for that alone."""
    proposed = andon(*WAIVER, "--until", until, "--worst", worst, "--reason", "rush")
    assert "risk, for at most 2 days" in proposed.out
    assert "rita" in proposed.out
    refusal = andon("waiver", "sign", "w.json", "--as", person)
    assert refusal.exit_code == 4
    assert "gates.waiver-refused" in refusal.err
    assert why in refusal.err
    assert andon("waiver", "list", "--json").json == []


def test_nobody_is_asked_to_waive_what_did_not_fail_or_nobody_may(refused, andon):
    wish = ("--until", "1d", "--reason", "rush")
    assert "waiver.which" in andon("waiver", "propose", "model:late", "--metric", "leak.rows", *wish).err
    assert "waiver.no-failure" in andon("waiver", "propose", "training:late", "--metric", "auc", *wish).err
    assert "waiver.no-reason" in andon(*WAIVER, "--until", "1d", "--reason", " ").err
    set_waivable(refused)
    assert "waiver.not-waivable" in andon(*WAIVER, *wish).err
    assert not (refused.folder / "w.json").exists()


def test_a_key_made_elsewhere_signs_there_and_never_comes_here(waiting, andon, monkeypatch, tmp_path):
    elsewhere = tmp_path / "hugo's machine"
    monkeypatch.setenv("ANDON_HOME", str(elsewhere))
    public = andon("key", "new", "hugo", "--json").json["public"]
    monkeypatch.setenv("ANDON_HOME", str(waiting.home))
    assert andon("key", "add", "hugo", "--role", "operations", "--public", public).exit_code == 0
    assert andon("approve", "--as", "hugo", "--out", "question.json").exit_code == 0
    assert andon("approve", "--as", "hugo").exit_code == 2
    monkeypatch.setenv("ANDON_HOME", str(elsewhere))
    monkeypatch.chdir(tmp_path)
    question = waiting.folder / "question.json"
    shown = andon("sign", question, "--as", "hugo")
    assert shown.exit_code == 0
    assert "approve" in shown.out
    assert "release:late" in shown.out
    monkeypatch.setenv("ANDON_HOME", str(waiting.home))
    monkeypatch.chdir(waiting.folder)
    handed = andon("approve", "--hand-in", "question.json.signed")
    assert "hugo signed release:late off as operations." in handed.out
    assert approved(waiting) == ["hugo"]
    assert not list(waiting.home.rglob("hugo.pem"))
    assert andon("approve", "--as", "grace").exit_code == 0
    assert andon(*AGAIN).exit_code == 0


def test_a_key_on_a_token_signs_off(waiting, andon, monkeypatch, soft_token):
    monkeypatch.setenv("ANDON_PIN", PIN)
    uri = soft_token.uri("hana")
    public = andon("key", "new", "hana", "--uri", uri, "--json").json["public"]
    assert andon("key", "add", "hana", "--role", "operations", "--public", public).exit_code == 0
    signed = andon("approve", "--as", "hana", "--key", uri, "--json").json
    assert (signed["person"], signed["note"]) == ("hana", "")
    assert approved(waiting) == ["hana"]
    monkeypatch.setenv("ANDON_PIN", "wrong")
    assert "pkcs11.pin" in andon("approve", "--as", "hana", "--key", uri).err


def test_what_somebody_else_signed_or_changed_on_its_way_is_not_ones_own(waiting, andon, tmp_path):
    """The name that a question was made for proves nothing: the key does."""
    uri = (tmp_path / "stranger.pem").as_uri()
    assert andon("key", "new", "stranger", "--uri", uri).exit_code == 0
    assert "gates.not-a-person" in andon("approve", "--as", "grace", "--key", uri).err
    assert andon("approve", "--as", "grace", "--out", "q.json").exit_code == 0
    (key,) = waiting.home.rglob("olga.pem")
    assert andon("sign", "q.json", "--as", "grace", "--key", key.as_uri()).exit_code == 0
    assert "olga signed release:late off" in andon("approve", "--hand-in", "q.json.signed").out
    envelope = json.loads((waiting.folder / "q.json.signed").read_text())
    envelope["payload"] = "e30="
    (waiting.folder / "forged").write_bytes(dumps(envelope))
    assert andon("approve", "--hand-in", "forged").exit_code == 1
    assert approved(waiting) == ["olga"]


@pytest.mark.parametrize("text", ["", "{}", "not json", '{"_type":"https://in-toto.io/Statement/v1"}'])
def test_only_what_people_sign_is_signed(waiting, andon, text):
    (waiting.folder / "odd.json").write_text(text)
    assert andon("sign", "odd.json", "--as", "grace").exit_code == 1
    with open_factory(waiting.folder) as opened:
        verdict = next(opened.database.statements.all())
    payload = json.loads(verdict.envelope)["payload"]
    (waiting.folder / "verdict.json").write_bytes(base64.b64decode(payload))
    assert "sign.not-for-people" in andon("sign", "verdict.json", "--as", "grace").err
    assert not list(waiting.folder.glob("*.signed"))


def test_a_delegate_and_who_delegated_count_once(waiting, andon):
    lent = andon("delegate", "rita", "--role", "operations", "--until", "7d", "--reason", "on leave", "--as", "grace")
    assert "rita may speak for grace as operations" in lent.out
    assert andon("approve", "--as", "rita", "--role", "operations", "--json").json["note"] == ""
    assert approved(waiting) == ["rita for grace"]
    assert andon("approve", "--as", "grace").exit_code == 0
    assert approved(waiting) == ["grace"]
    assert andon("approve", "--as", "olga").exit_code == 0
    assert approved(waiting) == ["grace", "olga"]


def test_a_delegation_that_was_revoked_lends_nothing(waiting, andon):
    words = ("delegate", "rita", "--role", "operations", "--until", "7d", "--reason", "on leave")
    assert "delegate.not-theirs" in andon(*words, "--as", "rita").err
    assert andon(*words, "--as", "grace").exit_code == 0
    assert andon("approve", "--as", "rita", "--role", "operations").exit_code == 0
    (row,) = andon("delegation", "list", "--json").json
    assert (row["from"], row["to"], row["state"]) == ("grace", "rita", "active")
    assert andon("delegation", "revoke", row["delegation"], "--reason", "back", "--as", "grace").exit_code == 0
    assert andon("delegation", "list", "--json").json[0]["state"] == "revoked"
    assert approved(waiting) == []


def test_a_rejection_needs_a_reason_and_stops_what_was_approved(waiting, andon):
    for person in ("grace", "olga"):
        assert andon("approve", "--as", person).exit_code == 0
    assert "approve.no-reason" in andon("approve", "--as", "olga", "--reject").err
    assert andon("approve", "--as", "olga", "--reject", "--reason", "the depot moved").exit_code == 0
    with open_factory(waiting.folder) as opened:
        (run,) = waiting_runs(opened)
        (count,) = of_run(opened, run).counts
    assert (count.is_met, count.rejected) == (False, ("olga",))
    assert andon("remind").exit_code == 0  # nobody is asked again: olga has answered


def test_who_is_due_is_told_once_an_interval_and_by_name(waiting, andon, monkeypatch):
    """Not who started the run, not who signed, nobody of another role; and the command sees no secret of andon's."""
    assert [row["person"] for row in andon("remind", "--json").json] == ["grace", "olga"]
    status = andon("status").out
    assert "release:late waits since " in status
    assert " for grace or olga" in status
    assert andon("approve", "--as", "grace").exit_code == 0
    teller = waiting.folder / "tell.py"
    teller.write_text(
        "import json, os, sys\n"
        "assert not [name for name in os.environ if name.startswith('ANDON_')]\n"
        "open('told', 'a').write(json.dumps(json.load(sys.stdin)) + '\\n')\n"
    )
    settings = waiting.folder / "andon.toml"
    plain = settings.read_text()
    settings.write_text(f'{plain}\n[remind]\nnotify = ["{sys.executable}", "{teller}"]\nevery = "1h"\n')
    monkeypatch.setenv("ANDON_PIN", PIN)
    first = andon("remind", "--json")
    again = andon("remind", "--json")
    assert (first.exit_code, again.exit_code) == (3, 3)
    assert first.json == again.json
    (told,) = [json.loads(line) for line in (waiting.folder / "told").read_text().splitlines()]
    expected = {"factory": "parcels", "person": "olga", "gate": "release:late", "role": "operations"}
    assert expected.items() <= told.items()
    settings.write_text(f'{plain}\n[remind]\nnotify = ["/nowhere/tell"]\nevery = "1ns"\n')
    assert "not told: No such file" in andon("remind").out
    assert andon("approve", "--as", "olga").exit_code == 0
    assert andon("remind").exit_code == 0


def test_a_gate_that_waits_for_a_role_nobody_has_is_told_of(waiting, andon):
    """A role that was misspelt when somebody was named must not look as if nothing waited."""
    misspelt = andon("policy", "show", "--toml").out.replace('role = "operations"', 'role = "opertions"')
    (waiting.folder / "next.toml").write_text(misspelt)
    assert andon("policy", "propose", "next.toml").exit_code == 0
    assert andon("policy", "sign").exit_code == 0
    said = andon("remind", "--json")
    assert said.exit_code == 3
    ((person, told),) = [(row["person"], row["told"]) for row in said.json]
    assert person == "-"
    assert "andon key add NAME --role operations" in told
    assert " for nobody who could sign" in andon("status").out


def test_it_takes_two_people_to_annul_and_then_the_gate_judges_again(refused, andon):
    reason = ("--reason", "the holdout was cut in half")
    assert "gates.annulment-refused" in andon("annul", "model:late", *reason, "--as", "ada").err
    assert "1 more must say so" in andon("annul", "model:late", *reason, "--as", "grace").out
    assert "1 more must say so" in andon("annul", "model:late", *reason, "--as", "grace").out
    assert "ANNULLED" not in andon("gates", "model:late").out
    second = andon("annul", "model:late", *reason, "--as", "rita")
    assert "Next: andon run late --as-of 2024-01-10T00:00:00Z" in second.out
    assert "ANNULLED by grace and rita: the holdout was cut in half" in andon("gates", "model:late").out
    before = len(andon("gates", "model:late", "--json").json)
    assert andon(*AGAIN).exit_code == 4
    assert len(andon("gates", "model:late", "--json").json) == before + 1
