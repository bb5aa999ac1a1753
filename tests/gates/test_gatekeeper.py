"""The gatekeeper: what it writes, what it answers, and what it does when asked twice."""


def test_the_whole_line_from_a_batch_to_a_loaded_release(at):
    world = at("approved")
    receipt = world.admit()
    loaded = world.load()
    assert (loaded.release, receipt.sequence) == (world.made.release, 1)
    assert loaded.objects["model"] == b"weights"
