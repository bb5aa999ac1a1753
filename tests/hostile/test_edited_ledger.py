"""Somebody edits, removes or reorders rows of the ledger."""

import pytest

from andon.gates.audit import verify_everything
from tests.gates.world import refusal


def test_untouched_the_same_release_is_admitted(at):
    world = at("approved")
    assert world.admit().release == world.made.release
    assert world.load().release == world.made.release


def audited(world):
    return {line.code for line in verify_everything(world.keeper.keeping) if line.code}


EDITS = {
    "back-dated": (
        "update ledger_leaves set leaf = cast(replace(leaf, '18000000', '17000000') as blob) where position = 2",
        {"ledger.entry-back-dated", "ledger.entry-edited"},
    ),
    "removed": ("delete from ledger_leaves where position = 1", {"ledger.entry-missing"}),
    "removed with its node": ("delete from ledger_nodes where level = 0 and position = 1", {"ledger.entry-edited"}),
    "swapped": (
        "update ledger_leaves set leaf = (select leaf from ledger_leaves where position = 3) where position = 2",
        {"ledger.entry-misplaced", "ledger.entry-edited"},
    ),
}


@pytest.mark.parametrize("edit", EDITS)
def test_admission_and_audit_refuse_an_altered_ledger(at, edit):
    world = at("approved")
    statement, codes = EDITS[edit]
    assert world.sql(statement) == 1
    assert refusal(world.admit) in codes
    assert audited(world) & codes


def test_nothing_is_ever_signed_on_top_of_a_ledger_whose_hashes_were_edited(at):
    world = at("bound")
    assert world.sql("update ledger_nodes set hash = zeroblob(32)") > 0
    assert refusal(world.approve).startswith("ledger.")
