"""`andon waiver`: a person takes one failed criterion upon themselves, where the target's floor lets them."""

from pathlib import Path
from typing import Annotated

import typer

from andon.cli.options import HERE, As, AsJson, Folder, KeyUri, Reason
from andon.cli.output import Output, reported

app = typer.Typer(help="Waivers: propose, sign, list, revoke.", no_args_is_help=True)


@app.command("propose")
def propose(
    gate: Annotated[str, typer.Argument(help="The gate that failed, such as model:late, or a verdict's digest.")],
    metric: Annotated[str, typer.Option(help="Metric of the criterion that failed.")],
    until: Annotated[str, typer.Option(help="For how long, such as 7d; the floor says how long at most.")],
    reason: Reason,
    slice_: Annotated[str, typer.Option("--slice", help="The slice it failed on, as column=value.")] = "",
    worst: Annotated[
        float | None, typer.Option(help="The worst value that is accepted; by default the one measured.")
    ] = None,
    role: Annotated[str, typer.Option(help="In which role it is to be signed; by default the floor's.")] = "",
    out: Annotated[Path | None, typer.Option("--out", help="The file; by default named after gate and metric.")] = None,
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Write down a waiver, with what was measured and who may sign it; nothing is waived yet."""
    output = Output(as_json)
    with reported(output):
        from andon.cli.signing import write_draft
        from andon.wiring.ask import ask
        from andon.wiring.calls.waivers import Wish, propose_waiver

        wish = Wish(gate=gate, metric=metric, slice=slice_, worst=worst, lasts=until, role=role, reason=reason)
        proposal = ask(propose_waiver, folder, wish)
        output.table(["", ""], proposal.rows)
        output.say()
        path = out or Path(f"waiver-{gate.replace(':', '-')[:40]}-{metric}.json")
        write_draft(output, proposal.draft, path, then=f"Next: andon waiver sign {path} --as NAME")


@app.command("sign")
def sign(
    file: Annotated[Path, typer.Argument(help="What propose wrote.", dir_okay=False)],
    as_: As = "",
    key: KeyUri = "",
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Sign a waiver and hand it in; whoever made the work or started the run may not."""
    output = Output(as_json)
    with reported(output):
        from andon.cli.signing import sign_file

        sign_file(output, folder, file, person=as_, key=key)


@app.command("list")
def list_waivers(folder: Folder = HERE, as_json: AsJson = False) -> None:
    """List every waiver there ever was, with where it stands and what relied on it."""
    output = Output(as_json)
    with reported(output):
        from andon.wiring.ask import ask
        from andon.wiring.calls.waivers import NAMES, waivers_of

        found = ask(waivers_of, folder)
        output.table(NAMES, found.rows)
        if found.active:
            output.say(found.headline, style="bold red")
        output.result(found.to_json())


@app.command("revoke")
def revoke(
    waiver: Annotated[str, typer.Argument(help="Digest of the waiver or its beginning.")],
    reason: Reason,
    as_: As = "",
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Take a waiver back: no gate relies on it from now on."""
    output = Output(as_json)
    with reported(output):
        from andon.cli.signing import show_revoked
        from andon.wiring.ask import ask
        from andon.wiring.calls.revoking import revoke as take_back

        show_revoked(output, ask(take_back, folder, "waiver", waiver, person=as_, reason=reason))
