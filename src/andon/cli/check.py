"""`andon check`: read the factory's code, say what it declares, and where the floor of a target asks more."""

from typing import TYPE_CHECKING, Final

from andon.cli.options import HERE, AsJson, Folder
from andon.cli.output import EXIT_FAILED, Output, reported

if TYPE_CHECKING:
    from andon.wiring.calls.declaring import Description

COLUMNS: Final = ["target", "gate", "the floor asks", "the factory asks", "owner of the floor"]


def check(folder: Folder = HERE, as_json: AsJson = False) -> None:
    """Read factory.py and show what it declares, and where the floor of a target asks more than its gates do."""
    output = Output(as_json)
    with reported(output):
        from andon.wiring.calls.declaring import describe

        found = describe(folder)
        output.say(f"{found.factory}: {found.purpose}")
        output.table(["source", "contract", "columns", "rules"], found.sources)
        if found.derivations:
            output.say()
            output.table(["derivation", "contract", "columns", "rules", "from"], found.derivations)
        output.say()
        output.table(["model", "features", "tune / holdout", "released to"], found.models)
        output.say()
        output.table(["gate", "owner", "demands"], found.gates)
        _show_floors(output, found)
        output.result(found.to_json())
        if found.errors:
            raise SystemExit(EXIT_FAILED)


def _show_floors(output: Output, found: "Description") -> None:
    if found.uncompared:
        output.say()
        output.say(f"Not compared with what its targets ask: {found.uncompared}", style="yellow")
    if found.floors:
        output.say()
        output.say("Weaker than its targets' floors; what the floor asks is what counts:", style="yellow")
        output.table(COLUMNS, found.floors)
    if found.errors:
        output.say()
        output.say(
            "Nothing can be released while this is so; mend it, or ask the owner of the floor:", style="bold red"
        )
        output.table(COLUMNS, found.errors)
