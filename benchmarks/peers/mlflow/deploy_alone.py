"""Runs only the deploy task again, for a model that the evaluation refused."""

import sys
from pathlib import Path

from line import VERSION, UnexpectedError, tracking_server


def main(work: Path) -> None:
    """Have the job stop at the evaluation, then run its last task by itself, and ask the scoring server."""
    print(f"version: {VERSION}")
    with tracking_server(work) as line:
        bad = line.train(-1.0)
        task, done = line.job(bad)
        if not done.code:
            raise UnexpectedError("the evaluation lets a model pass that is upside down")
        print(f"version {bad} is stopped by the task {task!r}: {done.why}")
        print(f"nothing is served: {line.asked()[1]}")
        alone = line.step("deploy", bad)
        print(f"mlflow run -e deploy -P version={bad}: exit code {alone.code}")
        answer, words = line.asked()
    if answer is not None:
        print(f"SUCCEEDED: served version {bad}, which no gate passed; it says {answer} for a heavy parcel")
    else:
        print(f"REFUSED {alone.why or words}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
