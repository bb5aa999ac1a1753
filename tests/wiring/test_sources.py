"""Sources without a function, through the whole ingest run: the keyless child, the data gate, and what is told."""

import os
from pathlib import Path

import polars as pl
import pytest

from andon.kernel.errors import InputError
from andon.runtime.landing import files_of
from andon.wiring.factory import open_factory
from tests.wiring.source_factory import SourceFactory

HEAD = "id,at,size,note\n"
SOON = 'settle="0s"'


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """A folder for a factory, with people and keys of its own."""
    monkeypatch.setenv("ANDON_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ANDON_AS", "ada")
    folder = tmp_path / "orders"
    (folder / "landing").mkdir(parents=True)
    return folder


def published(folder: Path) -> tuple[pl.DataFrame, list[str]]:
    """The published rows, and the names of the files that the last batch came from."""
    with open_factory(folder) as opened:
        manifests = opened.database.manifests
        version = manifests.get(opened.database.refs.get("dataset/orders/Order").digest)
        rows = [pl.read_parquet(opened.blobs.local(item.sha256)) for item in version.content]
        batch = manifests.get(version.inputs_of("batch")[0])
        return pl.concat(rows), [file.name for file in files_of(batch)]


def test_each_file_is_landed_once_and_a_changed_one_again(place):
    factory = SourceFactory.found(place, 'files("landing/*.csv")', SOON)
    (place / "landing" / "a.csv").write_text(HEAD + "1,2026-01-01,5,x\n2,2026-01-02,6,\n")
    assert factory.run().exit_code == 0
    assert [*published(place)[0]["id"]] == ["1", "2"]
    factory.run()
    assert factory.told[-1] == "order: nothing new to read"
    (place / "landing" / "b.csv").write_text("note,size,at,id\n,7,2026-01-03,3\n")
    factory.run()
    rows, files = published(place)
    assert [*rows["id"]] == ["1", "2", "3"]
    assert files == ["b.csv"]
    (place / "landing" / "a.csv").write_text(HEAD + "1,2026-01-01,5,x\n2,2026-01-02,6,\n4,2026-01-04,8,\n")
    factory.run()
    rows, files = published(place)
    assert [*rows["id"]] == ["1", "2", "3", "4"]
    assert files == ["a.csv"]
    assert "in 3 good 1 quarantined 0 duplicate 2" in " ".join(factory.told)
    os.utime(place / "landing" / "a.csv")
    factory.run()
    assert factory.told[-1] == "order: nothing new to read"


def test_nothing_is_lost_when_the_gate_refuses(place):
    factory = SourceFactory.found(place, 'files("landing/*.csv")', SOON)
    file = place / "landing" / "a.csv"
    file.write_text(HEAD + "1,2026-01-01,many,x\n")
    assert factory.run().exit_code == 4
    file.write_text(HEAD + "1,2026-01-01,5,x\n")
    assert factory.run().exit_code == 0
    assert published(place)[0].height == 1


def test_a_refusal_of_a_file_names_file_line_and_way_out(place):
    factory = SourceFactory.found(place, 'files("landing/*.csv")', SOON)
    (place / "landing" / "a.csv").write_text(HEAD + "1,2026-01-01,5,x\n2,2026-01-02\n")
    with pytest.raises(InputError) as caught:
        factory.run()
    assert caught.value.code == "files.ragged"
    assert caught.value.place.endswith("a.csv:3")
    assert caught.value.fix
