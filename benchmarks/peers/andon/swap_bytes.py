"""Swaps the model's bytes after every gate passed, and starts the server."""

import hashlib
import sys
from pathlib import Path

from line import REFUSED, VERSION, UnexpectedError, released


def main(work: Path) -> None:
    """Release a good model, put the bytes of a refused one in its place, and ask the server."""
    print(f"version: {VERSION}")
    line = released(work)
    before, _ = line.asked()
    print(f"the judged model says {before} for a heavy parcel")
    line.train_with(-1.0)
    line.run(expect=REFUSED)
    judged, refused = line.model_objects()[0], line.model_objects()[-1]
    if judged == refused or before is None:
        raise UnexpectedError("there are not two models, or the first one does not answer")
    judged.chmod(0o600)
    judged.write_bytes(refused.read_bytes())
    found = hashlib.sha256(judged.read_bytes()).hexdigest()
    print(f"object {judged.name[:12]} now holds the bytes {found[:12]} of the model that the model gate refused")
    after, code = line.asked()
    wrong = line.wrong()
    print(f"a server that starts now says {code or after}; andon audit verify says {', '.join(wrong) or 'nothing'}")
    if after is not None and after != before:
        print(f"SUCCEEDED: served other bytes: {after} instead of {before}")
    else:
        print(f"REFUSED {(wrong or [code])[0]}: the server does not answer with them")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
