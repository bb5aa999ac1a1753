"""Attacks on the record: rows edited, histories rewritten, heads put back, clocks turned."""

from dataclasses import replace

from andon.gates.audit import verify_everything
from andon.ledger.entry import leaf_bytes, parse_leaf
from andon.ledger.memory import Remembered, accept
from tests.gates.world import DAY_NS
from tests.redteam.catalogue import Ground, Tried, attack, tried, variants
from tests.redteam.moves import (
    admission,
    cut,
    forget,
    hand_in,
    put_leaves,
    rejected,
    rewrite_ledger,
    rows_of,
    unlogged,
)


def edited(ground: Ground, statement: str, *values: object) -> Tried:
    """What admission says to a ledger that SQL was used on."""
    world = ground.at("approved")
    assert world.sql(statement, *values) >= 1
    return admission(world)


def leaves_of(world) -> list[bytes]:
    return [bytes(leaf) for (leaf,) in rows_of(world, "select leaf from ledger_leaves order by position")]


def audit(world) -> Tried:
    """What an audit says; reached when it finds nothing."""
    found = tuple(line.code for line in verify_everything(world.keeper.keeping) if not line.is_sound)
    return Tried(() if found else ("the audit found nothing",), found)


@attack("29a", "Edit a row of the ledger", "control database", "ledger.entry-edited")
def edited_row(ground: Ground) -> Tried:
    change = 'cast(replace(leaf, \'"kind":"gate-verdict"\', \'"kind":"gate-verdicts"\') as blob)'
    return edited(ground, f"update ledger_leaves set leaf = {change} where position = 2")


@attack("29b", "Back-date a row of the ledger", "control database", "ledger.entry-edited", "ledger.entry-back-dated")
def back_dated_row(ground: Ground) -> Tried:
    change = "cast(replace(leaf, '18000000', '17000000') as blob)"
    return edited(ground, f"update ledger_leaves set leaf = {change} where position = 2")


@attack("29c", "Delete a row of the ledger", "control database", "ledger.entry-missing")
def deleted_row(ground: Ground) -> Tried:
    return edited(ground, "delete from ledger_leaves where position = 1")


@attack("29d", "Swap two rows of the ledger", "control database", "ledger.entry-misplaced", "ledger.entry-edited")
def swapped_rows(ground: Ground) -> Tried:
    other = "(select leaf from ledger_leaves where position = 3)"
    return edited(ground, f"update ledger_leaves set leaf = {other} where position = 2")


@attack("29e", "Edit a row and every hash over it", "control database", "ledger.head-mismatch")
def edited_with_hashes(ground: Ground) -> Tried:
    world = ground.at("approved")
    forget(world)
    leaves = leaves_of(world)
    last = parse_leaf(leaves[-1])
    put_leaves(world, [*leaves[:-1], leaf_bytes(replace(last, time_ns=last.time_ns - 1))], heads=False)
    return admission(world)


@attack("29f", "Insert a row", "control database", "ledger.truncated", "ledger.head-missing", "ledger.head-mismatch")
def inserted_row(ground: Ground) -> Tried:
    world = ground.at("approved")
    forget(world)
    leaves = leaves_of(world)
    last = parse_leaf(leaves[-1])
    put_leaves(world, [*leaves, leaf_bytes(replace(last, index=last.index + 1))], heads=False)
    return admission(world)


@attack("29g", "Change an inner hash of the tree only", "control database", "ledger.node-edited")
def edited_node(ground: Ground) -> Tried:
    world = ground.at("approved")
    assert world.sql("update ledger_nodes set hash = zeroblob(32) where level = 1 and position = 0") == 1
    return audit(world)


@attack(
    "29h",
    "Sign on top of hashes that were edited",
    "control database",
    "ledger.head-mismatch",
    "ledger.forked",
    "ledger.node-missing",
)
def signed_on_top(ground: Ground) -> Tried:
    world = ground.at("bound")
    forget(world)
    assert world.sql("update ledger_nodes set hash = zeroblob(32)") > 0
    return tried(world.approve, "signed on top")


