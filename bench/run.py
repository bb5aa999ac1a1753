"""Measures what governance costs: every benchmark in a process of its own, each beside a floor of the same run."""

import compileall
import json
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
RESULTS = HERE.parent / "build" / "bench.json"
BENCHMARKS = (
    "run_overhead",
    "stage_and_gate",
    "contract_check",
    "training_set",
    "one_row",
    "online_stores",
    "growth",
    "request",
    "drift_counts",
    "ledger",
    "admission",
    "start",
)
LIMIT_S = 300
WIDTHS = (34, 5, 11, 11, 8, 11, 9, 7)
HEAD = ("what", "unit", "andon", "floor", "ratio", "difference", "budget", "within")


def main(wanted: list[str]) -> None:
    """Run all benchmarks, or those that are named, and print and keep what they found."""
    # As an installer does it: otherwise a checkout that was never imported pays for compiling in every child.
    compileall.compile_dir(HERE.parent / "src" / "andon", quiet=2)
    begun, found, failed = time.monotonic(), [], []
    for name in wanted or BENCHMARKS:
        results = measure(name)
        found += results
        failed += [] if results else [name]
    print(table(found))
    print("\nFloors:")
    for row in found:
        print(f"  {row['name']}: {row['floor_is']}" + (f" {row['note']}" if row["note"] else ""))
    missed = [row["name"] for row in found if row["within"] is False]
    print(f"\nBudgets missed: {', '.join(missed) or 'none'}.")
    if failed:
        print(f"Not measured, the reason is above: {', '.join(failed)}.")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    print(f"{time.monotonic() - begun:.0f} s; written to {RESULTS.relative_to(HERE.parent)}")


def measure(name: str) -> list[dict]:
    """The results of one benchmark; none where it failed, which is said and does not stop the others."""
    print(f"measuring {name} ...", file=sys.stderr, flush=True)
    command = [sys.executable, str(HERE / f"{name}.py")]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=True)
        return json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        print(f"{name}: not measured, it took longer than {LIMIT_S} s", file=sys.stderr)
    except subprocess.CalledProcessError as error:
        print(f"{name}: not measured\n{error.stderr[-3000:]}", file=sys.stderr)
    return []


def table(found: list[dict]) -> str:
    """The results for people."""
    lines = [line(HEAD), line(tuple("-" * (width - 1) for width in WIDTHS))]
    for row in found:
        within = {True: "yes", False: "NO", None: ""}[row["within"]]
        numbers = (number(row["value"]), number(row["floor"]), times(row["ratio"]), number(row["difference"]))
        lines.append(line((row["name"], row["unit"], *numbers, row["budget"], within)))
    return "\n".join(lines)


def line(cells: tuple) -> str:
    """One line of the table: text to the left, numbers to the right."""
    return " ".join(
        cell.ljust(width) if place in (0, 1) else cell.rjust(width)
        for place, (cell, width) in enumerate(zip(cells, WIDTHS, strict=True))
    ).rstrip()


def number(value: float | None) -> str:
    """A number with three digits that count."""
    return "" if value is None else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def times(value: float | None) -> str:
    """A ratio."""
    return "" if value is None else f"{value:.2f}x" if value < 100 else f"{value:,.0f}x"


if __name__ == "__main__":
    main(sys.argv[1:])
