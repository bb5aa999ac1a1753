"""`andon up`: serve what the target's releases answer."""

from typing import Annotated

import typer

from andon.cli.options import HERE, Folder, Target
from andon.cli.output import Output, reported


def up(
    target: Target = "local",
    port: Annotated[int, typer.Option(help="The port; 0 takes a free one.")] = 8080,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    workers: Annotated[int, typer.Option(min=1, help="Worker processes.")] = 1,
    folder: Folder = HERE,
) -> None:
    """Serve the target's release over HTTP until interrupted."""
    output = Output()
    with reported(output):
        from andon.wiring.calls.upkeep import serve_target

        serve_target(folder, target, host=host, port=port, workers=workers, tell=output.say)
