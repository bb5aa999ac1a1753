"""Tier T1 for real: gatekeeper, runner, server and people as OS users of their own, and what each of them cannot do."""

import json
import os
import time
import urllib.request
from pathlib import Path

import pytest

from tests.factories.tiers import USERS, Apart, apart_factory

SPEAK = """
import contextlib, json, sys
from andon.wiring.sockets.frames import connect
frames = connect(sys.argv[1], 1 << 24)
with contextlib.suppress(Exception):
    frames.send(json.loads(sys.argv[2]), 5.0)
while True:
    said = frames.receive(60.0)
    if "told" not in said:
        print(json.dumps(said))
        break
"""
LOOK = """
import sys
from typer.testing import CliRunner
from andon.cli.main import app
for line in sys.argv[1:]:
    found = CliRunner().invoke(app, line.split())
    print(found.exit_code)
    if found.exit_code:
        print(found.output, file=sys.stderr)
"""
TRY = """
import os, sys
for expression in sys.argv[1:]:
    try:
        print(eval(expression))
    except OSError as error:
        print(type(error).__name__)
"""


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def apart():
    """A factory at T1 whose model waits for operations."""
    with apart_factory() as found:
        answer = found.run("ada")
        assert answer.code == 3, answer.out + answer.err + found.log("gatekeeper") + found.log("runner")
        yield found


@pytest.fixture(scope="module")
def released(apart):
    """The same, released after grace approved with a key that only her OS user can read."""
    answer = apart.andon("grace", "approve", "--as", "grace")
    assert answer.code == 0, answer.out + answer.err
    answer = apart.run("ada")
    assert answer.code == 0, answer.out + answer.err
    return apart


@pytest.fixture(scope="module")
def served(released):
    """The same, with a server that answers."""
    return released.start_server()


def refused(apart: Apart, user: str, *expressions: str) -> bool:
    """Whether the system refuses a user every one of these expressions of Python."""
    answer = apart.python(user, TRY, *expressions)
    found = dict(zip(expressions, answer.out.split(), strict=True))
    assert set(found.values()) == {"PermissionError"}, (answer.err, found)
    return True


def spoken(apart: Apart, user: str, call: str, **arguments: object) -> dict:
    """What the gatekeeper says to a request that a user wrote themselves."""
    request = json.dumps({"call": call, "arguments": arguments})
    answer = apart.python(user, SPEAK, str(apart.socket), request)
    assert answer.code == 0, answer.err
    return json.loads(answer.out)


def files_of(apart: Apart, *names: str) -> list[Path]:
    return [path for name in names for path in sorted((apart.state / ".andon").glob(name))]


def test_who_runs_the_line_is_whom_the_kernel_names(apart):
    status = json.loads(apart.andon("ada", "status", "--json").out)
    assert {run["started_by"] for run in status["runs"]} == {"ada"}
    assert status["tier"].startswith("T1: ")


def test_nobody_speaks_for_somebody_else(apart):
    answer = apart.andon("ada", "approve", "--as", "grace", "--role", "operations", "--json")
    assert answer.error["code"] == "gatekeeper.other-person"
    said = spoken(apart, "ada", "roll_back", model="late", target="local", to="", reason="", person="grace")
    assert said["refused"]["code"] == "gatekeeper.other-person"


def test_whoever_is_nobody_here_is_not_answered(apart):
    assert spoken(apart, "eve", "status_of")["refused"]["code"] == "socket.unknown-user"
    assert spoken(apart, "runner", "status_of")["refused"]["code"] == "socket.unknown-user"


def test_only_public_calls_are_answered_and_none_takes_a_path(apart):
    for call in ("name_person", "open_factory", "system", "_answer", ""):
        assert spoken(apart, "ada", call)["refused"]["code"] == "gatekeeper.unknown-call"
    said = spoken(apart, "ada", "status_of", folder="/etc")
    assert said["refused"]["code"] == "frames.malformed"


@pytest.mark.parametrize("user", ["ada", "grace", "runner", "server", "eve"])
def test_no_other_user_reads_keys_or_records(apart, user):
    secret = [apart.gate_key(), apart.gate_key("ledger"), apart.state / ".andon" / "control.db"]
    secret += [apart.key(one) for one in ("ada", "grace") if one != user]
    assert refused(apart, user, *(f"len(open({str(path)!r}, 'rb').read(1))" for path in secret))


@pytest.mark.parametrize("user", ["ada", "runner", "server"])
def test_no_other_user_writes_records_objects_or_settings(apart, user):
    there = [*files_of(apart, "control.db", "store/*/*", "trust/*", "serve/*/*"), apart.state / "andon.toml"]
    assert len(there) > 8
    assert refused(apart, user, *(f"open({str(path)!r}, 'r+b').name" for path in there))
    assert refused(apart, user, *(f"os.rename({str(path)!r}, {str(path) + '.away'!r})" for path in there))


def test_no_other_user_ends_or_traces_the_gatekeeper(apart):
    pid = apart.processes["gatekeeper"].pid
    for user in ("ada", "runner", "server"):
        assert refused(apart, user, f"os.kill({pid}, 9)", f"open('/proc/{pid}/mem', 'r+b').name")


