"""The table of the page that compares is the one that was observed, where there has been a run to observe."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
RESULT = ROOT / "build" / "peers" / "result.json"
BEGIN, END = "<!-- peers: begin -->\n", "<!-- peers: end -->"


def shown() -> list[str]:
    """The table of the page."""
    return (Path(__file__).with_name("compared.md").read_text().partition(BEGIN)[2].partition(END)[0]).splitlines()


def test_the_page_shows_a_table_of_three_attacks_on_three_tools() -> None:
    rows = [line.strip("|").split("|") for line in shown()]
    assert [len(row) for row in rows] == [4] * 5


def test_the_table_is_the_one_that_was_observed_last() -> None:
    if not RESULT.exists():
        pytest.skip("nothing was observed on this machine: make peers")
    assert shown() == json.loads(RESULT.read_text())["table"]
