"""`andon logs`: what a run did, stage by stage."""

from typing import Annotated

import typer

from andon.cli.options import HERE, AsJson, Folder
from andon.cli.output import Output, reported


def logs(
    run: Annotated[str, typer.Argument(help="A run's id or its beginning; by default the newest.")] = "",
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Show every attempt of a run: stage, how long, how much memory, what came of it."""
    output = Output(as_json)
    with reported(output):
        from andon.wiring.ask import ask
        from andon.wiring.calls.looking import logs_of

        found = ask(logs_of, folder, run)
        output.say(found.headline)
        output.table(["stage", "attempt", "state", "seconds", "memory", "result"], found.rows)
        for line in found.error:
            output.say(line)
        output.result(found.to_json())
