"""Every attack on every tier, and then every check switched off in turn: what `make redteam` runs.

First each attack is executed once, and it is noted which checks it meets. Then each check is switched off in a copy of
the source, and the attacks that met it are executed again: one of them must get through, or the check is of no use.
Work that was done is kept under `build/redteam` until the source changes, so that an interrupted run goes on.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.redteam.catalogue import ATTACKS, Attack, everything  # noqa: E402
from tests.redteam.sites import Site, sites_of, sources, switched_off, watched  # noqa: E402
from tests.redteam.tier_one import at_t1  # noqa: E402

PACKAGE: Final = ROOT / "src" / "andon"
LISTED: Final = Path(__file__).with_name("listed.toml")
HANDS: Final = 2
MOST_ATTACKS: Final = 10
LIMIT_S: Final = 240


@dataclass(frozen=True)
class Told:
    """What came of one attack."""

    number: str
    reached: tuple[str, ...]
    codes: tuple[str, ...]
    broke: str
    seen: frozenset[str]

    @property
    def text(self) -> str:
        """In words for the table."""
        return "; ".join(self.reached) or ", ".join(dict.fromkeys(self.codes)) or self.broke


@dataclass
class Yard:
    """Where the work is done: the grounds, and a copy of the source for each hand.

    Attributes:
        folder: Named by a digest of all that the outcome depends on.
    """

    folder: Path
    turn: int = 0
    free: list[int] = field(default_factory=lambda: list(range(HANDS)))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def copy(self, hand: int) -> Path:
        """The copy of the source that one hand works with."""
        path = self.folder / f"source-{hand}"
        if not (path / ".ready").exists():
            shutil.rmtree(path, ignore_errors=True)
            shutil.copytree(PACKAGE, path / "andon", ignore=shutil.ignore_patterns("__pycache__"))
            (path / ".ready").touch()
        return path

    def with_copy(self, work: Callable[[Path], object]) -> object:
        """Do something with a copy that nobody else has meanwhile."""
        with self.lock:
            hand = self.free.pop()
        try:
            return work(self.copy(hand))
        finally:
            with self.lock:
                self.free.append(hand)

    def replaced(self, path: Path, text: str) -> None:
        """Write a module so that no byte code of another version is taken for it."""
        with self.lock:
            self.turn += 1
            moment = 1_000_000_000 + self.turn + int(time.time()) % 1_000_000 * 1000
        path.write_text(text)
        os.utime(path, (moment, moment))


def yard() -> Yard:
    """The place for exactly this source and these attacks."""
    seal = hashlib.sha256()
    everywhere = [PACKAGE, ROOT / "tests" / "redteam", ROOT / "tests" / "factories", ROOT / "tests" / "gates"]
    for path in sorted(one for place in everywhere for one in place.rglob("*") if one.suffix in (".py", ".toml")):
        if path != LISTED:
            seal.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    folder = ROOT / "build" / "redteam" / seal.hexdigest()[:16]
    for other in folder.parent.glob("*"):
        if other != folder:
            shutil.rmtree(other)
    folder.mkdir(parents=True, exist_ok=True)
    return Yard(folder)


def make_grounds(at: Yard, *, whole: bool) -> None:
    """The factories that every attack begins with."""
    moments, done = at.folder / "moments", at.folder / "moments.ready"
    if not done.exists():
        shutil.rmtree(moments, ignore_errors=True)
        moments.mkdir()
        _python("from tests.redteam.grounds import make_moments", "make_moments(Path(sys.argv[1]))", str(moments))
        done.touch()
    done = at.folder / "whole.ready"
    if whole and not done.exists():
        shutil.rmtree(at.folder / "whole", ignore_errors=True)
        (at.folder / "whole").mkdir()
        _python(
            "from tests.factories.states import parcels_in",
            "parcels_in(Path(sys.argv[1]), 'twice')",
            str(at.folder / "whole"),
        )
        done.touch()


def _python(loading: str, doing: str, *arguments: str) -> None:
    code = f"import sys; from pathlib import Path; {loading}; {doing}"
    subprocess.run([sys.executable, "-c", code, *arguments], cwd=ROOT, check=True)


def execute(at: Yard, source: Path, numbers: Sequence[str], *, stop: bool = False) -> list[Told]:
    """Execute attacks against a copy of the source, in a process of its own."""
    whole = at.folder / "whole"
    asked = {"moments": str(at.folder / "moments"), "whole": str(whole), "attacks": list(numbers), "stop": stop}
    asked |= {"modules": modules_of(numbers)}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "tests.redteam.one", json.dumps(asked)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": f"{source}{os.pathsep}{ROOT}"},
            capture_output=True,
            text=True,
            timeout=LIMIT_S + 20 * len(numbers),
        )
        out, err = done.stdout, done.stderr
    except subprocess.TimeoutExpired:
        out, err = "", "took too long"
    told = [_told(json.loads(line)) for line in out.splitlines()]
    missing = [number for number in numbers if number not in {one.number for one in told}]
    if missing and not (stop and told and told[-1].reached):
        broke = (err.strip().splitlines() or ["ended"])[-1][:200]
        told += [Told(number, (), (), broke, frozenset()) for number in missing]
    return told


def modules_of(numbers: Iterable[str]) -> list[str]:
    """Where these attacks stand."""
    return sorted({ATTACKS[number].act.__module__ for number in numbers})


def _told(value: dict) -> Told:
    seen = frozenset(value["seen"])
    return Told(value["number"], tuple(value["reached"]), tuple(value["codes"]), value["broke"], seen)


def at_t0(at: Yard, attacks: Sequence[Attack]) -> dict[str, Told]:
    """Each attack once, with the checks that it met; kept."""
    kept = Kept(at.folder / "attacks.jsonl")
    left = [one.number for one in attacks if one.number not in kept.values]
    source = at.folder / "source-watched"
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(PACKAGE, source / "andon", ignore=shutil.ignore_patterns("__pycache__"))
    for path in sources(PACKAGE):
        (source / "andon" / path.relative_to(PACKAGE)).write_text(watched(PACKAGE, path))

    def some(numbers: Sequence[str]) -> None:
        for one in execute(at, source, numbers):
            kept.add(one.number, {**vars(one), "seen": sorted(one.seen)})

    portions = [left[n : n + 12] for n in range(0, len(left), 12)]
    _in_turn(portions, some, "attacks", lambda done: min(done * 12, len(left)), len(left))
    shutil.rmtree(source)
    return {number: _told(value) for number, value in kept.values.items()}


class Kept:
    """What was found out already, one line for each thing, so that an interrupted run goes on."""

    def __init__(self, path: Path) -> None:
        self.path, self.lock = path, threading.Lock()
        lines = path.read_text().splitlines() if path.exists() else []
        self.values: dict[str, dict] = {line["of"]: line["is"] for line in map(json.loads, lines)}

    def add(self, name: str, value: dict) -> None:
        """Keep one more."""
        with self.lock, self.path.open("a") as file:
            self.values[name] = value
            file.write(json.dumps({"of": name, "is": value}) + "\n")


def _in_turn(items: Sequence[object], work: Callable, what: str, count: Callable[[int], int], total: int) -> None:
    """Work on all items with two hands, and say how far it is."""
    done, began = 0, time.monotonic()
    with ThreadPoolExecutor(HANDS) as hands:
        for _ in hands.map(work, items):
            done += 1
            sys.stderr.write(f"\r{what}: {count(done)} of {total}, {time.monotonic() - began:.0f} s ")
            sys.stderr.flush()
    if items:
        sys.stderr.write("\n")


def at_tier_one(at: Yard, catalogue: Sequence[Attack]) -> dict[str, Told]:
    """Each attack once at tier T1, where there are other OS users; kept."""
    if os.getuid() != 0:
        return {}
    kept = Kept(at.folder / "tier-one.jsonl")
    if set(kept.values) != {one.number for one in catalogue}:
        sys.stderr.write("attacks at T1: one factory, five users\n")
        for number, tried in at_t1(catalogue, at.folder / "moments", at.folder / "whole").items():
            told = {"number": number, "reached": tried.reached, "codes": tried.codes, "broke": "", "seen": []}
            kept.add(number, told)
    return {number: _told(value) for number, value in kept.values.items()}


def switch_off(at: Yard, sites: Sequence[Site], attacks: Sequence[Attack], met: dict[str, Told]) -> dict[str, dict]:
    """What came of switching each check off: an attack got through, something broke, another check stood behind."""
    kept = Kept(at.folder / "checks.jsonl")
    claims = {one.number: one.codes for one in attacks}

    def hits(site: Site) -> list[str]:
        found = [one.number for one in met.values() if site.name in one.seen and claims[one.number]]
        found.sort(key=lambda number: (not any(code in site.text for code in claims[number]), len(met[number].seen)))
        hinted = [number for start, all_ in HINTS.items() if site.name.startswith(start) for number in all_]
        return list(dict.fromkeys((*(one for one in hinted if one in met), *found)))[:MOST_ATTACKS]

    def one(site: Site) -> None:
        numbers = hits(site)
        outcome = {"how": "not met", "by": "", "then": ""}
        if numbers:
            for text in switched_off(PACKAGE, site):
                told = at.with_copy(lambda source, text=text: _without(at, source, site, text, numbers))
                outcome = min(outcome, _outcome(told, met), key=lambda found: RANKS.index(found["how"]))
        kept.add(site.name, outcome)

    left = [site for site in sites if site.name not in kept.values]
    _in_turn(left, one, "checks", lambda done: done, len(left))
    return {site.name: kept.values[site.name] for site in sites}


HINTS: Final = {
    "gates/looks.py::is_counted": ("11h", "55f"),
    "gates/gated.py::reaches": ("50b", "50a"),
    "gates/signoff.py::_may_speak": ("23b", "23a"),
    "gates/signoff.py::Count.is_met": ("15b", "26a"),
    "gates/signoff.py::_Heard": ("26a", "20a", "49a"),
    "attest/trust_root.py::KeyState.is_valid": ("38m", "52k"),
    "attest/trust_root.py::RoleInterval.covers": ("23a", "24a"),
    "attest/trust_root.py::TrustRoot.is_expired": ("38n",),
    "attest/trust_root.py::holds": ("23b", "17a"),
    "attest/trust_root.py::Demand.is_about": ("50d", "50c"),
    "attest/trust_root.py::Waivable.is_about": ("28a", "27a"),
    "attest/succession.py::Quorum": ("38c", "38e"),
    "ledger/memory.py::_continues": ("30f", "31a"),
    "ledger/merkle.py": ("46f", "44d", "31a", "30f", "52h"),
    "ledger/verify.py": ("29a", "29c", "29d", "31d", "31e", "31g"),
    "ledger/witness.py::_continues": ("52h",),
    "ledger/cosignature.py": ("52g", "52d"),
    "gates/criteria.py::_is_finite": ("9a", "9c", "8f"),
    "gates/criteria.py::is_of_the_world": ("11a", "6b"),
}
"""For checks that every attack meets: which ones to try first."""
EVERYWHERE: Final = {"T0": frozenset[str](), "T1": frozenset({"denied"})}
RANKS: Final = ("got through", "broke", "another check", "no difference", "not met")


def _without(at: Yard, source: Path, site: Site, text: str, numbers: Sequence[str]) -> list[Told]:
    path = source / "andon" / site.file
    try:
        at.replaced(path, text)
        return execute(at, source, numbers, stop=True)
    finally:
        at.replaced(path, (PACKAGE / site.file).read_text())


def _outcome(told: Iterable[Told], met: dict[str, Told]) -> dict:
    best = {"how": "no difference", "by": "", "then": ""}
    for one in told:
        how = "no difference"
        if one.reached:
            how = "got through"
        elif one.broke:
            how = "broke"
        elif one.codes != met[one.number].codes:
            how = "another check"
        if RANKS.index(how) < RANKS.index(best["how"]):
            best = {"how": how, "by": one.number, "then": one.text[:160]}
    return best


def listed() -> dict[str, str]:
    """The checks that no attack tells from none, each with the reason; reviewable."""
    return {site: reason for group in tomllib.loads(LISTED.read_text()).values() for site, reason in group.items()}


def report_attacks(attacks: Sequence[Attack], met: dict[str, Told], tier: str) -> bool:
    """The table of one tier; says whether all went as the catalogue says."""
    wrong = []
    for one in attacks:
        told = met[one.number]
        stopped = not told.reached and not told.broke and not (one.codes | EVERYWHERE[tier]).isdisjoint(told.codes)
        expected = bool(told.reached) if one.open_at_t0 and tier == "T0" else stopped
        if not expected:
            wrong.append(one.number)
        word = "open   " if told.reached else "stopped" if stopped else "WRONG  "
        print(f"{tier} {one.number:>4} {word} {one.title} [{one.door}] -> {told.text}"[:230])
    if wrong:
        print(f"{tier}: not as the catalogue says: {', '.join(wrong)}")
    return not wrong


def report_checks(outcomes: dict[str, dict]) -> bool:
    """What the checks are worth; says whether each matters or is listed with a reason."""
    reasons = listed()
    mattering = {name for name, one in outcomes.items() if one["how"] in ("got through", "broke")}
    unlisted = [name for name in outcomes if name not in mattering and name not in reasons]
    stale = [name for name in reasons if name in mattering or name not in outcomes]
    for name in unlisted:
        one = outcomes[name]
        print(f"MISSED {name}: {one['how']}{' (' + one['by'] + ': ' + one['then'] + ')' if one['by'] else ''}")
    for name in stale:
        print(f"LISTED IN VAIN {name}")
    broke = sum(1 for name in mattering if outcomes[name]["how"] == "broke")
    print(
        f"checks {len(outcomes)}, each seen to matter {len(mattering)} (an attack got through {len(mattering) - broke},"
        f" only a crash was left {broke}), listed {len(set(reasons) - set(stale))}"
    )
    return not unlisted and not stale


def main() -> int:
    """Run everything, or the parts that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="no attacks by real commands, no other users")
    parser.add_argument("--only", default="", help="only the checks whose name holds this")
    asked = parser.parse_args()
    began, at = time.monotonic(), yard()
    catalogue = [one for one in everything() if not (asked.quick and one.needs != "world")]
    attacks = [one for one in catalogue if one.needs != "apart"]
    make_grounds(at, whole=not asked.quick)
    met = at_t0(at, attacks)
    is_well = report_attacks(attacks, met, "T0")
    told = {} if asked.quick else at_tier_one(at, catalogue)
    is_well &= not told or report_attacks(catalogue, told, "T1")
    sites = sorted(
        (site for site in sites_of(PACKAGE) if asked.only in site.name),
        key=lambda site: not site.name.startswith("gates"),
    )
    is_well &= report_checks(switch_off(at, sites, attacks, met))
    print(f"{time.monotonic() - began:.0f} s")
    if told:
        stopped = sum(1 for one in told.values() if not one.reached)
        print(f"T1: attacks {len(told)} stopped {stopped}")
    elif not asked.quick:
        print("T1: NOT RUN: only root can start processes of other OS users")
        is_well &= os.environ.get("CI") != "true"
    opened = [one for one in attacks if met[one.number].reached]
    names = f": {'; '.join(one.title for one in opened)}" if opened else ""
    print(f"T0: attacks {len(attacks)} stopped {len(attacks) - len(opened)} open {len(opened)}{names}")
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
