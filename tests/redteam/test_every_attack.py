"""Every attack of the catalogue is executed once; each is stopped by the check that it says, or known to be open."""

import pytest

from tests.redteam.catalogue import everything
from tests.redteam.table import PAGE, page

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


def test_the_page_in_the_documents_is_the_catalogue():
    assert PAGE.read_text() == page(), "write it anew: python -m tests.redteam.table"


def test_there_are_many_and_each_says_what_stops_it():
    assert len(CATALOGUE) >= 55
    assert all(one.codes for one in CATALOGUE)
