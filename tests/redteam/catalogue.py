"""The catalogue of attacks: what an attack is, and how one is told from another.

An attack does what an attacker would do, and then looks at what the attacker wanted: is it served, is it admitted, does
a verifier believe it? It is stopped when that was not reached and the refusal names the check that stopped it.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from andon.kernel.errors import AndonError

if TYPE_CHECKING:  # a process that executes one attack loads what that attack needs
    from tests.factories.tiers import Apart
    from tests.gates.world import World
    from tests.hostile.whole import Whole

Door = Literal[
    "python",
    "command line",
    "control database",
    "store folder",
    "serve folder",
    "trust folder",
    "key files",
    "memory",
    "clock",
    "user code",
    "socket",
    "evidence pack",
    "environment",
]
Needs = Literal["world", "whole", "apart"]


@dataclass(frozen=True)
class Tried:
    """What came of an attack: what was reached, empty where nothing was, and the codes of the refusals met."""

    reached: tuple[str, ...]
    codes: tuple[str, ...]


@dataclass(frozen=True)
class Ground:
    """Where attacks are executed: fresh copies of real factories, made on demand.

    Attributes:
        at: A copy of the gates' world at a moment: founded, bound, approved or admitted.
        whole: A copy of a factory that released twice, worked with by command.
        folder: An empty folder for whatever the attacker makes.
        apart: A factory at tier T1, where there is one.
    """

    at: "Callable[[str], World]"
    whole: "Callable[[], Whole]"
    folder: Path
    apart: "Apart | None" = None


Act = Callable[[Ground], Tried]


@dataclass(frozen=True)
class Attack:
    """One attack.

    Attributes:
        number: Row of the catalogue of bypasses and a letter, such as `29c`; rows above 45 are this project's own.
        title: What is done, to a stranger.
        door: Where the attacker comes in.
        codes: The refusals that stop it; at least one of them must be met.
        act: Does it.
        open_at_t0: Why nothing stops it while one user runs everything; empty where it is stopped.
        needs: `world` is quick, `whole` works with real commands, `apart` is possible at tier T1 only.
        at_t1: Does it at tier T1, where that takes another hand.
    """

    number: str
    title: str
    door: Door
    codes: frozenset[str]
    act: Act
    open_at_t0: str = ""
    needs: Needs = "world"
    at_t1: Act | None = None

    def is_stopped_by(self, tried: Tried) -> bool:
        """Whether nothing was reached, and an expected refusal was met."""
        return not tried.reached and not self.codes.isdisjoint(tried.codes)


ATTACKS: dict[str, Attack] = {}


def attack(
    number: str,
    title: str,
    door: Door,
    *codes: str,
    open_at_t0: str = "",
    needs: Needs = "world",
    at_t1: Act | None = None,
) -> object:
    """Enter a function into the catalogue."""

    def enter(act: Act) -> Act:
        assert number not in ATTACKS, number
        ATTACKS[number] = Attack(number, title, door, frozenset(codes), act, open_at_t0, needs, at_t1)
        return act

    return enter


def everything() -> list[Attack]:
    """All attacks, by number."""
    from tests.redteam import attacks

    for module in pkgutil.iter_modules(attacks.__path__):
        importlib.import_module(f"tests.redteam.attacks.{module.name}")
    return sorted(ATTACKS.values(), key=lambda one: (int(one.number.rstrip("abcdefghijklmnopqrstuvwxyz")), one.number))


def refused(action: Callable[[], object]) -> str:
    """The code of the refusal that an action ends in; empty when it goes well."""
    try:
        action()
    except AndonError as error:
        return error.code
    return ""


def tried(action: Callable[[], object], goal: str, is_reached: Callable[[], bool] | None = None) -> Tried:
    """Do something, and look whether the goal was reached: where nobody says how to look, by not being refused."""
    code = refused(action)
    done = is_reached() if is_reached else not code
    return Tried((goal,) if done else (), (code,) if code else ())


def variants(actions: Mapping[str, Callable[[], object]]) -> Tried:
    """Many variants of one attack, each of which must be refused; those that went well were reached."""
    codes = {name: refused(action) for name, action in actions.items()}
    return Tried(
        tuple(name for name, code in codes.items() if not code), tuple(code for code in codes.values() if code)
    )


def together(attempts: Iterable[Tried]) -> Tried:
    """Several ways to one goal, as one attack."""
    done = list(attempts)
    return Tried(tuple(goal for one in done for goal in one.reached), tuple(code for one in done for code in one.codes))
