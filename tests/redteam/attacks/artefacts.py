"""Attacks on what is served: bytes, paths, manifests, and the last step run alone."""

from dataclasses import replace

from andon.contracts.routing import Position
from andon.gates.bundle import check_bundle, read_bundle
from andon.gates.request import JudgeRequest, serving_ref
from andon.line.serve.cell import Cell
from andon.store.manifest import Input, Manifest
from tests.gates.world import DATA, FACTORY, TARGET
from tests.redteam.catalogue import Ground, Tried, attack, refused, tried, variants
from tests.redteam.moves import admission, bound, loading, overwrite, was_admitted


def flip(world, name="model"):
    path = world.blobs.local(world.the("model").object(name).sha256)
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    overwrite(path, bytes(data))


@attack("1a", "Swap the model's bytes after the Pass, then deploy", "store folder", "store.object-damaged")
def swapped_before_admission(ground: Ground) -> Tried:
    world = ground.at("approved")
    flip(world)
    return admission(world)


@attack(
    "1b", "Swap the model's bytes after the admission, then restart the server", "store folder", "store.object-damaged"
)
def swapped_before_load(ground: Ground) -> Tried:
    world = ground.at("admitted")
    flip(world)
    return loading(world.load)


@attack(
    "1c", "Serve from a store that hands out other bytes without checking them", "store folder", "gates.object-damaged"
)
def a_store_that_lies(ground: Ground) -> Tried:
    world = ground.at("admitted")
    weights = world.the("model").object("model").sha256
    bundle = read_bundle(world.blobs.read(world.made.bundle))

    def careless(digest):
        return b"other weights" if digest == weights else world.blobs.read(digest)

    return loading(lambda: check_bundle(bundle, TARGET, careless, world.trust()))


@attack(
    "1d",
    "Copy another model over the served one and start a worker",
    "store folder",
    "store.object-damaged",
    needs="whole",
)
def copied_over(ground: Ground) -> Tried:
    whole = ground.whole()
    old, new = (whole.object_of(whole.model_of(release), "model") for release in whole.releases)
    overwrite(new, old.read_bytes())
    answered = whole.answered()
    return Tried((answered,) if answered in whole.releases else (), (whole.loaded(whole.releases[1]), answered))


@attack("1e", "Delete a file of the model, so that there is nothing to compare", "store folder", "store.unknown-object")
def removed_object(ground: Ground) -> Tried:
    world = ground.at("approved")
    path = world.blobs.local(world.the("model").object("package.json").sha256)
    path.unlink()
    return admission(world)


@attack("2a", "Give a server a path or loose bytes in place of a bundle", "serve folder", "gates.bundle-damaged")
def a_path(ground: Ground) -> Tried:
    data = (b"weights", b"{}", b"", b'"/models/late.txt"', b'{"release":1}')
    return variants({repr(one): lambda one=one: read_bundle(one) for one in data})


@attack("2b", "Write a bundle by hand around a model that nobody admitted", "serve folder", "gates.not-admitted")
def a_bundle_by_hand(ground: Ground) -> Tried:
    world = ground.at("admitted")
    other = world.release(world.the("model"), latency_ns=1)
    world.add(other)
    bundle = read_bundle(world.blobs.read(world.made.bundle))
    manifests = {**bundle.manifests, other.digest: other.to_json()}
    made = replace(bundle, release=other.digest, manifests=manifests)
    return loading(lambda: check_bundle(made, TARGET, world.blobs.read, world.trust()))


@attack(
    "2c",
    "Load the bundle of another release under this one's name",
    "serve folder",
    "serve.other-bundle",
    needs="whole",
)
def another_bundle(ground: Ground) -> Tried:
    whole = ground.whole()
    old, new = (whole.serving / "bundles" / f"{one.removeprefix('sha256:')}.json" for one in whole.releases)
    overwrite(new, old.read_bytes())
    code = whole.loaded(whole.releases[1])
    return Tried((), (code,)) if code else Tried(("loaded",), ())


