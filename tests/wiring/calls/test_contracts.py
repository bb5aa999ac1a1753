"""What somebody is told of a contract before they change it: what it is, what breaks, and for whom."""

import json

import pytest
from typer.testing import CliRunner

from andon.adapters.yaml import read_yaml
from andon.cli.main import app
from andon.kernel.digest import short
from andon.kernel.errors import UsageError
from andon.wiring.calls.contracts import diff_contract, export_contract, import_contract, show_contract, yaml_of
from andon.wiring.calls.datasets import datasets_of

OLD = 'weight = integer(ge=0, le=60, unit="kg")'
NEW = "weight = integer(ge=0, le=90, nullable=True)\n    fragile = category(nullable=True)"


def change(small, old=OLD, new=NEW):
    path = small.folder / "factory.py"
    code = path.read_text()
    assert old in code
    path.write_text(code.replace(old, new))


def test_a_change_is_told_with_what_it_breaks_and_who_reads_it(released):
    """Before it is published, not after models have learned from it."""
    same = diff_contract(released.folder, "Parcel", "", "")
    assert (same.changes, same.lines[2]) == ((), "the same")
    before = show_contract(released.folder, "Parcel").digest
    change(released)
    found = diff_contract(released.folder, "Parcel", "", "")
    assert {one.what: one.meaning for one in found.changes} == {
        "weight: nullable": "breaking",
        "weight: unit": "breaking",
        "rule weight.range": "breaking",
        "fragile": "compatible",
    }
    readers = dict(zip((one.what for one in found.changes), found.readers, strict=True))
    assert readers["fragile"] == ()
    assert readers["weight: unit"][0] == "Lateness.weight of late"
    assert readers["weight: unit"][1].endswith("of late, serving on local")
    after = show_contract(released.folder, "Parcel").digest
    assert found.lines == (f"- Parcel {short(before)}", f"+ Parcel {short(after)}", "4 differences, 3 of them breaking")
    back = diff_contract(released.folder, "Parcel", after[:20], datasets_of(released.folder).batches[-1][:24])
    assert len(back.changes) >= 3
    known = datasets_of(released.folder)
    other = next(batch for row, batch in zip(known.rows, known.batches, strict=True) if row[0] == "Delivery")
    with pytest.raises(UsageError, match="not made with a contract Parcel"):
        diff_contract(released.folder, "Parcel", other, "")


def test_a_contract_is_shown_exported_and_taken_back(founded, tmp_path):
    change(founded, new=f"{OLD}\n    heavy = rule(weight < 50, severity='warn', tolerance=0.2)")
    change(founded, "category, checks", "category, checks, rule")
    shown = show_contract(founded.folder, "Parcel")
    assert ["heavy", "weight < 50", "warn", "20.00%"] in shown.rules
    assert ["weight", "int", "", "kg"] in shown.columns
    assert shown.lines[1] == "parcel and sent name a row; rows are known 0 s after they happened"
    said = CliRunner().invoke(app, ["contract", "export", "Parcel", "-C", str(founded.folder)])
    assert said.exit_code == 0, said.output
    document = export_contract(founded.folder, "Parcel")
    assert said.stdout == yaml_of(document)
    assert read_yaml(said.stdout, "") == document
    said = CliRunner().invoke(app, ["contract", "export", "Parcel", "--json", "-C", str(founded.folder)])
    assert json.loads(said.stdout) == document
    path = tmp_path / "parcel.yaml"
    path.write_text(yaml_of(document))
    assert '    heavy = rule(weight < 50, severity="warn", tolerance=0.2)\n' in import_contract(path).source
    said = CliRunner().invoke(app, ["contract", "import", str(path)])
    assert said.stdout == import_contract(path).source
    with pytest.raises(UsageError, match="no contract 'Parcels'"):
        show_contract(founded.folder, "Parcels")
    with pytest.raises(UsageError, match="Nothing of Parcel is published"):
        diff_contract(founded.folder, "Parcel", "", "")
