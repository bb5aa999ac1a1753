"""`andon release`: releases, where they serve, and what they are made of."""

from typing import Annotated

import typer

from andon.cli.options import HERE, As, AsJson, Folder, Reason
from andon.cli.output import Output, reported

app = typer.Typer(help="Releases: list, show, revoke.", no_args_is_help=True)


@app.command("list")
def list_releases(folder: Folder = HERE, as_json: AsJson = False) -> None:
    """List releases, the newest first, with where they stand."""
    output = Output(as_json)
    with reported(output):
        from andon.wiring.ask import ask
        from andon.wiring.calls.releases import releases_of

        found = ask(releases_of, folder)
        output.table(["release", "model", "target", "state", "predecessor"], found.rows)
        output.result(found.to_json())


@app.command("show")
def show(
    release: Annotated[str, typer.Argument(help="Digest of the release or its beginning.")],
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Show one release: everything it binds, and every statement about it."""
    output = Output(as_json)
    with reported(output):
        from andon.wiring.ask import ask
        from andon.wiring.calls.releases import release_of

        found = ask(release_of, folder, release)
        for one in found.waived:
            output.say(f"WAIVED: {one}", style="bold red")
        output.table(["", ""], found.rows)
        output.say()
        output.table(["entry", "time", "statement", "by"], found.statements)
        output.result(found.to_json())


@app.command("revoke")
def revoke(
    release: Annotated[str, typer.Argument(help="Digest of the release or its beginning.")],
    reason: Reason,
    as_: As = "",
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Say that a release must not be loaded any more, anywhere; this is never taken back."""
    output = Output(as_json)
    with reported(output):
        from andon.cli.signing import show_revoked
        from andon.wiring.ask import ask
        from andon.wiring.calls.revoking import revoke as take_back

        show_revoked(output, ask(take_back, folder, "release", release, person=as_, reason=reason))
