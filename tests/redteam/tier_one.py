"""The attacks at tier T1, where the gatekeeper is an OS user of its own: what the developer's user can still do.

An attack that comes in by a file is stopped by the machine before it begins: its first move, made by the developer's
user, by the runner's, by the server's and by a stranger's, is tried for real on a founded factory. An attack that comes
in by asking is executed by the gatekeeper's user, as the gatekeeper's process would. What is possible only where there
are sockets is executed over them.
"""

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.factories.tiers import USERS, Apart, apart_factory
from tests.redteam.catalogue import ATTACKS, Attack, Ground, Tried

ROOT: Final = Path(__file__).parents[2]
DENIED: Final = "denied"
STRANGERS: Final = ("ada", "runner", "server", "eve")
FILES: Final = frozenset({"control database", "store folder", "serve folder", "trust folder", "key files", "memory"})
MOVES: Final = """
import json, os, pathlib, sys, time
def create(path):
    with open(path + "/planted", "xb"): pass
def write(path):
    with open(path, "r+b"): pass
def read(path):
    with open(path, "rb") as file: file.read()
def chmod(path): os.chmod(path, 0o666)
def unlink(path): os.unlink(path)
def replace(path):
    with open(path + ".new", "xb"): pass
    os.replace(path + ".new", path)
def kill(pid): os.kill(int(pid), 9)
def trace(pid):
    with open(f"/proc/{pid}/mem", "r+b"): pass
def clock(_): time.clock_settime(time.CLOCK_REALTIME, time.time())
done = []
for verb, thing in json.loads(sys.argv[1]):
    try:
        globals()[verb](thing)
        done.append(f"{verb} {thing}")
    except (PermissionError, FileNotFoundError, NotADirectoryError):
        pass
print(json.dumps(done))
"""


def moves_by(apart: Apart) -> dict[str, list[tuple[str, str]]]:
    """For each door that is a file, what an attack would have to do first."""
    state, home = apart.state / ".andon", apart.gate_key().parents[1]
    stored = [str(path) for path in (state / "store").rglob("*") if path.is_file()][:5]
    assert stored, "nothing is stored yet"
    folders = sorted({str(Path(path).parent) for path in stored})
    database = str(state / "control.db")
    root = str(state / "trust" / "root-000001.json")
    keys = [str(apart.gate_key(name)) for name in ("gatekeeper", "ledger")]
    gatekeeper = str(apart.processes["gatekeeper"].pid)
    return {
        "control database": [(verb, database) for verb in ("write", "read", "chmod", "unlink", "replace")],
        "store folder": [
            *((verb, path) for path in stored for verb in ("write", "chmod", "unlink")),
            *(("create", one) for one in folders),
        ],
        "serve folder": [
            ("create", str(state)),
            ("create", str(apart.state)),
            ("write", str(apart.state / "andon.toml")),
        ],
        "trust folder": [("write", root), ("unlink", root), ("replace", root), ("create", str(Path(root).parent))],
        "key files": [("read", path) for path in (*keys, str(apart.key("grace")))],
        "memory": [
            (verb, str(home / name)) for name in ("remembered.json", "pinned-root") for verb in ("write", "unlink")
        ],
        "clock": [("clock", "")],
        "user code": [*(("read", path) for path in (*keys, database)), ("kill", gatekeeper), ("trace", gatekeeper)],
    }


def first_moves(apart: Apart, door: str) -> Tried:
    """What came of the first moves through one door, by everybody but the gatekeeper."""
    moves = moves_by(apart)[door]
    reached: list[str] = []
    for user in STRANGERS:
        answer = apart.python(user, MOVES, json.dumps(moves))
        assert answer.code == 0, answer.err
        reached += [f"{user} could {one}" for one in json.loads(answer.out)]
    return Tried(tuple(reached), (DENIED,))


def at_t1(attacks: Sequence[Attack], moments: Path, whole: Path) -> dict[str, Tried]:
    """Each attack once, at tier T1."""
    done: dict[str, Tried] = {}
    with apart_factory() as apart:
        answer = apart.run("ada")
        assert answer.code == 3, answer.err
        doors: dict[str, Tried] = {}
        asking = []
        for one in attacks:
            if one.needs == "apart" or one.at_t1:
                done[one.number] = by_hand(apart, one)
            elif one.open_at_t0 or one.door in FILES:
                if one.door not in doors:
                    doors[one.door] = first_moves(apart, one.door)
                done[one.number] = doors[one.door]
            else:
                asking.append(one.number)
        return done | asked(apart, moments, whole, asking)


def asked(apart: Apart, moments: Path, whole: Path, numbers: Sequence[str]) -> dict[str, Tried]:
    """What came of attacks that only ask, executed by the gatekeeper's user on worlds that it owns."""
    grounds = apart.base / "grounds"
    shutil.copytree(moments, grounds / "moments")
    shutil.copytree(whole, grounds / "whole", symlinks=True)
    _own(grounds)
    request = {"moments": str(grounds / "moments"), "whole": str(grounds / "whole"), "attacks": list(numbers)}
    request |= {"modules": sorted({ATTACKS[number].act.__module__ for number in numbers})}
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from tests.redteam.one import main; main()"
    answer = apart.python("gate", code, json.dumps(request))
    lines = [json.loads(line) for line in answer.out.splitlines()]
    assert len(lines) == len(numbers), answer.err[-2000:]
    return {
        one["number"]: Tried(tuple(one["reached"]), (*one["codes"], *filter(None, (one["broke"],)))) for one in lines
    }


def _own(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, USERS["gate"], USERS["gate"], follow_symlinks=False)


def by_hand(apart: Apart, one: Attack) -> Tried:
    """One of the attacks that there are only where there are sockets, or that take another hand there."""

    def nothing(*_: object) -> None:
        raise AssertionError(one.number)

    act = one.at_t1 or one.act
    return act(Ground(nothing, nothing, apart.base / "tmp", apart))  # type: ignore[arg-type]
