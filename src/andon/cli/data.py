"""`andon data`: published datasets, what was quarantined, and whether sources still say what was published."""

from typing import Annotated

import typer

from andon.cli.options import HERE, AsJson, Folder
from andon.cli.output import EXIT_FAILED, Output, reported

app = typer.Typer(help="Datasets: list, quarantine, reconcile.", no_args_is_help=True)


@app.command("list")
def list_datasets(folder: Folder = HERE, as_json: AsJson = False) -> None:
    """List published datasets with their batches."""
    output = Output(as_json)
    with reported(output):
        from andon.wiring.ask import ask
        from andon.wiring.calls.datasets import datasets_of

        found = ask(datasets_of, folder)
        output.table(["dataset", "batch", "in", "good", "quarantined", "duplicate", "up to"], found.rows)
        output.result(found.to_json())


@app.command("quarantine")
def quarantine(
    contract: Annotated[str, typer.Argument(help="A contract, such as Departure.")],
    rows: Annotated[int, typer.Option(help="How many example rows.")] = 5,
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Show why rows of a contract were set aside, and some of them."""
    output = Output(as_json)
    with reported(output):
        from andon.wiring.ask import ask
        from andon.wiring.calls.datasets import quarantine_of

        found = ask(quarantine_of, folder, contract, rows)
        output.table(["reason", "rows"], found.reasons)
        output.say()
        output.table(found.columns, found.rows)
        output.result(found.to_json())


@app.command("reconcile")
def reconcile_source(
    source: Annotated[str, typer.Argument(help="A source, such as departures.")],
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Read a source again and compare its keys with the dataset's, day by day. Exit code 1: some are missing."""
    output = Output(as_json)
    with reported(output):
        from andon.wiring.ask import ask
        from andon.wiring.calls.reconciling import NAMES, reconcile

        found = ask(reconcile, folder, source, tell=output.progress)
        output.table(NAMES, found.differing)
        same = len(found.rows) - len(found.differing)
        output.say(f"{found.contract} up to {found.until}: {same} of {len(found.rows)} days have the same keys.")
        output.result(found.to_json())
        if found.differing:
            raise SystemExit(EXIT_FAILED)
