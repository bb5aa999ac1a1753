"""What a governed run costs from a cold start: the whole line with its gates, against the same work as a script."""

import sys
import tempfile
from pathlib import Path

from made import ANDON, PLANT, found
from measured import against, children_cpu_s, surroundings, tell

ROUNDS = 2


def main() -> None:
    """Run the line in fresh factories and the script in turns, and keep the least of each."""
    ours = floor = float("inf")
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            place = found(Path(folder))
            kept = surroundings(Path(folder) / "home")
            script = [sys.executable, str(PLANT / "by_hand.py"), str(place)]
            floor = min(floor, children_cpu_s(script, cwd=place, environment=kept))
            ours = min(ours, children_cpu_s([ANDON, "run"], cwd=place, environment=kept))
    tell(
        against(
            "governed_run_cold",
            "s",
            ours,
            floor,
            "One Python process that reads, checks, computes features, trains, validates and saves, imports included.",
            more=1.5,
            note="Processor time of all processes of andon run: two sources, one model, all gates, release answered.",
        )
    )


if __name__ == "__main__":
    main()
