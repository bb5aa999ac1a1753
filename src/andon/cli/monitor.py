"""`andon monitor`: how live predictions compare with what was promised."""

from pathlib import Path
from typing import Annotated

import typer

from andon.cli.options import HERE, AsJson, Folder, Target
from andon.cli.output import Output, reported

app = typer.Typer(help="Monitoring: report.", no_args_is_help=True)


@app.callback()
def monitor() -> None:
    """Look at live predictions."""


@app.command("report")
def report(
    model: Annotated[str, typer.Argument(help="The model; by default the only one.")] = "",
    target: Target = "local",
    to: Annotated[Path | None, typer.Option("--to", help="Also write the report as an HTML page here.")] = None,
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Compare logged predictions with the training's baseline, and with labels where they have come."""
    output = Output(as_json)
    with reported(output):
        from andon.wiring.ask import ask
        from andon.wiring.calls.monitoring import report_live

        found = ask(report_live, folder, model, target)
        for line in found.lines:
            output.say(line)
        output.table(["column", "rows", "effect", "null share", "unseen share"], found.columns)
        output.say()
        output.table(["metric", "live", "95 % interval", "n", "holdout"], found.metrics)
        written = found.write(to) if to else None
        if written:
            output.say(f"The page is in {written}")
        output.result({**found.to_json(), "page": str(written) if written else None})
