"""`andon runner`: run user code for a gatekeeper that has an OS user of its own."""

from pathlib import Path
from typing import Annotated

import typer

from andon.cli.options import HERE, Folder
from andon.cli.output import Output, reported


def runner(
    socket: Annotated[str, typer.Option(help="Where to listen: unix:/run/andon-runner/NAME.sock")],
    gatekeeper: Annotated[str, typer.Option(help="The OS user whose orders are taken, by name or number.")],
    spool: Annotated[Path, typer.Option(help="Folder where children work; only this user may read it.")],
    folder: Folder = HERE,
) -> None:
    """Run the code of the folder's factory.py in children, for the gatekeeper and nobody else, until interrupted."""
    output = Output()
    with reported(output):
        from andon.wiring.processes.runner import run_jobs, runner_settings

        run_jobs(runner_settings(folder, socket, gatekeeper, spool), output.say)
