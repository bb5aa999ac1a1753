"""At tier T1 the developer's user, the runner's, the server's and a stranger's get nowhere: tried by each of them."""

import json

import pytest

from tests.factories.tiers import apart_factory
from tests.redteam.catalogue import everything
from tests.redteam.tier_one import MOVES, by_hand, first_moves, moves_by

pytestmark = pytest.mark.slow  # other users' processes
AFTER_A_RUN = {"51j"}  # `make redteam` runs the line at T1 first
APART = [one for one in everything() if one.needs == "apart" and one.number not in AFTER_A_RUN]
DOORS = (
    "control database",
    "store folder",
    "serve folder",
    "trust folder",
    "key files",
    "memory",
    "clock",
    "user code",
)
HARMLESS = {"write", "read", "create"}
STORE = "import sys, pathlib, andon.adapters.files as files; files.FileBlobs(pathlib.Path(sys.argv[1])).put([b'x'])"


@pytest.fixture(scope="module")
def apart():
    with apart_factory() as apart:
        assert apart.python("gate", STORE, str(apart.state / ".andon" / "store")).code == 0
        assert apart.andon("ada", "status").code == 0
        yield apart


@pytest.mark.parametrize("door", DOORS)
def test_nobody_but_the_gatekeeper_makes_the_first_move(apart, door):
    assert first_moves(apart, door).reached == ()


@pytest.mark.parametrize("door", [door for door in DOORS if door not in ("clock", "memory")])
def test_the_gatekeeper_itself_could_which_shows_that_the_moves_are_real(apart, door):
    moves = [(verb, thing) for verb, thing in moves_by(apart)[door] if verb in HARMLESS]
    answer = apart.python("gate", MOVES, json.dumps(moves))
    assert json.loads(answer.out)
    for planted in apart.state.rglob("planted"):
        planted.unlink()


@pytest.mark.parametrize("attack", APART, ids=[one.number for one in APART])
def test_an_attack_over_the_socket_is_stopped(apart, attack):
    tried = by_hand(apart, attack)
    assert attack.is_stopped_by(tried), f"{attack.title}: {tried}"
