"""Three attacks on each of three tools, run as they are installed: whether a gate binds is observed, not claimed.

Each attack is a script that runs with its tool's own Python and says last either `SUCCEEDED: ...` or `REFUSED ...`.
"""

import hashlib
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from parcels import write_parcels

HERE = Path(__file__).parent
BUILD = HERE.parent.parent / "build" / "peers"
RESULT = BUILD / "result.json"
PAGE = HERE.parent.parent / "docs" / "compared.md"
BEGIN, END = "<!-- peers: begin -->", "<!-- peers: end -->"
TOOLS = ("mlflow", "dagster", "andon")
ATTACKS = {
    "swap_bytes": "swap the model's bytes after the gate passed",
    "deploy_alone": "run only the deploy step again",
    "own_model": "approve one's own model",
}
LIMIT_S = 1800


@dataclass(frozen=True)
class Outcome:
    """What came of one attack.

    Attributes:
        succeeded: Whether it got through; `None` where the attack did not run to its end.
        words: What the script said last.
        said: All that it said.
        date: When that was.
    """

    tool: str
    version: str
    attack: str
    succeeded: bool | None
    words: str
    said: tuple[str, ...]
    seconds: float
    date: str


def main(tools: list[str]) -> int:
    """Run the attacks on all tools, or on those that are named; print a table, and keep what was found."""
    BUILD.mkdir(parents=True, exist_ok=True)
    outcomes = list(attacked(tools or list(TOOLS)))
    print("\n" + "\n".join(table(outcomes)))
    is_whole = keep(outcomes)
    written = f"{RESULT.relative_to(BUILD.parent.parent)}{' and docs/compared.md' if is_whole else ''}"
    print(f"\nwritten to {written}")
    return 1 if any(one.succeeded is None for one in outcomes) else 0


def keep(outcomes: list[Outcome]) -> bool:
    """Keep what was found beside what was found of other tools; whether all is there, and the page shows it."""
    before = json.loads(RESULT.read_text())["outcomes"] if RESULT.exists() else []
    known = {(one["tool"], one["attack"]): one for one in (*before, *(asdict(one) for one in outcomes))}
    ordered = [known[tool, attack] for tool in TOOLS for attack in ATTACKS if (tool, attack) in known]
    found = [Outcome(**one) for one in ordered]
    lines = table(found)
    RESULT.write_text(json.dumps({"table": lines, "outcomes": ordered}, indent=1) + "\n")
    is_whole = len(found) == len(TOOLS) * len(ATTACKS) and all(one.succeeded is not None for one in found)
    if is_whole:
        write_table(PAGE, lines)
    return is_whole


def write_table(page: Path, lines: list[str]) -> None:
    """Put the table between its two marks in the page of the documentation."""
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text("\n".join([before + BEGIN, *lines, END]) + after)


def attacked(tools: list[str]) -> Iterator[Outcome]:
    """The outcome of each attack, shown while it goes on."""
    for tool in tools:
        python = interpreter(tool)
        for attack, meaning in ATTACKS.items():
            print(f"\n{tool}: {meaning}", flush=True)
            outcome = attack_with(python, tool, attack)
            print("".join(f"  {line}\n" for line in outcome.said), end="", flush=True)
            yield outcome


def interpreter(tool: str) -> Path:
    """The Python of a tool: andon's is this one, the others get an environment of their own from pinned versions."""
    if tool == "andon":
        return Path(sys.executable)
    place, pinned = BUILD / tool, HERE / tool / "requirements.txt"
    python, ready = place / "bin" / "python", place / ".ready"
    digest = hashlib.sha256(pinned.read_bytes()).hexdigest()
    if not ready.exists() or ready.read_text() != digest:
        print(f"{tool}: setting up {place.relative_to(BUILD.parent.parent)}; this takes a minute or two", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(place)], check=True)
        command = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check", "-r", str(pinned)]
        subprocess.run(command, check=True)
        ready.write_text(digest)
    return python


def attack_with(python: Path, tool: str, attack: str) -> Outcome:
    """Run one attack in an empty folder that holds nothing but the rows."""
    work = BUILD / "work" / f"{tool}-{attack}"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    write_parcels(work / "parcels.csv")
    begun = time.monotonic()
    try:
        done = subprocess.run(
            [str(python), "-W", "ignore", str(HERE / tool / f"{attack}.py"), str(work)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=LIMIT_S,
        )
        said = tuple(line for line in done.stdout.splitlines() if line.strip())
    except subprocess.TimeoutExpired:
        said = (f"not finished within {LIMIT_S} s",)
    return outcome_of(tool, attack, said, time.monotonic() - begun)


def outcome_of(tool: str, attack: str, said: tuple[str, ...], seconds: float) -> Outcome:
    """What the last words of a script mean; anything else than the two verdicts is no outcome."""
    last = said[-1] if said else ""
    verdict = re.fullmatch(r"(SUCCEEDED|REFUSED)\b:? ?(.*)", last)
    version = next((line.removeprefix("version: ") for line in said if line.startswith("version: ")), tool)
    succeeded = None if verdict is None else verdict[1] == "SUCCEEDED"
    day = datetime.now(UTC).date().isoformat()
    return Outcome(tool, version, attack, succeeded, last, said, round(seconds, 1), day)


def table(outcomes: list[Outcome]) -> list[str]:
    """A row for each attack, a column for each tool."""
    versions = list(dict.fromkeys(one.version for one in outcomes))
    lines = ["| attack | " + " | ".join(versions) + " |", "|---|" + "---|" * len(versions)]
    for attack, meaning in ATTACKS.items():
        cells = [
            cell(one) for version in versions for one in outcomes if (one.attack, one.version) == (attack, version)
        ]
        lines.append(f"| {meaning} | " + " | ".join(cells) + " |")
    return lines


def cell(outcome: Outcome) -> str:
    """The outcome in a word, and where it was refused with which code."""
    if outcome.succeeded is None:
        return "not run to its end"
    code = re.match(r"REFUSED ([a-z]+\.[a-z-]+)", outcome.words)
    return "succeeds" if outcome.succeeded else f"refused, `{code[1]}`" if code else "refused"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