@attack("3a", "Run only the deploy step again, without its gate", "python", "gates.no-pass")
def deploy_alone(ground: Ground) -> Tried:
    return admission(ground.at("bound"))


@attack("3b", "Deploy a release that nobody bound", "python", "gates.not-bound")
def never_bound(ground: Ground) -> Tried:
    world = ground.at("approved")
    world.made.release = world.add(world.release(world.the("model"), latency_ns=1))
    world.judge_release(world.the("release"))
    world.approve()
    world.judge_release(world.the("release"))
    return admission(world)


@attack("3c", "Deploy an artefact that is no release", "python", "gates.not-a-release")
def no_release(ground: Ground) -> Tried:
    world = ground.at("approved")
    parts = ("model", "report", "dataset")
    return variants({part: lambda part=part: world.keeper.admit(getattr(world.made, part), TARGET) for part in parts})


@attack("3d", "Deploy a release on top of another one than it was bound for", "python", "gates.predecessor-moved")
def predecessor(ground: Ground) -> Tried:
    world = ground.at("approved")
    first = world.made.release
    bound(world, latency_ns=1)
    assert not refused(world.admit)
    world.made.release = first
    return admission(world)


@attack(
    "3e", "Write the last step into the run's row, with a receipt of one's own", "control database", "gates.no-pass"
)
def run_state(ground: Ground) -> Tried:
    world = ground.at("bound")
    insert = "insert into commits (stage_key, output, run_id, committed_ns) values (?, ?, 'run-1', 1)"
    assert world.sql(insert, world.made.model, world.made.release) == 1
    return admission(world)


@attack("13c", "Hand in a release whose lineage is cut off before its source", "python", "gates.lineage-open")
def no_source(ground: Ground) -> Tried:
    world = ground.at("bound")
    dataset = world.add(replace(world.the("dataset"), inputs=()))
    model = world.model(b"from nowhere", dataset=dataset)
    world.judge_training(model)
    world.judge_model(model)
    world.made.model = model.digest
    return admission(bound(world))


@attack("13d", "Bind a report about another model", "python", "gates.lineage-open")
def other_report(ground: Ground) -> Tried:
    world = ground.at("bound")
    other = world.model(b"other")
    world.judge_training(other)
    report = world.add(world.report(other))
    release = world.release(world.the("model"))
    swapped = replace(release, inputs=(release.inputs[0], replace(release.inputs[1], digest=report)))
    world.made.release = world.keeper.bind(swapped)
    return admission(world.build_approved())


@attack("13e", "Name two models in one release, or none", "python", "gates.lineage-open")
def two_models(ground: Ground) -> Tried:
    world = ground.at("bound")
    other = world.model(b"other")
    world.judge_training(other)
    release = world.release(world.the("model"))
    both = replace(release, inputs=(*release.inputs, Input("model", other.digest)))
    none = replace(release, inputs=release.inputs[1:])
    return variants({"two": lambda: world.keeper.bind(both), "none": lambda: world.keeper.bind(none)})


@attack(
    "12b",
    "Train on rows that no gate published, put under the published name",
    "control database",
    "gates.not-published",
)
def poisoned_dataset(ground: Ground) -> Tried:
    world = ground.at("bound")
    evil = replace(world.the("dataset"), content=(world.put(b"evil rows", "good"),))
    move = "insert into ref_moves (name, sequence, digest, moved_ns) values (?, ?, ?, 1)"
    world.sql(move, "dataset/flights/Schedule", 2, world.add(evil))
    model = world.model(b"poisoned", dataset=evil.digest)
    world.judge_training(model)
    world.judge_model(model)
    world.made.model = model.digest
    return admission(bound(world))


