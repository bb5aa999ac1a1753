"""Help is quick because nothing is loaded for it, and shows first what people need every day."""

import re
import subprocess
import sys

FIRST = ["init", "check", "run", "status", "approve", "up", "rollback"]
FOREIGN = {"polars", "numpy", "sqlalchemy", "alembic", "cryptography", "msgspec", "uvicorn", "lightgbm", "sklearn"}
SHOW_LOADED = """
import sys
from andon.cli.main import main
try:
    main()
finally:
    print("LOADED", *sorted({name.split(".")[0] for name in sys.modules}), file=sys.stderr)
"""


def test_help_shows_the_everyday_commands_first(andon):
    said = andon("--help")
    assert said.exit_code == 0
    named = re.findall(r"^\W*([a-z]+) {2,}\S", said.out, re.MULTILINE)
    commands = [name for name in named if name in {*FIRST, "logs", "gates", "model", "data", "audit", "key", "doctor"}]
    assert commands[: len(FIRST)] == FIRST
    assert "Exit codes: 0 done" in said.out


def test_help_loads_no_foreign_library_but_its_own():
    said = subprocess.run([sys.executable, "-c", SHOW_LOADED, "--help"], capture_output=True, text=True, timeout=60)
    loaded = set(said.stderr.split("LOADED")[-1].split())
    assert "typer" in loaded
    assert not loaded & FOREIGN


def test_every_command_explains_itself(andon):
    for words in (["status"], ["logs"], ["gates"], ["lineage"], ["doctor"], ["monitor", "report"], ["data", "list"]):
        said = andon(*words, "--help")
        assert said.exit_code == 0
        assert "--json" in said.out
        assert "--folder" in said.out


def test_an_unknown_command_or_option_is_a_usage_error(andon):
    assert andon("statos").exit_code == 2
    assert andon("status", "--verbos").exit_code == 2


def test_help_keeps_the_names_of_settings_tables(andon):
    assert "[remind] in andon.toml" in " ".join(andon("remind", "--help").out.split())
    assert "[people] in the folder's andon.toml" in " ".join(andon("gatekeeper", "serve", "--help").out.split())
