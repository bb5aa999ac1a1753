"""Runs only the deploy step again, for a model that its gate refused."""

import sys
from pathlib import Path

from line import REFUSED, VERSION, Line

LATER_STEPS = ("bind", "release gate", "admit", "promote")


def main(work: Path) -> None:
    """Have a model refused, then set its run to each later step by hand, as no command does, and run on."""
    print(f"version: {VERSION}")
    line = Line(work)
    line.found()
    line.train_with(-1.0)
    line.run(expect=REFUSED)
    print(f"the model gate refused it; the same command again ends with exit code {line.run().code}")
    ((model,),) = line.sql("select digest from manifests where kind = 'model'")
    codes = []
    for step in LATER_STEPS:
        codes.append(line.run_set_to(step, **left_by(model)))
        print(f"run set to {step!r} by hand in the control database: {codes[-1] or 'no refusal'}")
    answer, code = line.asked()
    if answer is not None:
        print(f"SUCCEEDED: served a model that no gate passed; it says {answer}")
    else:
        print(f"REFUSED {codes[0] or code}: the target has no release to answer with")


def left_by(model: str) -> dict[str, object]:
    """What the steps before deploy would have left, had they been done: here with the refused model's digest."""
    receipt = {
        "bundle": model,
        "factory": "parcels",
        "model_name": "late",
        "release": model,
        "sequence": 1,
        "statement": model,
        "target": "local",
    }
    return {"release": model, "release measured": model, "receipt": receipt}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
