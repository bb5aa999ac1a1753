"""What goes wrong ends with a code, the place, a way out and the promised exit code, and never with a traceback."""

import json
import os
import subprocess
import sys

import pytest

EVERYWHERE = [
    ("status",),
    ("logs",),
    ("gates",),
    ("check",),
    ("run",),
    ("approve",),
    ("rollback",),
    ("model", "list"),
    ("model", "show", "abcd"),
    ("release", "list"),
    ("data", "list"),
    ("data", "quarantine", "Parcel"),
    ("lineage", "abcd"),
    ("monitor", "report"),
    ("audit", "verify"),
    ("key", "list"),
]


@pytest.mark.parametrize("words", EVERYWHERE, ids=" ".join)
def test_without_a_factory_every_command_ends_with_2_and_a_way_out(andon, tmp_path, words):
    said = andon(*words, "-C", tmp_path, "--json")
    assert said.exit_code == 2
    assert said.json["error"]["code"] == "settings.no-factory"
    assert "andon init" in said.json["error"]["fix"]


@pytest.mark.parametrize(
    ("words", "exit_code", "code"),
    [
        (("logs", "nothing"), 2, "look.unknown-run"),
        (("gates", "model:none"), 2, "look.unknown-gate"),
        (("model", "show", "abcd1234"), 2, "look.unknown"),
        (("release", "show", "abcd1234"), 2, "look.unknown"),
        (("lineage", "01890000-0000-7000-8000-000000000000"), 1, "look.unknown-prediction"),
        (("lineage", "zz"), 2, "look.unknown"),
        (("data", "quarantine", "None"), 2, "look.unknown-contract"),
        (("monitor", "report", "none"), 2, "monitor.which-model"),
        (("approve",), 2, "approve.nothing-waits"),
        (("run", "none"), 2, "run.unknown-subject"),
    ],
)
def test_asking_for_what_is_not_there_says_so(andon, released, words, exit_code, code):
    said = andon(*words, "-C", released.folder, "--json")
    assert (said.exit_code, said.json["error"]["code"]) == (exit_code, code)
    assert said.json["error"]["fix"]
    words_said = andon(*words, "-C", released.folder)
    assert words_said.exit_code == exit_code
    assert code in words_said.err
    assert "fix:" in words_said.err


def test_the_doctor_of_no_factory_ends_with_1(andon, tmp_path):
    assert andon("doctor", "-C", tmp_path).exit_code == 1


def typed(folder, *words, **surroundings):
    """The command in a process of its own."""
    environment = {**os.environ, **surroundings}
    command = [sys.executable, "-c", MAIN]
    return subprocess.run([*command, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=120)


MAIN = "from andon.cli.main import main; main()"


def test_a_real_process_reports_a_missing_factory_without_a_traceback(tmp_path):
    said = typed(tmp_path, "status")
    assert said.returncode == 2
    assert said.stdout == ""
    assert "settings.no-factory" in said.stderr
    assert "fix: Go to a factory's folder" in said.stderr
    assert "Traceback" not in said.stderr


def test_a_real_process_reports_code_that_cannot_be_read_with_file_and_line(founded):
    path = founded.folder / "factory.py"
    path.write_text("from andon import Factory\n\nfactory = Factroy('parcels')\n")
    said = typed(founded.folder, "check", "--json")
    error = json.loads(said.stdout)["error"]
    assert said.returncode == 1
    assert "factory.py" in error["at"]
    assert "3" in error["at"]
    assert "Traceback" not in said.stderr


def test_a_reader_that_stops_early_is_no_error(founded):
    command = f'{sys.executable} -c "{MAIN}" doctor | head -c 1'
    said = subprocess.run(["bash", "-c", command], cwd=founded.folder, capture_output=True, text=True, timeout=120)
    assert "Traceback" not in said.stderr


def test_damaged_settings_are_named(andon, founded):
    (founded.folder / "andon.toml").write_text("[factory]\nname = 'parcels'\ncolour = 'red'\n")
    said = andon("status", "-C", founded.folder, "--json")
    assert said.exit_code == 1
    assert "colour" in said.json["error"]["found"]


def test_a_home_that_does_not_know_the_factory_is_named(andon, founded, monkeypatch, tmp_path):
    monkeypatch.setenv("ANDON_HOME", str(tmp_path / "elsewhere"))
    said = andon("status", "-C", founded.folder, "--json")
    assert said.exit_code == 1
    assert "ANDON_HOME" in said.json["error"]["fix"]
