"""`andon model`: models that were trained, and how they were judged."""

from pathlib import Path
from typing import Annotated

import typer

from andon.cli.options import HERE, AsJson, Folder
from andon.cli.output import Output, reported

app = typer.Typer(help="Models: list, show, report.", no_args_is_help=True)


@app.command("list")
def list_models(folder: Folder = HERE, as_json: AsJson = False) -> None:
    """List the models that were trained, the newest first."""
    output = Output(as_json)
    with reported(output):
        from andon.wiring.ask import ask
        from andon.wiring.calls.models import models_of

        found = ask(models_of, folder)
        output.table(["model", "name", "format", "gates", "headline"], found.rows)
        output.result(found.to_json())


@app.command("show")
def show(
    model: Annotated[str, typer.Argument(help="Digest of the model or its beginning.")],
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Show one model: what it was made from, its features, its measurements."""
    output = Output(as_json)
    with reported(output):
        from andon.wiring.ask import ask
        from andon.wiring.calls.models import model_of

        found = ask(model_of, folder, model)
        output.table(["", ""], found.rows)
        output.say()
        output.table(["metric", "slice", "value", "95 % interval", "n"], found.measurements)
        output.result(found.to_json())


@app.command("report")
def report(
    model: Annotated[str, typer.Argument(help="Digest of the model or its beginning.")],
    to: Annotated[Path, typer.Option("--to", help="Where to write the page.")] = Path("report.html"),
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Write the readable report of a model's validation as one HTML page."""
    output = Output(as_json)
    with reported(output):
        from andon.wiring.ask import ask
        from andon.wiring.calls.models import report_of
        from andon.wiring.calls.pages import write_page

        written = write_page(to, ask(report_of, folder, model))
        output.say(f"The report is in {written}")
        output.result({"report": str(written)})
