"""What is in an evidence pack: everything that was said, in forms that others know, and no row of anybody's data."""

import json
import os
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from jsonschema import Draft202012Validator, FormatChecker
from prov.model import ProvDocument
from referencing import Registry, Resource

from andon.kernel.clock import parse_iso
from andon.kernel.errors import InputError
from andon.wiring.calls.evidence.archive import archive
from andon.wiring.calls.evidence.exporting import about_pack, evidence_of, verifier_file
from andon.wiring.calls.evidence.obligations import FILES, ITEMS, file_entry
from andon.wiring.calls.evidence.written import write_new
from andon.wiring.calls.releases import releases_of

VECTORS = Path(os.environ.get("ANDON_VECTORS") or Path(__file__).parents[4] / "shared" / "vectors")


@pytest.fixture(scope="module")
def pack(released_once, tmp_path_factory):
    small = released_once.copied_to(tmp_path_factory.mktemp("pack"))
    with pytest.MonkeyPatch.context() as surroundings:
        surroundings.setenv("ANDON_HOME", str(small.home))
        surroundings.setenv("ANDON_AS", "ada")
        release = releases_of(small.folder).to_json()[0]["release"]
        data = evidence_of(small.folder, release)
        assert evidence_of(small.folder, release[:19]) == data
    with zipfile.ZipFile(BytesIO(data)) as files:
        assert files.testzip() is None
        return {name: files.read(name) for name in files.namelist()}


def schemas():
    """The published schemas of OpenLineage, and of every facet by the name under which events carry it."""
    folder = VECTORS / "openlineage"
    if not folder.is_dir():
        if os.environ.get("CI") == "true":
            pytest.fail(f"no published schemas in {folder}")
        pytest.skip(f"no published schemas in {folder}; set ANDON_VECTORS")
    core = json.loads((folder / "OpenLineage.json").read_bytes())
    facets = [json.loads(path.read_bytes()) for path in sorted((folder / "facets").glob("*.json"))]
    registry = Registry().with_resources((one["$id"], Resource.from_contents(one)) for one in (core, *facets))
    return core, {name: one for one in facets for name in one.get("properties", {})}, registry


def errors(schema, value, registry):
    checker = FormatChecker(["uuid", "date-time", "uri"])
    return [
        one.message
        for one in Draft202012Validator(schema, registry=registry, format_checker=checker).iter_errors(value)
    ]


def facets_of(event):
    yield from event["run"].get("facets", {}).items()
    yield from event["job"].get("facets", {}).items()
    for dataset in (*event["inputs"], *event["outputs"]):
        yield from dataset["facets"].items()
        yield from dataset.get("outputFacets", {}).items()
        yield from dataset.get("inputFacets", {}).items()


def test_every_file_is_indexed_with_what_it_is_evidence_for(pack):
    index = json.loads(pack["index.json"])
    assert {one["path"] for one in index["files"]} == set(pack) - {"index.json", "index.dsse.json"}
    assert {item for one in index["files"] for item in one["evidence_for"]} == set(ITEMS) == set(index["evidence_for"])
    for path in ("index.json", "README.txt", "policy.txt", "model-card.md"):
        assert "compl" not in pack[path].decode().lower().replace("complete", ""), path
    assert "no legal advice" in index["caution"]
    with pytest.raises(KeyError):
        file_entry("andon_verify.py")
    assert all(item in ITEMS for _, _, items in FILES for item in items)


def test_lineage_is_openlineage_by_its_published_schemas(pack):
    core, facets, registry = schemas()
    events = [json.loads(line) for line in pack["lineage.ndjson"].splitlines()]
    for event in events:
        assert errors(core, event, registry) == []
        for name, facet in facets_of(event):
            assert name.startswith("andon_") or errors(facets[name], {name: facet}, registry) == [], name
            assert name.startswith("andon_") or facet["_schemaURL"].split("#")[0] == facets[name]["$id"]
    carried = {name for event in events for name, _ in facets_of(event)}
    assert {"test", "dataQualityAssertions", "columnLineage", "ownership", "executionParameters"} <= carried
    runs = {}
    for event in events:
        runs.setdefault(event["run"]["runId"], []).append(event["eventType"])
    assert all(kinds in (["START", "COMPLETE"], ["START", "FAIL"]) for kinds in runs.values())
    assert errors(core, {**events[0], "run": {"runId": "7"}}, registry) != []
    moments = [parse_iso(one["eventTime"]) for one in events]
    assert moments == sorted(moments)


