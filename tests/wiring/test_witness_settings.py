"""What `andon.toml` may say of witnesses."""

from pathlib import Path

import pytest

from andon.adapters.witness.client import HttpWitness
from andon.adapters.witness.sink import FolderWitness
from andon.kernel.errors import InputError, UsageError
from andon.wiring.settings import load_settings
from andon.wiring.witness_settings import WitnessAt, read_witnesses
from andon.wiring.witnessing import witnesses_at

HTTP = {"name": "w1", "url": "https://w.example/andon"}
FOLDER = {"name": "w.example/2", "url": "folder:/srv/witness"}


def test_witnesses_are_read_in_order_and_become_what_asks_them():
    found = read_witnesses(Path("andon.toml"), [HTTP, FOLDER])
    assert found == (WitnessAt(**HTTP), WitnessAt(**FOLDER))
    asked = witnesses_at(found, ())
    assert asked == (HttpWitness("w1", HTTP["url"]), FolderWitness("w.example/2", Path("/srv/witness"), ()))


@pytest.mark.parametrize(
    "tables",
    [
        HTTP,
        ["w1"],
        [{"name": "w1"}],
        [{**HTTP, "key": "x"}],
        [HTTP, HTTP],
        [{**HTTP, "name": ""}],
        [{**HTTP, "name": "two words"}],
        [{**HTTP, "url": "folder:relative"}],
        [{**HTTP, "url": "ftp://w.example"}],
        [{**HTTP, "url": ""}],
    ],
    ids=str,
)
def test_anything_else_is_refused_with_what_was_found(tables):
    with pytest.raises(InputError) as caught:
        read_witnesses(Path("andon.toml"), tables)
    assert caught.value.code == "settings.malformed"
    assert caught.value.found


def test_a_url_that_means_nothing_is_refused_when_it_is_asked_for():
    with pytest.raises(UsageError, match=r"witness\.not-a-url"):
        witnesses_at((WitnessAt("w1", "http://host:port"),), ())


def test_a_factory_has_the_witnesses_that_its_settings_name(founded):
    path = founded.folder / "andon.toml"
    path.write_text(path.read_text() + '\n[[witness]]\nname = "w1"\nurl = "http://127.0.0.1:7890"\n')
    assert load_settings(founded.folder).witnesses == (WitnessAt("w1", "http://127.0.0.1:7890"),)
