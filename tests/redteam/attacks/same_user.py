"""Attacks by whoever is the same OS user as the gatekeeper: what tier T0 cannot stop, and says so."""

from dataclasses import replace

from andon.adapters.keys import load_signer
from andon.adapters.trust_folder import HomeFolder
from andon.attest.succession import seal_root
from andon.attest.trust_json import fingerprint
from andon.gates.verdict import content_of, verdict_statement
from tests.gates.world import DAY_NS, GOOD_AUC, World
from tests.redteam.attacks.trust import with_mallory
from tests.redteam.catalogue import Ground, Tried, attack, refused
from tests.redteam.moves import (
    admission,
    bound,
    cut,
    forget,
    loading,
    rejected,
    rewrite_ledger,
    rows_of,
)

KEYS = "at T0 every process of the one user can read every key"
FILES = "at T0 the database, the memory and the trust folder are files of the same user"
DENIED = "denied"
STEAL = """
import pathlib
pathlib.Path({to!r}).write_bytes(pathlib.Path({what!r}).read_bytes())
"""


@attack(
    "47a", "Read the gatekeeper's key in factory.py, on import", "user code", DENIED, open_at_t0=KEYS, needs="whole"
)
def key_read_on_import(ground: Ground) -> Tried:
    whole = ground.whole()
    (key,) = whole.place.home.glob("*/keys/gatekeeper.pem")
    stolen = ground.folder / "stolen.pem"
    whole.place.rewrite("factory.py", lambda code: code + STEAL.format(to=str(stolen), what=str(key)))
    answer = whole.place.andon("check")
    done = stolen.exists() and stolen.read_bytes() == key.read_bytes()
    return Tried(("user code holds the gate's key",) if done else (), (str(answer.code),))


@attack(
    "12c",
    "Read the holdout's rows in factory.py",
    "user code",
    DENIED,
    open_at_t0="at T0 the store is a folder of the same user",
    needs="whole",
)
def holdout_read(ground: Ground) -> Tried:
    whole = ground.whole()
    (body,) = whole.sql("select body from manifests where kind = 'snapshot' order by sequence desc limit 1")[0]
    import json

    holdout = [one for one in json.loads(body)["content"] if "holdout" in (one["name"] or "")]
    stolen = ground.folder / "holdout.parquet"
    path = whole.stored(holdout[0]["sha256"])
    whole.place.rewrite("factory.py", lambda code: code + STEAL.format(to=str(stolen), what=str(path)))
    answer = whole.place.andon("check")
    return Tried(("user code holds the holdout",) if stolen.exists() else (), (str(answer.code),))


@attack("47b", "Approve one's own model with a colleague's key", "key files", DENIED, open_at_t0=KEYS)
def colleagues_key(ground: Ground) -> Tried:
    world = ground.at("bound")
    world.approve("bo")
    world.judge_release(world.the("release"))
    return admission(world)


@attack("47c", "Sign a Pass over invented values with the gate's key", "key files", DENIED, open_at_t0=KEYS)
def invented_values(ground: Ground) -> Tried:
    world = ground.at("bound")
    first = world.verdict(world.made.model, "model:late")
    model = world.model(b"never measured")
    world.judge_training(model)
    evidence = replace(first.evidence, subject=model.digest, measurements=(GOOD_AUC,))
    about = {"subject": model.digest, "content": content_of(model), "evidence": evidence}
    world.forge(verdict_statement(replace(first, time_ns=world.clock.now_ns(), **about)))
    world.made.model = world.add(model)
    world.add(world.report(model))
    return admission(bound(world))


@attack(
    "31h",
    "Rewrite the history without a rejection, with the log's key, and delete the memory",
    "key files",
    DENIED,
    open_at_t0=KEYS,
)
def history_without_rejection(ground: Ground) -> Tried:
    world = ground.at("approved")
    rejected(world)
    last = rows_of(world, "select max(position) from ledger_leaves")[0][0]
    world.sql("delete from statement_subjects where statement = ?", last)
    world.sql("delete from statements where position = ?", last)
    rewrite_ledger(world, lambda entries: entries[:-1])
    forget(world)
    return admission(world)


@attack("30g", "Put an older signed head back and delete the memory", "memory", DENIED, open_at_t0=FILES)
def older_head_and_no_memory(ground: Ground) -> Tried:
    world = ground.at("approved")
    cut(world, rejected(world), with_head=True)
    forget(world)
    return admission(world)


@attack("38u", "Replace the pinned fingerprint and the trust root together", "memory", DENIED, open_at_t0=FILES)
def another_pin(ground: Ground) -> Tried:
    world = ground.at("bound")
    root = replace(world.root, principals=with_mallory(world.root, world))
    (world.path / "trust" / "root-000001.json").unlink()
    world.roots.add(1, seal_root(root, [load_signer(world.home.key("al"))]))
    (world.path / "home" / "pinned-root").unlink()
    HomeFolder(world.path / "home").pin(fingerprint(root))
    world = World(world.path)
    world.approve("mallory")
    world.judge_release(world.the("release"))
    return admission(world)


@attack(
    "35c",
    "Set the clock a year ahead and decide, so that an entry is dated in the future",
    "clock",
    DENIED,
    open_at_t0="without a witness nobody else's clock is asked",
)
def clock_ahead(ground: Ground) -> Tried:
    world = ground.at("bound")
    world.clock.now += 300 * DAY_NS
    code = refused(world.approve)
    return Tried(() if code else ("an entry of next year stands in the ledger",), (code,) if code else ())


@attack(
    "1f",
    "Keep a file descriptor of a stored object open and write to it after the admission",
    "store folder",
    "store.object-damaged",
)
def open_descriptor(ground: Ground) -> Tried:
    world = ground.at("approved")
    path = world.blobs.local(world.the("model").object("model").sha256)
    path.chmod(0o600)
    with path.open("r+b", buffering=0) as held:
        path.chmod(0o400)
        world.admit()
        held.write(b"W")
    return loading(world.load)


@attack(
    "1g",
    "Exchange the model between its check and its use",
    "store folder",
    "gates.object-damaged",
    "store.object-damaged",
)
def exchanged_in_between(ground: Ground) -> Tried:
    """The store is checked, and hands out other bytes at the next look: what is checked must be what is used."""
    from andon.gates.bundle import check_bundle, read_bundle
    from tests.gates.world import TARGET

    world = ground.at("admitted")
    weights = world.the("model").object("model").sha256
    bundle = read_bundle(world.blobs.read(world.made.bundle))
    looks: list[str] = []

    def changing(digest):
        looks.append(digest)
        return b"evil" if digest == weights and looks.count(digest) > 1 else world.blobs.read(digest)

    loaded = check_bundle(bundle, TARGET, changing, world.trust())
    used = loaded.objects["model"]
    return Tried(("other bytes are used than were checked",) if used == b"evil" else (), ("gates.object-damaged",))