@attack("32a", "Move the name of what is served with plain SQL", "control database", "gates.ref-moved")
def moved_name(ground: Ground) -> Tried:
    world = ground.at("approved")
    name = serving_ref(FACTORY, "late", TARGET)
    move = "insert into ref_moves (name, sequence, digest, moved_ns) values (?, 1, ?, 1)"
    assert world.sql(move, name, world.made.release) == 1
    return tried(
        lambda: world.keeper.serving("late", TARGET), "the gatekeeper takes it for served", lambda: was_admitted(world)
    )


@attack("32b", "Move the name back to yesterday's release", "control database", "gates.ref-moved")
def moved_back(ground: Ground) -> Tried:
    world = ground.at("admitted")
    name = serving_ref(FACTORY, "late", TARGET)
    assert world.sql("update ref_moves set digest = ? where name = ?", world.made.model, name) == 1
    return tried(lambda: world.keeper.champion("late", TARGET), "another model is the champion")


@attack("33a", "Say in the engine's tables that every stage is done", "control database", "gates.no-pass")
def engine_state(ground: Ground) -> Tried:
    world = ground.at("founded")
    world.judge_data(world.batch())
    world.made.dataset = world.database.refs.get("dataset/flights/Schedule").digest
    model = world.model()
    world.made.model = world.add(model)
    insert = "insert into commits (stage_key, output, run_id, committed_ns) values (?, ?, 'run-1', 1)"
    assert world.sql(insert, model.stage_key, model.digest) == 1
    world.add(world.report(model))
    return admission(bound(world))


@attack("34a", "Delete the history of a name", "control database", "gates.ref-moved")
def deleted_history(ground: Ground) -> Tried:
    world = ground.at("admitted")
    assert world.sql("delete from ref_moves where name = ?", serving_ref(FACTORY, "late", TARGET)) == 1
    return tried(lambda: world.keeper.champion("late", TARGET), "the target counts as empty")


@attack("40a", "Hide a file beside the model that its manifest does not list", "serve folder", "gates.bundle-damaged")
def hidden_file(ground: Ground) -> Tried:
    world = ground.at("admitted")
    bundle = read_bundle(world.blobs.read(world.made.bundle))
    model = world.the("model")
    grown = replace(model, content=(*model.content, world.put(b"import os", "hidden.py")))
    changed = replace(bundle, manifests={**bundle.manifests, world.made.model: grown.to_json()})
    return loading(lambda: check_bundle(changed, TARGET, world.blobs.read, world.trust()))


@attack("40b", "Release a model that has no bytes of its own", "python", "gates.object-missing")
def empty_model(ground: Ground) -> Tried:
    world = ground.at("bound")
    hollow = Manifest("model", (), "", (Input("snapshot", world.made.snapshot),), world.made.snapshot, {})
    world.judge_training(hollow)
    world.judge_model(hollow)
    world.made.model = hollow.digest
    return admission(bound(world))


@attack("13f", "Publish rows that the gate did not judge", "python", "gates.publication-elsewhere")
def smuggled_rows(ground: Ground) -> Tried:
    world = ground.at("founded")
    batch = world.batch()
    publication = world.publication(batch)
    smuggled = (*publication.manifest.content, world.put(b"smuggled", "1.parquet"))
    publication = replace(publication, manifest=replace(publication.manifest, content=smuggled))
    evidence = evidence_for(world, batch)
    request = JudgeRequest(FACTORY, DATA, evidence, batch, publish=publication)
    return tried(lambda: world.keeper.judge(request), "they are published")


def evidence_for(world, batch):
    from andon.contracts.evidence import Evidence, Measurement

    return Evidence(batch.digest, batch.object("landed").sha256, (Measurement("blocked", 0.0, n=4),))


@attack(
    "48a",
    "Move the route to a table that was never signed, as a worker could",
    "serve folder",
    "no routing table",
    needs="whole",
)
def route_forward(ground: Ground) -> Tried:
    whole = ground.whole()
    cell = Cell(whole.serving / "cell")
    cell.move(Position(99, 7))
    cell.close()
    answered = whole.answered()
    found = "no routing table" if "no routing table" in answered else answered
    return Tried((answered,) if answered in whole.releases else (), (found,))
