"""The grounds on which attacks are executed: worlds at every moment that an attack begins at."""

import json
from pathlib import Path

from tests.gates.world import World, moments_in
from tests.redteam.attacks.overrides import fail
from tests.redteam.attacks.witnesses import put_under_watch


def all_moments(home: Path) -> dict[str, World]:
    """The moments of the gates' world; one at which a model has failed its gate, and one that a witness watches."""
    moments = moments_in(home)
    moments["failed"] = fail(moments["founded"].copied_to(home / "failed"))
    moments["watched"] = put_under_watch(moments["bound"].copied_to(home / "watched"))
    return moments


def make_moments(home: Path) -> None:
    """The same, left as folders."""
    for world in all_moments(home).values():
        (world.path / "state.json").write_text(json.dumps({"made": vars(world.made), "now": world.clock.now}))
        world.database.close()
