"""Every attack of the catalogue is executed once; each is stopped by the check that it says, or known to be open."""

import pytest

from tests.redteam.catalogue import everything

CATALOGUE = everything()
ATTACKS = [one for one in CATALOGUE if one.needs != "apart"]
APART = [one for one in CATALOGUE if one.needs == "apart"]


@pytest.mark.parametrize("attack", ATTACKS, ids=[one.number for one in ATTACKS])
def test_an_attack_is_stopped_where_the_catalogue_says(attack, ground):
    tried = attack.act(ground)
    if attack.open_at_t0:
        assert tried.reached, f"{attack.title}: no longer open: {tried}"
    else:
        assert attack.is_stopped_by(tried), f"{attack.title}: {tried}"