@attack("29i", "Sign on top of a row that is not what was hashed", "control database", "ledger.head-mismatch")
def on_top_of_edited_row(ground: Ground) -> Tried:
    world = ground.at("bound")
    forget(world)
    last = len(leaves_of(world)) - 1
    change = "cast(replace(leaf, '18000000', '17000000') as blob)"
    assert world.sql(f"update ledger_leaves set leaf = {change} where position = ?", last) == 1
    return tried(world.approve, "signed on top")


@attack(
    "29j",
    "Take the signed heads away and let the next decision sign a new one",
    "control database",
    "ledger.head-mismatch",
)
def headless(ground: Ground) -> Tried:
    world = ground.at("bound")
    forget(world)
    assert world.sql("delete from checkpoints") > 0
    return tried(world.approve, "signed on top")


@attack("29k", "Cut the rows under their head, and go on writing", "control database", "ledger.head-mismatch")
def cut_and_go_on(ground: Ground) -> Tried:
    world = ground.at("bound")
    forget(world)
    cut(world, world.record.ledger.head().size - 1, with_head=False)
    return tried(world.approve, "signed on top")


@attack("30a", "Cut a rejection off the ledger", "control database", "ledger.truncated")
def truncated(ground: Ground) -> Tried:
    world = ground.at("approved")
    size = rejected(world)
    forget(world)
    cut(world, size, with_head=False)
    return admission(world)


@attack("30b", "Cut it off and put the older signed head back", "control database", "ledger.shrunk")
def older_head(ground: Ground) -> Tried:
    world = ground.at("approved")
    cut(world, rejected(world), with_head=True)
    return admission(world)


@attack("30c", "Cut it off, put the older head back, and go on writing", "control database", "ledger.shrunk")
def older_head_written(ground: Ground) -> Tried:
    world = ground.at("approved")
    cut(world, rejected(world), with_head=True)
    return tried(lambda: world.approve("bo", reason="again"), "signed on top")


@attack("30d", "Take only the newest signed head away", "control database", "ledger.head-missing")
def newest_head(ground: Ground) -> Tried:
    world = ground.at("approved")
    forget(world)
    assert world.sql("delete from checkpoints where size = (select max(size) from checkpoints)") == 1
    return admission(world)


@attack("30e", "Restore the whole control database of before the rejection", "control database", "ledger.shrunk")
def restored_backup(ground: Ground) -> Tried:
    world = ground.at("approved")
    world.database.close()
    file = world.path / "control.db"
    backup = file.read_bytes()
    world = type(world)(world.path)
    rejected(world)
    world.database.close()
    for left in world.path.glob("control.db-*"):
        left.unlink()
    file.write_bytes(backup)
    return admission(type(world)(world.path))


@attack("31a", "Rewrite the history with the log's key, as long as before", "key files", "ledger.forked")
def rewritten_history(ground: Ground) -> Tried:
    world = ground.at("approved")
    rejected(world)
    last = len(leaves_of(world)) - 1
    world.sql("delete from statement_subjects where statement = ?", last)
    world.sql("delete from statements where position = ?", last)
    rewrite_ledger(world, lambda entries: entries[:-1])
    with world.database.units.begin() as unit:  # something harmless in its place
        keeping = world.keeper.keeping
        keeping.record.add(unit, world.signoff("di", role="reader"))
    return admission(world)


@attack("31b", "Sign the ledger's head with a key of one's own", "key files", "ledger.note-unsigned")
def foreign_head(ground: Ground) -> Tried:
    world = ground.at("approved")
    forget(world)
    put_leaves(world, leaves_of(world), key="mallory")
    return admission(world)


@attack("31c", "Sign the ledger's head with the gate's key, which may not", "key files", "ledger.note-unsigned")
def head_by_gate(ground: Ground) -> Tried:
    world = ground.at("approved")
    forget(world)
    put_leaves(world, leaves_of(world), key="gatekeeper")
    return admission(world)


