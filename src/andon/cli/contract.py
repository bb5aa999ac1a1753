"""`andon contract`: what datasets are promised to be; compared, guessed, exported and imported."""

from pathlib import Path
from typing import Annotated

import typer

from andon.cli.options import HERE, AsJson, Folder
from andon.cli.output import Output, reported

app = typer.Typer(help="Contracts: show, diff, infer, export, import.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="A contract, such as Departure.")]


@app.command("show")
def show(name: Name, folder: Folder = HERE, as_json: AsJson = False) -> None:
    """Show a contract as the factory's code declares it: columns, rules, severities."""
    output = Output(as_json)
    with reported(output):
        from andon.contracts.wire import to_json
        from andon.wiring.calls.contracts import show_contract

        found = show_contract(folder, name)
        for line in found.lines:
            output.say(line)
        output.table(["column", "kind", "role", ""], found.columns)
        output.table(["rule", "what it says", "severity", "may break it"], found.rules)
        output.result(to_json(found))


@app.command("diff")
def diff(
    name: Name,
    before: Annotated[
        str, typer.Argument(help="A contract or dataset version by its digest; else the published.")
    ] = "",
    after: Annotated[str, typer.Argument(help="Another one; else what is declared now.")] = "",
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Compare a contract with what is published: what is compatible, what breaks, why, and who reads it."""
    output = Output(as_json)
    with reported(output):
        from andon.contracts.wire import to_json
        from andon.wiring.ask import ask
        from andon.wiring.calls.contracts import diff_contract

        found = ask(diff_contract, folder, name, before, after)
        for line in found.lines:
            output.say(line)
        if found.rows:
            output.table(["what", "before", "after", "", "why", "read by"], found.rows)
        output.result(to_json(found))


@app.command("infer")
def infer(
    file: Annotated[Path, typer.Argument(help="A CSV or Parquet file.")],
    as_json: AsJson = False,
) -> None:
    """Print the class of a contract that a file seems to keep, as Python."""
    output = Output(as_json)
    with reported(output):
        from andon.contracts.wire import to_json
        from andon.wiring.calls.contracts import contract_from_table

        found = contract_from_table(file)
        output.text(found.source)
        output.result(to_json(found))


@app.command("export")
def export(name: Name, folder: Folder = HERE, as_json: AsJson = False) -> None:
    """Print a contract in the Open Data Contract Standard 3.1, as YAML, or with --json as JSON."""
    output = Output(as_json)
    with reported(output):
        from andon.wiring.calls.contracts import export_contract, yaml_of

        found = export_contract(folder, name)
        output.text(yaml_of(found))
        output.result(found)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A contract of the standard, YAML or JSON.")],
    as_json: AsJson = False,
) -> None:
    """Print the class for a contract of the Open Data Contract Standard 3, as Python."""
    output = Output(as_json)
    with reported(output):
        from andon.contracts.wire import to_json
        from andon.wiring.calls.contracts import import_contract

        found = import_contract(file)
        output.text(found.source)
        output.result(to_json(found))
