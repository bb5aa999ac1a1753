"""Somebody edits a byte of the model file in the store."""

from andon.gates.bundle import check_bundle, read_bundle
from tests.gates.world import TARGET, refusal


def test_untouched_the_same_release_is_admitted(at):
    world = at("approved")
    assert world.admit().release == world.made.release
    assert world.load().release == world.made.release


def flip_a_byte(world, name="model"):
    path = world.blobs.local(world.the("model").object(name).sha256)
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(data)


def test_admission_refuses_the_edited_model(at):
    world = at("approved")
    flip_a_byte(world)
    assert refusal(world.admit) == "store.object-damaged"


def test_a_server_refuses_the_edited_model(at):
    world = at("admitted")
    flip_a_byte(world)
    assert refusal(world.load) == "store.object-damaged"


def test_a_server_whose_store_checks_nothing_refuses_it_all_the_same(at):
    world = at("admitted")
    weights = world.the("model").object("model").sha256
    bundle = read_bundle(world.blobs.read(world.made.bundle))

    def careless(digest):
        return b"other weights" if digest == weights else world.blobs.read(digest)

    assert refusal(lambda: check_bundle(bundle, TARGET, careless, world.trust())) == "gates.object-damaged"


def test_a_model_file_that_is_gone_is_refused(at):
    world = at("approved")
    path = world.blobs.local(world.the("model").object("package.json").sha256)
    path.chmod(0o644)
    path.unlink()
    assert refusal(world.admit) == "store.unknown-object"
