"""The factory that is measured, founded in a fresh folder on generated rows."""

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from measured import surroundings

ANDON = str(Path(sys.executable).with_name("andon"))
PLANT = Path(__file__).parent / "plant"
ROWS = 8_000
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
STEP = timedelta(minutes=25)
END = BEGIN + STEP * ROWS


def found(folder: Path, change: Callable[[str], str] = str) -> Path:
    """Found the factory below a folder, whose `home` takes the keys.

    Args:
        folder: Where.
        change: What becomes of its code.

    Returns:
        The factory's folder.
    """
    place = folder / "plant"
    place.mkdir(parents=True)
    (place / "factory.py").write_text(change((PLANT / "factory.py").read_text()))
    orders().write_parquet(place / "orders.parquet")
    andon(place, folder / "home", "init", "plant")
    return place


def andon(place: Path, home: Path, *arguments: str, person: str = "", expect: int = 0) -> str:
    """Run a command of andon in a factory's folder, as a person where one is named, and give what it printed."""
    command = [ANDON, *arguments]
    environment = surroundings(home) | ({"ANDON_AS": person} if person else {})
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != expect:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def orders() -> pl.DataFrame:
    """Orders of about five months, of which some end late."""
    random = np.random.default_rng(7)
    load, heat, speed = random.normal(size=(3, ROWS))
    return pl.DataFrame(
        {
            "order": np.arange(ROWS),
            "asked": [BEGIN + STEP * number for number in range(ROWS)],
            "site": np.array(["north", "south", "east"])[random.integers(0, 3, ROWS)],
            "load": load,
            "heat": heat,
            "speed": speed,
            "late": load + 0.5 * heat + random.normal(size=ROWS) > 0.2,
        }
    ).with_columns(pl.col("asked").cast(pl.Datetime("ns", "UTC")))