def test_the_runner_takes_no_job_from_anybody_but_the_gatekeeper(apart):
    order = {"verb": "declare", "has_code": True, "arguments": {}, "limit_ns": "1000000000", "threads": 1, "inputs": []}
    for user in ("ada", "eve"):
        code = SPEAK.replace("json.loads(sys.argv[2])", "json.loads(sys.argv[2])['arguments']")
        answer = apart.python(user, code, str(apart.runner_socket), json.dumps({"arguments": order}))
        assert json.loads(answer.out)["refused"]["code"] == "socket.unknown-user"


def test_without_a_runner_the_line_waits_and_goes_on_when_there_is_one(apart):
    apart.stop("runner")
    answer = apart.andon("ada", "run", "--json")
    assert answer.code == 3
    assert answer.error["code"] == "runner.absent"
    apart.start_runner()
    assert apart.run("ada").code == 3  # it waits for operations, as before


def test_another_user_in_the_runners_place_is_refused(apart):
    # The runner's folder is its own; only root can lend it to somebody else.
    apart.stop("runner")
    os.chown(apart.runner_socket.parent, USERS["eve"], USERS["eve"])
    listen = (
        "import socket, time, os\ns = socket.socket(socket.AF_UNIX)\ns.bind(os.sys.argv[1])\n"
        "os.chmod(os.sys.argv[1], 0o666)\ns.listen()\ntime.sleep(60)"
    )
    try:
        with apart.start("eve", [str(apart.interpreter), "-c", listen, str(apart.runner_socket)]) as fake:
            while not apart.runner_socket.exists():
                assert fake.poll() is None
            assert apart.andon("ada", "run", "--json").error["code"] in ("runner.other-user", "runner.absent")
            fake.kill()
    finally:
        apart.runner_socket.unlink(missing_ok=True)
        os.chown(apart.runner_socket.parent, USERS["runner"], USERS["runner"])
        apart.start_runner()


def test_a_model_is_released_after_a_sign_off_with_a_key_only_its_person_can_read(released):
    status = json.loads(released.andon("ada", "status", "--json").out)
    assert [one["target"] for one in status["targets"]] == ["local"]
    audit = released.andon("ada", "audit", "verify", "--json")
    assert audit.code == 0, audit.out


def test_a_server_of_its_own_user_answers_from_what_it_can_only_read(released, served):
    body = json.dumps({"entity": {"parcel": "p569"}}).encode()
    asked = urllib.request.Request(f"{served}/predict/parcels/late", body, {"content-type": "application/json"})
    with urllib.request.urlopen(asked) as answer:
        prediction = json.loads(answer.read())
    deadline = time.monotonic() + 60
    while (traced := released.andon("ada", "lineage", prediction["id"], "--json")).code:
        assert time.monotonic() < deadline, traced.out  # the log is written within a second or two
    assert json.loads(traced.out)["prediction"]["release"] == prediction["release"]


def test_a_server_cannot_move_the_route(released, served):
    serving = released.state / ".andon" / "serve" / "local" / "late"
    written = [serving / name for name in ("cell", "routing.json", "next.json", "../state.json")]
    assert refused(released, "server", *(f"open({str(path)!r}, 'r+b').name" for path in written[:2]))
    assert refused(released, "server", *(f"open({str(path)!r}, 'ab').name" for path in written))
    assert spoken(released, "server", "roll_back")["refused"]["code"] == "socket.unknown-user"


def test_rolling_back_is_asked_of_the_gatekeeper_and_bears_the_name_of_who_asked(released, served):
    answer = released.andon("ada", "rollback", "--json")
    assert answer.error["code"] == "serve.nothing-before"
    assert "gatekeeper" not in answer.error["code"]


LOOKS = (
    ("key", "list"),
    ("policy", "show"),
    ("policy", "history"),
    ("waiver", "list"),
    ("gates",),
    ("logs",),
    ("data", "list"),
    ("data", "quarantine", "Parcel"),
    ("model", "list"),
    ("release", "list"),
    ("audit", "verify"),
    ("doctor",),
)


def test_every_look_is_answered_by_the_gatekeeper(released):
    lines = [" ".join([*words, "--json", "-C", str(released.code)]) for words in LOOKS]
    answer = released.python("grace", LOOK, *lines)
    codes = dict(zip([line.split(" --json")[0] for line in lines], answer.out.split(), strict=True))
    assert set(codes.values()) == {"0"}, (codes, answer.err)


def test_what_is_not_the_gatekeepers_to_do_says_whose_it_is(released):
    assert released.andon("ada", "up", "--port", "0").code == 2
    made = released.andon(
        "ada", "export", "evidence", _release(released), "--out", str(released.home("ada") / "pack.zip")
    )
    assert made.code == 0, made.err
    assert (released.home("ada") / "pack.zip").stat().st_uid == USERS["ada"]


def _release(apart: Apart) -> str:
    return json.loads(apart.andon("ada", "release", "list", "--json").out)[0]["release"]
