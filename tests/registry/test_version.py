import pytest

from andon.adapters.sql.database import open_database
from andon.kernel.digest import of_bytes
from andon.kernel.errors import InputError, UsageError
from andon.registry.version import check_name, resolve
from andon.store.manifest import Manifest


@pytest.fixture
def published(tmp_path):
    """A database where model/delay stood at three models, and their digests."""
    database = open_database(f"sqlite:///{tmp_path}/andon.db")
    models = [Manifest("model", (), "", (), "", {"n": n}) for n in range(3)]
    for number, model in enumerate(models):
        with database.units.begin() as unit:
            database.manifests.add(unit, model)
            before = models[number - 1].digest if number else None
            database.refs.move(unit, "model/delay", before, model.digest, number)
    yield database, [model.digest for model in models]
    database.close()


def test_a_name_means_where_it_stands_and_a_number_where_it_stood(published):
    database, models = published

    def meant(text):
        return resolve(text, database.refs, database.manifests)

    assert meant("model/delay") == models[2]
    assert [meant(f"model/delay@{n}") for n in (1, 2, 3)] == models
    assert meant(models[0]) == models[0]


@pytest.mark.parametrize(
    ("text", "kind", "code"),
    [
        ("model/delay@4", InputError, "registry.unknown-version"),
        ("model/other", InputError, "registry.unknown-version"),
        ("model/delay@0", UsageError, "registry.not-a-version"),
        ("model/delay@-1", UsageError, "registry.not-a-version"),
        ("model/delay@latest", UsageError, "registry.not-a-version"),
        ("model/delay@1@2", UsageError, "registry.not-a-version"),
        ("", UsageError, "registry.not-a-version"),
        ("../model", InputError, "registry.malformed-name"),
        ("sha256:12ab", InputError, "digest.malformed"),
        (of_bytes(b"never"), InputError, "registry.unknown-artefact"),
    ],
)
def test_what_means_nothing_is_refused_with_a_fix(published, text, kind, code):
    database, _ = published
    with pytest.raises(kind) as caught:
        resolve(text, database.refs, database.manifests)
    assert caught.value.code == code
    assert caught.value.fix


def test_a_wrong_number_is_answered_with_the_right_ones_and_a_wrong_name_with_its_neighbours(published):
    database, _ = published
    with pytest.raises(InputError) as number:
        resolve("model/delay@9", database.refs, database.manifests)
    assert number.value.found == "versions 1 to 3"
    with pytest.raises(InputError) as name:
        resolve("model/dealy", database.refs, database.manifests)
    assert name.value.found == "model/delay"


def test_names_are_words_joined_by_slashes():
    for name in ("model/delay", "a", "online/Schedule.v2", "_x/0-1"):
        assert check_name(name) == name
