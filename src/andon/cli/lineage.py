"""`andon lineage`: from a prediction, a release, a model or a dataset back to the rows it came from."""

from typing import Annotated

import typer

from andon.cli.options import HERE, AsJson, Folder
from andon.cli.output import Output, reported


def lineage(
    of: Annotated[
        str, typer.Argument(metavar="WHAT", help="A prediction's id, or the digest of an artefact or its beginning.")
    ],
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Show what something was made from, down to source rows."""
    output = Output(as_json)
    with reported(output):
        from andon.wiring.ask import ask
        from andon.wiring.calls.tracing import lineage_of

        found = ask(lineage_of, folder, of)
        for line in found.lines:
            output.say(line)
        output.result(found.to_json())
