"""`andon gatekeeper`: a gatekeeper with an OS user of its own, who holds records, keys and store for everybody else."""

import typer

from andon.cli.options import HERE, Folder
from andon.cli.output import Output, reported

app = typer.Typer(help="Gatekeeper with an OS user of its own: serve.", no_args_is_help=True)


@app.callback()
def gatekeeper() -> None:
    """Keep records, keys and store where nobody else of this machine can read or write them."""


@app.command("serve")
def serve(folder: Folder = HERE) -> None:
    """Answer the calls of those whom `[people]` in the folder's andon.toml names, until interrupted."""
    output = Output()
    with reported(output):
        from andon.wiring.processes.gatekeeper import serve_calls

        serve_calls(folder, output.say)
