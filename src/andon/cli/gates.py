"""`andon gates`: what every gate said, about what, and why."""

from typing import Annotated

import typer

from andon.cli.options import HERE, AsJson, Folder
from andon.cli.output import Output, reported


def gates(
    gate: Annotated[str, typer.Argument(help="One gate, such as model:late; by default the newest of each.")] = "",
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Show verdicts with the measured values they rest on."""
    output = Output(as_json)
    with reported(output):
        from andon.wiring.ask import ask
        from andon.wiring.calls.verdicts import verdicts_of

        found = ask(verdicts_of, folder, gate)
        for verdict in found.verdicts:
            output.say(verdict.headline)
            output.table(["criterion", "slice", "value", "n", "holds"], verdict.rows)
            output.say()
        output.result(found.to_json())
