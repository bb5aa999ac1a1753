"""`andon annul`: two people say that an evaluation was broken, so that its verdict counts no more."""

from typing import Annotated

import typer

from andon.cli.options import HERE, As, AsJson, Folder, KeyUri, Out, Reason
from andon.cli.output import Output, reported


def annul(
    verdict: Annotated[str, typer.Argument(help="Digest of the verdict or its beginning, or a gate for its newest.")],
    reason: Reason,
    as_: As = "",
    key: KeyUri = "",
    out: Out = None,
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Say that the evaluation behind a verdict was broken; it takes two people, and stays visible for ever."""
    output = Output(as_json)
    with reported(output):
        from andon.cli.signing import show_signed, write_draft
        from andon.wiring.ask import ask
        from andon.wiring.calls.annulling import propose_annulment
        from andon.wiring.calls.handing_in import sign_here

        draft = ask(propose_annulment, folder, verdict, person=as_, reason=reason)
        if out:
            write_draft(output, draft, out)
            return
        signed = sign_here(folder, draft, key_uri=key)
        headline = f"{signed.person} says that the verdict of {signed.gate} came from a broken evaluation."
        show_signed(output, signed, headline)
