"""`andon key`: who may sign, in which role."""

from typing import Annotated

import typer

from andon.cli.options import HERE, AsJson, Folder
from andon.cli.output import Output, reported

app = typer.Typer(help="Keys and people: add, list.", no_args_is_help=True)


@app.command("add")
def add(
    person: Annotated[str, typer.Argument(help="A name, such as grace.")],
    role: Annotated[list[str], typer.Option(help="A role, such as operations; may be given again.")],
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Make a key for a person and name them in a new version of the trust root, signed by the owner."""
    output = Output(as_json)
    with reported(output):
        from andon.wiring.calls.people import name_person

        named = name_person(folder, person, role)
        output.say(f"{person} may sign as {', '.join(role)} (trust root version {named.version}).")
        output.say(f"The key is in {named.key}; on this tier it lies beside the others.", style="dim")
        output.result(named.to_json())


@app.command("list")
def list_keys(folder: Folder = HERE, as_json: AsJson = False) -> None:
    """List who is in the trust root, with keys and roles."""
    output = Output(as_json)
    with reported(output):
        from andon.wiring.calls.people import people_of

        found = people_of(folder)
        output.table(["principal", "kind", "roles", "key", "state"], found.rows)
        output.result(found.to_json())
