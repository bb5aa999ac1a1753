"""Approves one's own model: who started the run holds the role that may sign off."""

import sys
from pathlib import Path

from line import VERSION, WAITS_FOR_PEOPLE, Line, UnexpectedError


def main(work: Path) -> None:
    """Ada, who is of operations like grace, starts a run, signs it off herself, and tries to go on."""
    print(f"version: {VERSION}")
    line = Line(work)
    line.found()
    line.run(expect=WAITS_FOR_PEOPLE)
    said = line.andon("approve", "--role", "operations", "--reason", "it is fine")
    print(f"ada signs off: exit code {said.code}: {' '.join(said.words.split())}")
    print(f"she runs on: exit code {line.run().code}")
    refusal = line.run_set_to("admit")
    print(f"run set to 'admit' by hand in the control database: {refusal or 'no refusal'}")
    answer, code = line.asked()
    if answer is not None:
        print(f"SUCCEEDED: served a release that only its maker approved; it says {answer}")
        return
    print(f"REFUSED {said.refusal or refusal or code}: her approval does not count, and the target has no release")
    line.run(expect=WAITS_FOR_PEOPLE)
    line.andon("approve", "--reason", "looked at the report", person="grace", expect=0)
    line.run(expect=0)
    if line.asked()[0] is None:
        raise UnexpectedError("grace's approval does not open the gate either")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