@attack(
    "31d",
    "Back-date an entry with the log's key, on a machine that remembers nothing",
    "key files",
    "ledger.entry-back-dated",
)
def back_dated_with_key(ground: Ground) -> Tried:
    world = ground.at("approved")
    forget(world)
    rewrite_ledger(world, lambda all_: [*all_[:-1], replace(all_[-1], time_ns=all_[0].time_ns - DAY_NS)])
    return admission(world)


@attack("31e", "Number two entries alike, with the log's key", "key files", "ledger.entry-misplaced")
def misnumbered_with_key(ground: Ground) -> Tried:
    world = ground.at("approved")
    forget(world)
    rewrite_ledger(world, lambda all_: [replace(all_[0], index=1), *all_[1:]])
    return audit(world)


@attack(
    "31f", "Enter a sign-off as a statement of another kind, with the log's key", "key files", "gates.statement-damaged"
)
def another_kind(ground: Ground) -> Tried:
    world = ground.at("approved")
    world.approve("cy", "reject")
    forget(world)
    rewrite_ledger(world, lambda all_: [*all_[:-1], replace(all_[-1], kind="note")])
    return admission(world)


@attack("31g", "Write a ledger entry that is none, with the log's key", "key files", "ledger.entry-malformed")
def malformed_entry(ground: Ground) -> Tried:
    world = ground.at("approved")
    forget(world)
    leaves = leaves_of(world)
    put_leaves(world, [leaves[0].replace(b"{", b"{ ", 1), *leaves[1:]])
    return audit(world)


@attack("35a", "Turn the clock back at the deployment", "clock", "gates.clock-behind")
def clock_back_at_admission(ground: Ground) -> Tried:
    world = ground.at("approved")
    world.clock.now -= DAY_NS
    return admission(world)


@attack("35b", "Turn the clock back when signing", "clock", "ledger.clock-behind")
def clock_back_at_signing(ground: Ground) -> Tried:
    world = ground.at("bound")
    signoff = world.signoff("bo")
    world.clock.now -= DAY_NS
    return tried(lambda: hand_in(world, signoff), "taken")


@attack("29l", "Note a statement as about something else than it is", "control database", "gates.note-edited")
def noted_elsewhere(ground: Ground) -> Tried:
    world = ground.at("admitted")
    assert world.sql("update statement_subjects set subject = ? where statement = 0", world.made.model) >= 1
    return audit(world)


@attack("29m", "Add statements to the database that no ledger names", "control database", "gates.statement-unlogged")
def unnamed_statements(ground: Ground) -> Tried:
    world = ground.at("approved")
    unlogged(world, world.signoff("di", role="reader"), world.made.release)
    return audit(world)


@attack("29n", "Delete the artefacts behind a decision", "control database", "registry.unknown-artefact")
def deleted_artefacts(ground: Ground) -> Tried:
    world = ground.at("admitted")
    assert world.sql("delete from manifests where digest = ?", world.made.snapshot) == 1
    return audit(world)


@attack(
    "30f",
    "Tell a machine that remembers a ledger of another one, a smaller, a forked one",
    "memory",
    "ledger.other-ledger",
    "ledger.root-rolled-back",
    "ledger.shrunk",
    "ledger.forked",
)
def told_otherwise(ground: Ground) -> Tried:
    world = ground.at("admitted")
    seen = world.record.remembered()
    proof = world.record.ledger.prove_growth(seen.size, seen.size)
    others: dict[str, Remembered] = {
        "another": replace(seen, origin="tests.example/other"),
        "older root": replace(seen, root_version=seen.root_version - 1),
        "smaller": replace(seen, size=seen.size - 1),
        "forked": replace(seen, root=b"\0" * 32),
    }
    return variants({name: lambda one=one: accept(seen, one, proof) for name, one in others.items()})
