"""`andon approve`: a person signs for what a gate waits for, or against it."""

from pathlib import Path
from typing import Annotated

import typer

from andon.cli.options import HERE, As, AsJson, Folder, KeyUri, Out, Reason
from andon.cli.output import Output, reported


def approve(
    gate: Annotated[
        str, typer.Argument(help="The gate that waits, such as release:late; by default the only one.")
    ] = "",
    as_: As = "",
    role: Annotated[str, typer.Option(help="In which role; by default the one that is missing.")] = "",
    reason: Reason = "",
    reject: Annotated[bool, typer.Option("--reject", help="Sign against it.")] = False,
    key: KeyUri = "",
    out: Out = None,
    hand_in: Annotated[
        Path | None, typer.Option("--hand-in", help="Hand in what was signed elsewhere.", dir_okay=False)
    ] = None,
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Sign off what a gate waits for, with the key of a person who did not start or submit it."""
    output = Output(as_json)
    with reported(output):
        from andon.cli.signing import hand_in_file, show_signed, write_draft
        from andon.wiring.ask import ask
        from andon.wiring.calls.approving import waiting_question
        from andon.wiring.calls.handing_in import sign_here

        if hand_in:
            hand_in_file(output, folder, hand_in)
            return
        draft = ask(waiting_question, folder, gate, person=as_, role=role, is_rejection=reject, reason=reason)
        if out:
            write_draft(output, draft, out)
            return
        signed = sign_here(folder, draft, key_uri=key)
        verb = "rejected" if reject else "approved"
        show_signed(output, signed, f"{signed.person} {verb} {signed.gate} as {signed.role}.")
