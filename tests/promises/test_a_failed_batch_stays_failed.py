"""What was measured of a batch and did not do stays so: measuring more beside it does not make it another batch."""

import pytest

from andon.kernel.clock import SystemClock
from andon.wiring.calls.datasets import datasets_of
from andon.wiring.calls.runs import run_line
from andon.wiring.settings import write_settings
from andon.wiring.trust import found_trust
from tests.wiring.small_factory import CODE, ID


def changed(code: str, old: str, new: str) -> str:
    assert old in code
    return code.replace(old, new)


STRICT = changed(changed(CODE, "LEAST", "0.6"), "quarantined_at_most(0.10)", "quarantined_at_most(0.001)")
LOOSE = changed(STRICT, "quarantined_at_most(0.001)", "quarantined_at_most(0.5)")
INGEST = '@factory.ingest(Parcel, every="1h"'


@pytest.mark.parametrize(
    "code",
    [
        LOOSE,
        changed(LOOSE, "checks.schema,", "checks.schema, checks.nulls_like_before(1.0), checks.no_pii,"),
        changed(LOOSE, INGEST, f'{INGEST}, fresh="20000d"'),
    ],
    ids=["looser", "looser, with more measured", "looser, with what changes by the clock"],
)
def test_a_batch_that_failed_gets_in_by_no_other_policy(tmp_path, monkeypatch, code):
    monkeypatch.setenv("ANDON_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ANDON_AS", "ada")
    folder = tmp_path / "parcels"
    folder.mkdir()
    found_trust(write_settings(folder, "parcels", ID), SystemClock().now_ns())
    for text, as_of in ((STRICT, "2024-01-25"), (code, "2024-01-26")):
        (folder / "factory.py").write_text(text)
        assert run_line(folder, ("sent",), as_of=as_of, tell=lambda _: None).exit_code == 4
    assert not datasets_of(folder).rows