def test_lineage_leads_from_every_feature_to_the_columns_it_is_computed_from(pack):
    events = [json.loads(line) for line in pack["lineage.ndjson"].splitlines()]
    snapshots = [out for one in events for out in one["outputs"] if out["name"].startswith("snapshot/")]
    fields = snapshots[0]["facets"]["columnLineage"]["fields"]
    assert {name: {one["field"] for one in field["inputFields"]} for name, field in fields.items()} == {
        "weight": {"weight"},
        "depot": {"depot"},
        "before": {"depot", "late_min"},
        "busy": {"depot", "parcel"},
    }


def test_lineage_is_prov_that_its_own_library_reads(pack):
    document = ProvDocument.deserialize(content=pack["prov.json"].decode(), format="json")
    kinds = {type(record).__name__ for record in document.get_records()}
    assert {"ProvEntity", "ProvActivity", "ProvGeneration", "ProvUsage", "ProvDerivation", "ProvAssociation"} <= kinds
    manifests = sum(path.startswith("manifests/") for path in pack)
    verdicts = sum(
        one["eventType"] != "START" and one["job"]["name"].startswith("gate.")
        for one in map(json.loads, pack["lineage.ndjson"].splitlines())
    )
    assert sum(type(record).__name__ == "ProvEntity" for record in document.get_records()) == manifests + verdicts


def test_the_bill_of_materials_is_cyclonedx_by_its_strict_schema(pack):
    validator = JsonStrictValidator(SchemaVersion.V1_7)
    assert validator.validate_str(pack["bom.cdx.json"].decode()) is None
    bill = json.loads(pack["bom.cdx.json"])
    model = bill["components"][0]
    assert model["type"] == "machine-learning-model"
    metrics = {one["type"] for one in model["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]}
    assert {"auc", "leak.rows"} <= metrics
    libraries = {one["name"] for one in bill["components"] if one["type"] == "library"}
    assert {"numpy", "scikit-learn"} <= libraries
    model["modelCard"]["quantitativeAnalysis"]["performanceMetrics"][0]["value"] = 0.5
    assert validator.validate_str(json.dumps(bill)) is not None


def test_the_published_example_passes_the_same_validator():
    example = VECTORS / "cyclonedx" / "valid-machine-learning-1.7.json"
    if not example.exists():
        pytest.skip(f"no published example {example}; set ANDON_VECTORS")
    assert JsonStrictValidator(SchemaVersion.V1_7).validate_str(example.read_text()) is None


def test_the_model_card_begins_with_metadata_and_shows_what_was_measured(pack):
    card = pack["model-card.md"].decode()
    top, page = card.removeprefix("---\n").split("\n---\n", 1)
    assert 'library_name: "lightgbm-text"' in top
    assert 'type: "auc"' in top
    assert "| auc | depot=north |" in page
    assert "model:late: **PASSED**" in page


def test_the_environment_is_recorded_in_full_and_is_the_one_the_release_names(pack):
    environment = json.loads(pack["environment.json"])
    assert "cryptography" in environment["distributions"]
    assert json.loads(pack["reproduction.json"])["level"] == "L0"


def test_no_row_and_no_key_is_in_a_pack(pack):
    """Parcels are named p0 to p599, and one answer of the model stands in its golden questions."""
    whole = b"".join(pack.values())
    assert b'"p12"' not in whole
    assert b"golden" not in whole
    assert b"PRIVATE KEY" not in whole


def test_a_pack_never_holds_its_verifier(pack):
    assert not any(path.endswith(".py") for path in pack)
    assert b"def check_pack" in verifier_file()


def test_what_a_pack_says_of_itself_names_its_tier(pack):
    said = about_pack(archive(pack))
    assert said.name.startswith("evidence-")
    assert said.says[-1].startswith("T0")
    assert said.to_json()["release"] == said.about


def test_the_zip_depends_on_nothing_but_names_and_contents():
    one = archive({"b.txt": b"2", "a.txt": b"1"})
    assert one == archive({"a.txt": b"1", "b.txt": b"2"})
    assert one != archive({"a.txt": b"1", "b.txt": b"3"})
    with zipfile.ZipFile(BytesIO(one)) as files:
        assert files.namelist() == ["a.txt", "b.txt"]
        assert files.read("b.txt") == b"2"
    with zipfile.ZipFile(BytesIO(archive({}))) as files:
        assert files.namelist() == []


def test_more_files_than_a_zip_file_holds_are_refused():
    with pytest.raises(InputError, match="one zip file"):
        archive({f"{number}": b"" for number in range(65_535)})


def test_an_exported_file_never_takes_the_place_of_another(tmp_path):
    path = write_new(tmp_path / "a.zip", b"1")
    with pytest.raises(InputError) as refused:
        write_new(path, b"2")
    assert (refused.value.code, path.read_bytes()) == ("evidence.file-exists", b"1")
    with pytest.raises(InputError, match="cannot be written"):
        write_new(tmp_path / "none" / "a.zip", b"1")
