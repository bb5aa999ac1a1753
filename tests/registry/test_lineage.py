"""Lineage: nothing that an artefact was made from is left out, and nothing else is shown."""

from hypothesis import given, settings
from hypothesis import strategies as st

from andon.kernel.digest import of_bytes
from andon.kernel.errors import InputError
from andon.registry.lineage import ancestors, describe, is_closed
from andon.store.manifest import Input, Manifest, Object


def made(kind, *inputs, contract="", **facts):
    return Manifest(kind, (), contract, tuple(Input(role, one.digest) for role, one in inputs), "", facts)


def finder(*manifests):
    known = {one.digest: one for one in manifests}

    def manifest_of(digest):
        if digest not in known:
            raise InputError("registry.unknown-artefact", "There is no such artefact.", found=digest)
        return known[digest]

    return manifest_of


def chain(length):
    """A dataset that grew by one batch at a time, as publication makes it."""
    version, everything = None, []
    for number in range(length):
        onto = (("onto", version),) if version else ()
        batch = made("batch", *onto, number=number, contract_name="Schedule")
        previous = (("previous", version),) if version else ()
        version = made("dataset", *previous, ("batch", batch), contract=of_bytes(b"c"), rows=number)
        everything += [batch, version]
    return version, everything


@given(st.data())
@settings(max_examples=60)
def test_every_ancestor_is_shown_once_and_nothing_else(data):
    everything = [made("batch", number=0)]
    for number in range(1, data.draw(st.integers(1, 12))):
        used = data.draw(st.lists(st.sampled_from(everything), max_size=4, unique_by=lambda one: one.digest))
        roles = data.draw(st.lists(st.sampled_from(["onto", "previous", "batch", "model"]), min_size=4, max_size=4))
        everything.append(made("dataset", *zip(roles, used, strict=False), number=number))
    start = data.draw(st.sampled_from(everything))
    by_digest = {one.digest: one for one in everything}

    def reach(digest):
        below = [reach(item.digest) for item in by_digest[digest].inputs]
        return {digest}.union(*below)

    shown = [one.digest for one in ancestors(start.digest, finder(*everything))]
    assert set(shown) == reach(start.digest)
    assert len(shown) == len(set(shown))
    assert shown[0] == start.digest


def test_earlier_versions_stand_beside_the_later_one_each_above_its_own_batch():
    version, everything = chain(3)
    lines = [(one.depth, one.manifest.kind, one.role) for one in ancestors(version.digest, finder(*everything))]
    assert lines == [
        (0, "dataset", ""),
        (1, "batch", "batch"),
        (0, "dataset", "previous"),
        (1, "batch", "batch"),
        (0, "dataset", "previous"),
        (1, "batch", "batch"),
    ]


def test_a_batch_alone_shows_the_version_it_was_compared_with():
    _, everything = chain(2)
    batch = everything[2]
    shown = ancestors(batch.digest, finder(*everything))
    assert [(one.manifest.kind, one.role) for one in shown] == [("batch", ""), ("dataset", "onto"), ("batch", "batch")]


def test_a_long_history_needs_no_deep_stack():
    version, everything = chain(3_000)
    assert len(ancestors(version.digest, finder(*everything))) == 6_000


def test_a_missing_ancestor_ends_its_branch_and_says_so():
    version, everything = chain(2)
    shown = ancestors(version.digest, finder(*everything[1:]))
    assert not is_closed(shown)
    assert [one.problem for one in shown if one.manifest is None] == [
        "There is no such artefact. (registry.unknown-artefact)"
    ]
    assert is_closed(ancestors(version.digest, finder(*everything)))


def test_descriptions_say_kind_name_and_size():
    digest = of_bytes(b"x")
    dataset = Manifest(
        "dataset",
        (Object(digest, 9, 7, "000001.parquet"),),
        "",
        (),
        "",
        {"contract": "Schedule", "rows": 7, "until_ns": "1800000000123456789"},
    )
    snapshot = Manifest(
        "snapshot", (Object(digest, 9, 7, "fit.parquet"), Object(digest, 9, None, "plan.json")), "", (), "", {}
    )
    batch = made("batch", contract="")
    counted = Manifest(
        "batch", (), "", (), "", {"contract": "Schedule", "counts": {"in": 4, "good": 3, "duplicate": 0}}
    )
    assert describe(dataset) == "dataset Schedule: 7 rows in 1 object, up to 2027-01-15T08:00:00Z"
    assert describe(snapshot) == "snapshot: fit 7 rows"
    assert describe(batch) == "batch"
    assert describe(counted) == "batch Schedule: in 4 good 3 duplicate 0"
    assert describe(made("release", model_name="late", target="local")) == "release late for local"
