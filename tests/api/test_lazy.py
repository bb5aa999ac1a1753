"""Importing andon loads nothing foreign, and its names are exactly what is enforced."""

import subprocess
import sys

import pytest

import andon

FOREIGN = (
    "polars numpy sqlalchemy alembic cryptography msgspec uvicorn lightgbm sklearn skops typer rich pandas pyarrow"
)


def _python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_importing_andon_loads_no_foreign_package_and_no_room_of_its_own():
    out = _python("import sys, andon; print(' '.join(sys.modules))").split()
    assert "andon" in out
    assert not {name for name in out if name.split(".")[0] in FOREIGN.split()}
    assert not {name for name in out if name.startswith("andon.")}


def test_every_exported_name_is_there_and_is_what_its_module_defines():
    for name in andon.__all__:
        assert getattr(andon, name) is not None
    assert set(andon.__all__) <= set(dir(andon))


def test_what_is_not_enforced_is_not_exported():
    """Each of these would be a promise that nobody keeps yet."""
    for name in (
        "Canary",
        "Shadow",
        "Breaker",
        "Drift",
        "Decay",
        "Skew",
        "Retrain",
        "Rollback",
        "Fairness",
        "EdgeCases",
    ):
        with pytest.raises(AttributeError, match=name):
            getattr(andon, name)


def test_the_checks_are_exactly_those_that_are_made():
    names = {name for name in dir(andon.checks) if not name.startswith("_")}
    assert names == {
        "schema",
        "quarantined_at_most",
        "completed",
        "converged",
        "packaged",
        "no_leak",
        "no_pii",
        "no_pii_features",
        "no_protected_features",
        "no_skew",
        "fresh",
        "volume",
        "nulls_like_before",
        "distribution_like_before",
        "overfitting_at_most",
        "lineage_closed",
        "target_healthy",
    }
