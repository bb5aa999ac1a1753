"""The unit files: every line means something to systemd, and nothing is given to a process that it does not need."""

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

from andon.wiring.founding_apart import setup_commands, usual_places

UNITS = sorted((Path(__file__).parents[2] / "deploy" / "systemd").glob("*.service"))
REQUIRED = {
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "RestrictNamespaces": "yes",
    "RestrictSUIDSGID": "yes",
    "LimitCORE": "0",
}


def values_of(unit: Path, section: str = "Service") -> dict[str, str]:
    """A section's values; where a name stands twice, the values of both, one a line."""
    values: dict[str, list[str]] = {}
    at = ""
    for line in unit.read_text().splitlines():
        if line.startswith("["):
            at = line.strip("[]")
        elif line and not line.startswith("#") and at == section:
            name, equals, value = line.partition("=")
            assert equals, line
            assert name.isidentifier(), line
            values.setdefault(name, []).append(value)
    return {name: "\n".join(lines) for name, lines in values.items()}


def test_there_is_a_unit_for_each_os_user():
    users = {values_of(unit)["User"] for unit in UNITS}
    assert users == {"andon-gate", "andon-run", "andon-serve"}
    for user in users:
        assert f" {user}\n" in setup_commands("parcels")


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_is_well_formed_and_hardened(unit):
    parsed = configparser.ConfigParser(strict=False, interpolation=None)
    parsed.read(unit)
    assert parsed.sections() == ["Unit", "Service", "Install"]
    found = values_of(unit)
    assert {name: found.get(name) for name in REQUIRED} == REQUIRED
    assert "root" not in (found["User"], found["Group"])


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_finds_nothing_wrong_with_a_unit(unit, tmp_path):
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed: the unit files were only parsed")
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text().replace("/opt/andon/bin/andon", "/bin/true"))
    found = subprocess.run([analyze, "verify", str(copy)], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (0, "")


def test_only_the_gatekeeper_reaches_keys_and_only_the_runner_user_code():
    gate, runner, server = (values_of(unit) for unit in UNITS)
    assert "/srv" in runner["ExecStart"]
    assert "/srv" not in gate["ExecStart"] + server["ExecStart"]
    assert "/var/lib/andon" in runner["InaccessiblePaths"].split()
    assert "/var/lib/andon/home" in server["InaccessiblePaths"].split()
    assert server["ReadWritePaths"] == "/var/lib/andon-serve"


def test_the_sockets_of_the_units_are_where_a_new_gatekeeper_looks_for_them():
    gate, runner, _ = (values_of(unit) for unit in UNITS)
    places = usual_places("NAME", socket="", runner="", runner_user=runner["User"], serve=None)
    assert places.gatekeeper == f"unix:/run/{gate['RuntimeDirectory']}/gate.sock".replace("%i", "NAME")
    assert places.runner in runner["ExecStart"].replace("%i", "NAME")
