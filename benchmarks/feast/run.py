"""A point-in-time training set by andon, by bare Polars and by Feast with two of its stores: time, rows, agreement.

Each tool reads the same files in a process, and Feast in an environment, of its own.
"""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
from rows import FEATURES, QUESTIONS, TABLES, write_rows

HERE = Path(__file__).parent
BUILD = HERE.parent.parent / "build" / "feast"
STORES = ("duckdb", "dask")
LIMIT_S = 1800


def main() -> int:
    """Measure all, print a table and keep it; exit status 1 where andon and bare Polars differ."""
    shutil.rmtree(BUILD / "rows", ignore_errors=True)
    (BUILD / "rows").mkdir(parents=True)
    write_rows(BUILD / "rows")
    found = told(sys.executable, "with_andon.py")
    python = environment()
    tables = json.dumps({name: (days, FEATURES[name]) for name, (_, days) in TABLES.items()})
    for store in STORES:
        found[f"feast-{store}"] = told(str(python), "with_feast.py", store, tables)
    reference = pl.read_parquet(BUILD / "rows" / "polars.parquet")
    rows = [compared(name, one, reference, found["polars"]["seconds"]) for name, one in found.items()]
    print(f"{QUESTIONS:,} questions, {sum(rows for rows, _ in TABLES.values()):,} events, 6 features")
    for row in rows:
        print("{name:14} {seconds:7.2f} s {ratio:6.1f}x  {rows:7,} rows  {agreement}".format(**row))
    (BUILD / "result.json").write_text(json.dumps(rows, indent=1) + "\n")
    return 0 if all(row["agreement"] == "all equal" for row in rows if row["name"] in ("andon", "polars")) else 1


def told(python: str, script: str, *words: str) -> dict[str, dict[str, float]]:
    """What a script says last, as JSON."""
    command = [python, "-W", "ignore", str(HERE / script), str(BUILD / "rows"), *words]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=LIMIT_S)
    said: dict[str, dict[str, float]] = json.loads(done.stdout.splitlines()[-1])
    return said


def environment() -> Path:
    """Feast's own Python, with exactly the pinned versions."""
    place, pinned = BUILD / "environment", HERE / "requirements.txt"
    ready, digest = place / ".ready", hashlib.sha256(pinned.read_bytes()).hexdigest()
    if not ready.exists() or ready.read_text() != digest:
        print("setting up Feast; this takes a minute or two", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(place)], check=True)
        pip = [str(place / "bin" / "python"), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
        subprocess.run([*pip, "-r", str(pinned)], check=True)
        ready.write_text(digest)
    return place / "bin" / "python"


def compared(name: str, one: dict[str, float], reference: pl.DataFrame, floor_s: float) -> dict[str, object]:
    """What a tool found beside what bare Polars found: rows that are missing, and values that differ in any bit."""
    frame = pl.read_parquet(BUILD / "rows" / f"{name}.parquet").sort("question")
    both = reference.join(frame, on="question", how="inner", suffix="_theirs")
    features = [feature for several in FEATURES.values() for feature in several]
    differing = sum(int((~pl.Series(both[one]).eq_missing(both[f"{one}_theirs"])).sum()) for one in features)
    lost = len(reference) - frame["question"].n_unique()
    said = [f"{lost:,} questions lost"] if lost else []
    said += [f"{differing:,} of {len(both) * len(features):,} values differ"] if differing else []
    return {
        "name": name,
        "seconds": one["seconds"],
        "ratio": one["seconds"] / floor_s,
        "rows": len(frame),
        "agreement": "; ".join(said) or "all equal",
    }


if __name__ == "__main__":
    sys.exit(main())
