"""What is about people does not get in unless its contract says so; and no value of it is told anywhere."""

from pathlib import Path

import pytest

from andon.kernel.clock import SystemClock
from andon.wiring.calls.datasets import datasets_of
from andon.wiring.calls.runs import run_line
from andon.wiring.calls.verdicts import verdicts_of
from andon.wiring.settings import write_settings
from andon.wiring.trust import found_trust
from tests.wiring.small_factory import CODE, ID

SECRET = "erika.mustermann@example.com"
CAREFUL = (
    CODE.replace("LEAST", "0.6")
    .replace(
        '    weight = integer(ge=0, le=60, unit="kg")\n',
        '    weight = integer(ge=0, le=60, unit="kg")\n    note = category(nullable=True)\n',
    )
    .replace('"weight": 99 if', '"note": NOTE if number == 17 else None,\n                "weight": 99 if')
    .replace("parcels().drop(", "parcels().with_columns(pl.col('note').cast(pl.String)).drop(")
    .replace(
        "factory.data_gate(sent, delivered, require=[",
        "factory.data_gate(sent, require=[checks.no_pii])\nfactory.data_gate(delivered, require=[",
    )
)


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("ANDON_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ANDON_AS", "ada")
    folder = tmp_path / "parcels"
    folder.mkdir()
    found_trust(write_settings(folder, "parcels", ID), SystemClock().now_ns())
    return folder


def run(place: Path, code: str) -> tuple[int, str]:
    (place / "factory.py").write_text(code)
    told: list[str] = []
    result = run_line(place, ("sent",), as_of="2024-01-25", tell=told.append)
    return result.exit_code, "\n".join([*told, *map(str, result.rows())])


def test_an_address_in_a_note_stops_the_batch_until_the_column_is_marked(place):
    code = CAREFUL.replace("NOTE", repr(f"call {SECRET} first"))
    exit_code, told = run(place, code)
    assert exit_code == 4
    assert not datasets_of(place).rows
    verdict = str(verdicts_of(place, ""))
    assert "column=note" in verdict
    words = [told, verdict, *(one.read_text("utf-8", "replace") for one in (place / ".andon").rglob("*.json"))]
    assert not [text for text in words if SECRET in text]
    exit_code, _ = run(
        place, code.replace("note = category(nullable=True)", "note = category(nullable=True, pii=True)")
    )
    assert exit_code == 0
    assert datasets_of(place).rows


def test_an_ordinary_note_gets_in(place):
    assert run(place, CAREFUL.replace("NOTE", repr("ring twice")))[0] == 0
