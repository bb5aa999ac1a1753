import pytest

from andon.adapters.sql.database import open_database
from andon.kernel.digest import of_bytes
from andon.kernel.errors import InputError, IntegrityError
from andon.store.manifest import Input, Manifest, Object


@pytest.fixture
def database(tmp_path):
    opened = open_database(f"sqlite:///{tmp_path}/andon.db")
    yield opened
    opened.close()


def manifest(kind="dataset", n=0, inputs=()):
    return Manifest(
        kind=kind,
        content=(Object(of_bytes(b"rows"), 4, 1, "part-0.parquet"),),
        contract=of_bytes(b"contract"),
        inputs=tuple(Input(role, digest) for role, digest in inputs),
        stage_key="",
        facts={"n": n},
    )


def add(database, *manifests):
    with database.units.begin() as unit:
        return [database.manifests.add(unit, item) for item in manifests]


def tamper(database, sql):
    """Change the file as somebody would who does not go through andon."""
    with database.engine.begin() as connection:
        for table in ("manifests", "manifest_inputs"):
            connection.exec_driver_sql(f"DROP TRIGGER {table}_no_update")
        connection.exec_driver_sql(sql)


def test_an_artefact_comes_back_by_its_identity(database):
    one = manifest(inputs=[("batch", of_bytes(b"b")), ("parent", of_bytes(b"p"))])
    assert add(database, one) == [one.digest]
    assert database.manifests.get(one.digest) == one


def test_the_same_artefact_again_changes_nothing(database):
    parent = manifest()
    child = manifest(n=1, inputs=[("parent", parent.digest)])
    add(database, parent, child, child)
    add(database, child, parent)
    assert database.manifests.of_kind("dataset", 10) == [child.digest, parent.digest]
    assert database.manifests.users_of(parent.digest) == [child.digest]


def test_an_unknown_artefact_is_refused(database):
    for digest, code in ((of_bytes(b"never"), "registry.unknown-artefact"), ("latest", "digest.malformed")):
        with pytest.raises(InputError) as caught:
            database.manifests.get(digest)
        assert caught.value.code == code


def test_users_are_found_once_each_in_the_order_they_were_recorded(database):
    used = manifest()
    users = [manifest("snapshot", n, [("dataset:a", used.digest), ("dataset:b", used.digest)]) for n in (5, 3, 9)]
    unrelated = manifest("snapshot", 1, [("dataset:a", of_bytes(b"other"))])
    add(database, used, users[0], unrelated, users[1], users[2])
    assert database.manifests.users_of(used.digest) == [user.digest for user in users]
    assert database.manifests.users_of(users[0].digest) == []


def test_a_kind_lists_its_newest_first_up_to_the_limit(database):
    models = [manifest("model", n) for n in range(4)]
    add(database, models[0], manifest("report"), *models[1:])
    newest = [model.digest for model in reversed(models)]
    for limit in range(6):
        assert database.manifests.of_kind("model", limit) == newest[:limit]
    assert database.manifests.of_kind("release", 5) == []


@pytest.mark.parametrize(
    "change", ["body = cast(replace(body, '1', '2') as blob)", "body = x''", "digest = 'sha256:' || hex(zeroblob(32))"]
)
def test_a_record_that_was_changed_is_never_given_out(database, change):
    one = manifest(n=1)
    add(database, one)
    tamper(database, f"UPDATE manifests SET {change}")
    with pytest.raises((IntegrityError, InputError)) as caught:
        database.manifests.get(one.digest)
    assert caught.value.code in ("registry.manifest-damaged", "registry.unknown-artefact")


def test_a_damaged_record_is_not_taken_for_the_same_artefact(database):
    one = manifest(n=1)
    add(database, one)
    tamper(database, "UPDATE manifests SET body = x'00'")
    with pytest.raises(IntegrityError) as caught:
        add(database, one)
    assert caught.value.code == "registry.manifest-damaged"
