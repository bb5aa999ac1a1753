"""Swaps the model's bytes after its blocking check passed, and lets the deploy step run."""

import hashlib
import sys
from pathlib import Path

from line import VERSION, Line, UnexpectedError


def main(work: Path) -> None:
    """Check a good model, put a refused model's bytes in its place, and deploy."""
    print(f"version: {VERSION}")
    line = Line(work)
    refused = line.materialize("model", sign=-1.0)
    if not refused.code:
        raise UnexpectedError("the check lets a model pass that is upside down")
    print(f"the blocking check refuses a model that is upside down: {refused.why}")
    other = line.stored_model.read_bytes()
    for selection in ("model", "deployed"):
        done = line.materialize(selection)
        if done.code:
            raise UnexpectedError(done.words)
    before = line.asked()
    print(f"another model passes the check and is deployed; it says {before} for a heavy parcel")
    digest = hashlib.sha256(line.stored_model.read_bytes()).hexdigest()
    line.stored_model.write_bytes(other)
    print(f"its file: {digest[:12]} when judged, {hashlib.sha256(other).hexdigest()[:12]} now")
    done = line.materialize("deployed")
    after = line.asked()
    if not done.code and after != before:
        print(f"SUCCEEDED: served other bytes: {after} instead of {before}, and nothing was said")
    else:
        print(f"REFUSED {done.why}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
