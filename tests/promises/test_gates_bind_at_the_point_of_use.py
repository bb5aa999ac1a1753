"""A promise: a release is served because every gate on its way passed, and for no other reason."""

from tests.gates.world import TARGET, refusal


def test_the_story_of_one_release(at):
    world = at("founded")

    # A batch comes in. Nothing is published before the data gate says so.
    batch = world.batch()
    assert world.database.refs.get("dataset/flights/Schedule") is None
    assert world.judge_data(batch).outcome == "PASSED"
    world.made.dataset = world.database.refs.get("dataset/flights/Schedule").digest

    # A model is trained, measured on rows it never saw, and judged twice.
    model = world.model()
    assert world.judge_training(model).outcome == "PASSED"
    assert world.judge_model(model).outcome == "PASSED"

    # It is bound to a target. Its author asks for deployment, and is told who is missing.
    world.made.release = world.keeper.bind(world.release(model))
    judged = world.judge_release(world.the("release"))
    assert judged.missing == ("1 sign-off by a person of the role operations",)
    assert refusal(world.admit) == "gates.no-pass"

    # The author's own word is not enough. Somebody else looks at it and signs.
    world.approve("al")
    assert world.judge_release(world.the("release")).outcome == "PENDING"
    world.approve("bo")
    assert world.judge_release(world.the("release")).counted == ("bo",)

    # Now it is admitted, and a server without any database loads the very bytes that were judged.
    assert world.admit().release == world.made.release
    assert world.keeper.serving("late", TARGET) == world.made.release
    assert world.load().objects["model"] == b"weights"
