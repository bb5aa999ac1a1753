"""`andon check`: read the factory's code and say what it declares, before anything runs."""

from andon.cli.options import HERE, AsJson, Folder
from andon.cli.output import Output, reported


def check(folder: Folder = HERE, as_json: AsJson = False) -> None:
    """Read factory.py and show what it declares: sources, features, models, and what each gate demands."""
    output = Output(as_json)
    with reported(output):
        from andon.wiring.calls.declaring import describe

        found = describe(folder)
        output.say(f"{found.factory}: {found.purpose}")
        output.table(["source", "contract", "columns", "rules"], found.sources)
        output.say()
        output.table(["model", "features", "tune / holdout", "released to"], found.models)
        output.say()
        output.table(["gate", "owner", "demands"], found.gates)
        output.result(found.to_json())
