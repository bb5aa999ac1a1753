"""Every case of bad input ends in a clear refusal or in counted rows, and the docs say which."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bad_input import CASES, PAGE, Case, outcome, page
from tests.factories.online_servers import PASSWORD, QUOTED, Server, postgres_server


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgres_server() as found:
        yield found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_input_ends_as_the_docs_say(case: Case, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue("server").url if case.server else ""
    folder = tmp_path / "orders"
    folder.mkdir()
    for each in (tmp_path, *tmp_path.parents):
        if case.nobody and each.is_relative_to(tmp_path.parents[2]):
            each.chmod(0o755)
    refusal, counts = outcome(case, folder, url)
    assert (refusal.code if refusal else "", counts) == (case.code, case.becomes)
    if refusal:
        told = str(refusal)
        assert refusal.place, told
        assert refusal.found, told
        assert refusal.fix, told
        assert "Traceback" not in told
        assert not {secret for secret in (PASSWORD, QUOTED) if secret in told}


def test_the_docs_print_these_cases() -> None:
    """Run `python -m tests.bad_input` where it does not."""
    assert PAGE.read_text() == page()
