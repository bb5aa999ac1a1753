"""Swaps the model's bytes after evaluation and approval passed, and starts the scoring server."""

import hashlib
import sys
from pathlib import Path

from line import VERSION, UnexpectedError, tracking_server


def main(work: Path) -> None:
    """Deploy a good model through the whole job, put a refused model's bytes in its place, and ask."""
    print(f"version: {VERSION}")
    with tracking_server(work) as line:
        good = line.train(1.0)
        line.tag(good)
        task, done = line.job(good)
        if done.code:
            raise UnexpectedError(f"{task}: {done.words}")
        before, _ = line.asked()
        print(f"version {good} passed evaluation and approval; it says {before} for a heavy parcel")
        bad = line.train(-1.0)
        task, done = line.job(bad)
        if not done.code:
            raise UnexpectedError("the evaluation lets a model pass that is upside down")
        print(f"version {bad} is stopped by the task {task!r}: {done.why}")
        judged, refused = sorted(line.artifacts.rglob("model.skops"), key=lambda path: path.stat().st_mtime)
        digest = hashlib.sha256(judged.read_bytes()).hexdigest()
        judged.write_bytes(refused.read_bytes())
        found = hashlib.sha256(judged.read_bytes()).hexdigest()
        print(f"{judged.name} of version {good}: {digest[:12]} when judged, {found[:12]} now")
        after, words = line.asked()
    if after is not None and after != before:
        print(f"SUCCEEDED: served other bytes: {after} instead of {before}, and nothing was said")
    else:
        print(f"REFUSED {words}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
