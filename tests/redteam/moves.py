"""What attackers do, in words of their own: the moves that attacks are made of, and how one sees what they reached."""

import json
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from andon.adapters.keys import load_signer
from andon.attest import envelope as envelopes
from andon.attest.envelope import Envelope, from_json
from andon.attest.statement import GATE_VERDICT, from_bytes
from andon.attest.succession import seal_root
from andon.attest.trust_root import TrustRoot
from andon.contracts.evidence import Measurement
from andon.contracts.policy import Criterion
from andon.kernel.canonical import dumps
from andon.kernel.digest import of_bytes
from andon.ledger.checkpoint import Checkpoint, sign
from andon.ledger.entry import Entry, leaf_bytes, parse_leaf
from andon.ledger.merkle import completed_nodes, leaf_hash, root
from tests.gates.world import DOMAIN, FACTORY, GOOD_AUC, MODEL, World
from tests.redteam.catalogue import Tried, refused

BAD_AUC = Measurement("auc", 0.66, lower=0.62, upper=0.7, n=5000)
LOOSE = replace(MODEL, criteria=(replace(MODEL.criteria[0], bound=0.5),))


def rows_of(world: World, query: str, *values: object) -> list[tuple]:
    """A query of the control database, past andon."""
    with closing(sqlite3.connect(world.path / "control.db")) as database:
        return database.execute(query, values).fetchall()


def was_admitted(world: World, release: str = "") -> bool:
    """Whether a signed admission of the release stands in the control database: the goal of most attacks."""
    wanted = release or world.made.release
    found = rows_of(world, "select envelope from statements where predicate_type like 'andon/admission/%'")
    statements = [from_bytes(from_json(bytes(envelope)).payload) for (envelope,) in found]
    return any(subject.digest == wanted for one in statements for subject in one.subjects)


def admission(world: World) -> Tried:
    """Ask for the admission of this world's release, and see whether it was signed."""
    before = was_admitted(world)
    code = refused(world.admit)
    reached = was_admitted(world) and not before
    return Tried(("an admission was signed",) if reached else (), (code,) if code else ())


def loading(load: Callable[[], object]) -> Tried:
    """Let a server load a release."""
    code = refused(load)
    return Tried((), (code,)) if code else Tried(("a server loaded it",), ())


def hand_in(world: World, envelope: Envelope) -> str:
    """Hand in what somebody signed, as the gatekeeper takes it from anybody."""
    return world.keeper.hand_in(envelope)


def overwrite(path: Path, data: bytes) -> None:
    """Write a file that was meant never to change again."""
    path.chmod(0o600)
    path.write_bytes(data)


def forget(world: World) -> None:
    """Delete what this machine remembers of the ledger."""
    (world.path / "home" / "remembered.json").unlink()


def built(world: World, *measured: Measurement, model_policy=MODEL, **facts: object) -> World:
    """A bound and approved release in a founded world, whose model was measured like this."""
    world.judge_data(world.batch())
    world.made.dataset = world.database.refs.get("dataset/flights/Schedule").digest
    model = world.model()
    world.made.model = model.digest
    world.judge_training(model)
    world.judge_model(model, *(measured or (GOOD_AUC,)), policy=model_policy)
    return bound(world, **facts)


def bound(world: World, **facts: object) -> World:
    """A release of this world's model with such facts, bound and approved."""
    world.made.release = world.keeper.bind(world.release(world.the("model"), **facts))
    return world.build_approved()


def rewrite_ledger(world: World, change: Callable[[list[Entry]], list[Entry]], *, key: str = "ledger") -> None:
    """Write the whole ledger anew, every hash and every signed head: what who holds the log's key can do."""
    leaves = [bytes(leaf) for (leaf,) in rows_of(world, "select leaf from ledger_leaves order by position")]
    put_leaves(world, [leaf_bytes(one) for one in change([parse_leaf(leaf) for leaf in leaves])], key=key)


def put_leaves(world: World, leaves: list[bytes], *, key: str = "ledger", heads: bool = True) -> None:
    """Put these leaves in place of the ledger; with `heads`, each size gets a head signed with a key."""
    for table in ("ledger_leaves", "ledger_nodes", *(("cosignatures", "checkpoints") if heads else ())):
        world.sql(f"delete from {table}")
    signer, hashes = load_signer(world.home.key(key)), []
    known: dict[tuple[int, int], bytes] = {}
    with world.database.units.begin() as unit:
        for index, leaf in enumerate(leaves):
            nodes = completed_nodes(index, leaf_hash(leaf), lambda level, at: known[level, at])  # noqa: B023  # called at once
            known |= {(node.level, node.index): node.hash for node in nodes}
            hashes.append(leaf_hash(leaf))
            world.database.ledger_rows.append(unit, index, leaf, nodes)
            if heads:
                head = Checkpoint(f"{DOMAIN}/{FACTORY}", index + 1, root(hashes))
                world.database.checkpoints.save(unit, index + 1, sign(head, signer))


def cut(world: World, size: int, *, with_head: bool) -> None:
    """Take the end off ledger and statements."""
    world.sql("delete from statement_subjects where statement >= ?", size)
    world.sql("delete from statements where position >= ?", size)
    world.sql("delete from ledger_leaves where position >= ?", size)
    for level in range(8):
        world.sql("delete from ledger_nodes where level = ? and (position + 1) << ? > ?", level, level, size)
    if with_head:
        world.sql("delete from cosignatures where size > ?", size)
        world.sql("delete from checkpoints where size > ?", size)


def rejected(world: World) -> int:
    """Cy rejects an approved release; returns how long the ledger was before."""
    size = world.record.ledger.head().size
    world.approve("cy", "reject")
    return size


def grow_root(world: World, signers: Iterable[str] = ("al",), **changes: object) -> TrustRoot:
    """A next version of the trust root, sealed by whoever, put into the trust folder."""
    now = world.root
    grown = replace(now, **({"version": now.version + 1} | changes))
    world.roots.add(grown.version, seal_root(grown, [load_signer(world.home.key(name)) for name in signers]))
    return grown


def edit_statement(world: World, change: Callable[[dict], None], *, under_new_digest: bool) -> None:
    """Edit the newest verdict over the model in the control database."""
    (sealed,) = world.database.statements.about(world.made.model, GATE_VERDICT)[-1:]
    envelope = json.loads(sealed.envelope)
    change(envelope)
    data = dumps(envelope)
    digest = of_bytes(data) if under_new_digest else sealed.digest
    struck = world.sql("update statements set envelope = ?, digest = ? where position = ?", data, digest, sealed.index)
    assert struck == 1


def unlogged(world: World, envelope: Envelope, subject: str, position: int = 99) -> None:
    """Put a signed statement into the database that no ledger entry names."""
    statement = from_bytes(envelope.payload)
    insert = "insert into statements (position, digest, predicate_type, envelope) values (?, ?, ?, ?)"
    digest, data = envelopes.digest_of(envelope), envelopes.to_json(envelope)
    world.sql(insert, position, digest, statement.predicate_type, data)
    link = "insert into statement_subjects (statement, ordinal, subject) values (?, 0, ?)"
    world.sql(link, position, subject)


def criterion(metric: str, bound: float, **more: object) -> Criterion:
    """At least `bound`."""
    return Criterion(metric, "ge", bound, **more)
