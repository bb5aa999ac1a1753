"""Runs only the deploy step again, for a model that its blocking check refused."""

import sys
from pathlib import Path

from line import VERSION, Line, UnexpectedError


def main(work: Path) -> None:
    """Have a run stop at the check, then run the deploy step by itself."""
    print(f"version: {VERSION}")
    line = Line(work)
    whole = line.materialize("*", sign=-1.0)
    if not whole.code or line.asked() is not None:
        raise UnexpectedError("the check lets a model pass that is upside down")
    print(f"the whole run stops at the blocking check, and nothing is deployed: {whole.why}")
    alone = line.materialize("deployed")
    print(f"dagster asset materialize --select deployed: exit code {alone.code}")
    answer = line.asked()
    if answer is not None:
        print(f"SUCCEEDED: served a model that failed its blocking check; it says {answer} for a heavy parcel")
    else:
        print(f"REFUSED {alone.why}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
