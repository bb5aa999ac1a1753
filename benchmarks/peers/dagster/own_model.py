"""Approves one's own model: reports the approval check as passed."""

import sys
import time
from pathlib import Path

from line import VERSION, Line, UnexpectedError, post

FILE = "approved.py"
WATCHED_S, DEPLOYED_WITHIN_S = 25, 120


def main(work: Path) -> None:
    """Make a model that waits for approval, see that Dagster does not deploy it, and approve it as who made it."""
    print(f"version: {VERSION}")
    line = Line(work)
    with line.servers(FILE) as url:
        time.sleep(WATCHED_S)
        made = line.materialize("model", file=FILE)
        print(f"ada makes a model; the blocking check 'approved_by_somebody_else' is not passed: {made.why}")
        time.sleep(WATCHED_S)
        if line.asked() is not None:
            raise UnexpectedError("Dagster deploys what waits for approval")
        print(f"Dagster's daemon has watched for {WATCHED_S} s and deploys nothing")
        body = {"check_name": "approved_by_somebody_else", "passed": True, "severity": "ERROR"}
        print(
            f"ada reports the check as passed: HTTP {post(f'{url}/report_asset_check/model', body)}, no login, no name"
        )
        deadline = time.monotonic() + DEPLOYED_WITHIN_S
        while line.asked() is None and time.monotonic() < deadline:
            time.sleep(1)
        answer = line.asked()
    if answer is not None:
        print(f"SUCCEEDED: Dagster deployed a model approved by nobody but its maker; it says {answer}")
    else:
        print(f"REFUSED nothing was deployed within {DEPLOYED_WITHIN_S} s")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
