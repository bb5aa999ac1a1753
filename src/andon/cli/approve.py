"""`andon approve`: a person signs for what a gate waits for, or against it."""

from typing import Annotated

import typer

from andon.cli.options import HERE, As, AsJson, Folder
from andon.cli.output import Output, reported


def approve(
    gate: Annotated[
        str, typer.Argument(help="The gate that waits, such as release:late; by default the only one.")
    ] = "",
    as_: As = "",
    role: Annotated[str, typer.Option(help="In which role; by default the one that is missing.")] = "",
    reason: Annotated[str, typer.Option(help="Why, for those who read it later.")] = "",
    reject: Annotated[bool, typer.Option("--reject", help="Sign against it.")] = False,
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Sign off what a gate waits for, with the key of a person who did not start or submit it."""
    output = Output(as_json)
    with reported(output):
        from andon.wiring.calls.people import sign_waiting

        signed = sign_waiting(folder, gate, person=as_, role=role, reason=reason, is_rejection=reject)
        output.say(f"{signed.person} {'rejected' if reject else 'approved'} {signed.gate} as {signed.role}.")
        output.say(f"It is about {signed.subject}, entry {signed.entry} of the ledger.", style="dim")
        output.say(signed.note or "Next: andon run", style="yellow" if signed.note else "")
        output.result(signed.to_json())
