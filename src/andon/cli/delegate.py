"""`andon delegation`: a person lets another speak for them in one role, for a time; the two count once."""

from typing import Annotated

import typer

from andon.cli.options import HERE, As, AsJson, Folder, KeyUri, Out, Reason
from andon.cli.output import Output, reported

app = typer.Typer(help="Delegations: list, revoke.", no_args_is_help=True)


def delegate(
    person: Annotated[str, typer.Argument(help="Who is to speak for you.")],
    role: Annotated[str, typer.Option(help="In which of your roles.")],
    until: Annotated[str, typer.Option(help="For how long, such as 7d.")],
    reason: Reason,
    as_: As = "",
    key: KeyUri = "",
    out: Out = None,
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Let another person speak for you in one role, for a time; the two of you count once."""
    output = Output(as_json)
    with reported(output):
        from andon.cli.signing import show_signed, write_draft
        from andon.wiring.ask import ask
        from andon.wiring.calls.delegating import propose_delegation
        from andon.wiring.calls.handing_in import sign_here

        draft = ask(propose_delegation, folder, person, person=as_, role=role, lasts=until, reason=reason)
        if out:
            write_draft(output, draft, out)
            return
        signed = sign_here(folder, draft, key_uri=key)
        show_signed(output, signed, f"{person} may speak for {signed.person} as {role}, for {until}.")


@app.command("list")
def list_delegations(folder: Folder = HERE, as_json: AsJson = False) -> None:
    """List every delegation, and whether it still holds."""
    output = Output(as_json)
    with reported(output):
        from andon.wiring.ask import ask
        from andon.wiring.calls.delegating import NAMES, delegations_of

        found = ask(delegations_of, folder)
        output.table(NAMES, found.rows)
        output.result(found.to_json())


@app.command("revoke")
def revoke(
    delegation: Annotated[str, typer.Argument(help="Digest of the delegation or its beginning.")],
    reason: Reason,
    as_: As = "",
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """End a delegation: what the other signs, and signed by it, counts no more."""
    output = Output(as_json)
    with reported(output):
        from andon.cli.signing import show_revoked
        from andon.wiring.ask import ask
        from andon.wiring.calls.revoking import revoke as take_back

        show_revoked(output, ask(take_back, folder, "delegation", delegation, person=as_, reason=reason))
