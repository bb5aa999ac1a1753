"""Executes some attacks in a process of its own, on grounds that were made before, and tells what came of each."""

import builtins
import importlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def ground_in(moments: Path, whole: Path | None) -> Iterator[object]:
    """Fresh copies of the worlds at `moments`, and of the factory in its states at `whole`."""
    from tests.gates.world import World
    from tests.redteam.catalogue import Ground

    opened: list[World] = []
    with tempfile.TemporaryDirectory(prefix="redteam-") as folder:
        base = Path(folder)

        def at(moment: str) -> World:
            path = base / f"world-{len(opened)}"
            shutil.copytree(moments / moment, path)
            opened.append(World(path))
            return opened[-1]

        def the_whole() -> object:
            from tests.hostile.whole import whole_in

            assert whole is not None
            copied = whole_in(whole, base / "whole")
            os.environ |= {"ANDON_HOME": str(copied.place.home), "ANDON_AS": "ada"}
            return copied

        (base / "attacker").mkdir()
        try:
            yield Ground(at, the_whole, base / "attacker")
        finally:
            for world in opened:
                world.database.close()


def execute(act: Callable[[object], object], moments: Path, whole: Path | None) -> dict[str, object]:
    """What came of one attack: what was reached, which refusals were met, and whether something broke."""
    began = time.monotonic()
    try:
        with ground_in(moments, whole) as ground:
            tried = act(ground)
        told = {"reached": list(tried.reached), "codes": list(tried.codes), "broke": ""}  # type: ignore[attr-defined]
    except Exception as error:  # noqa: BLE001  # whatever breaks is what came of it
        told = {"reached": [], "codes": [], "broke": f"{type(error).__name__}: {error}"[:200]}
    return told | {"seconds": round(time.monotonic() - began, 2)}


def main() -> None:
    """Execute what the one argument names, and print a line of JSON for each attack."""
    asked = json.loads(sys.argv[1])
    seen: set[str] = set()
    vars(builtins)["__redteam_seen__"] = seen.add
    from tests.redteam.catalogue import ATTACKS

    for module in asked["modules"]:
        importlib.import_module(module)
    known = ATTACKS
    whole = Path(asked["whole"]) if asked.get("whole") else None
    for number in asked["attacks"]:
        seen.clear()
        told = execute(known[number].act, Path(asked["moments"]), whole)
        sys.stdout.write(json.dumps({"number": number, "seen": sorted(seen), **told}) + "\n")
        sys.stdout.flush()
        if asked.get("stop") and told["reached"]:
            break


if __name__ == "__main__":
    main()
