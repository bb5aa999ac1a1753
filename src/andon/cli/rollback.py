"""`andon rollback`: the release before answers the next request."""

from typing import Annotated

import typer

from andon.cli.options import HERE, As, AsJson, Folder, Target
from andon.cli.output import Output, reported


def rollback(
    model: Annotated[str, typer.Argument(help="The model; by default the only one.")] = "",
    to: Annotated[str, typer.Option(help="Digest of the release to go back to; by default the last known good.")] = "",
    target: Target = "local",
    reason: Annotated[str, typer.Option(help="Why, for those who read it later.")] = "",
    as_: As = "",
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Go back to a release that was admitted before: at once, recorded after."""
    output = Output(as_json)
    with reported(output):
        from andon.wiring.ask import ask
        from andon.wiring.calls.upkeep import roll_back

        done = ask(roll_back, folder, model, target, to=to, reason=reason, person=as_)
        output.say(f"{target} answers with {done.release_short} again, {done.flip_ms:.1f} ms after the order.")
        output.say(done.record, style="dim")
        output.result(done.to_json())
