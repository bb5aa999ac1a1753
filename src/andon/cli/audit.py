"""`andon audit`: check everything that was recorded, from bytes and signatures."""

import typer

from andon.cli.options import HERE, As, AsJson, Folder, KeyUri, Reason
from andon.cli.output import Output, reported

app = typer.Typer(help="Audit: verify, recover.", no_args_is_help=True)

WAITS = 3


@app.callback()
def audit() -> None:
    """Audit what was recorded."""


@app.command("verify")
def verify(folder: Folder = HERE, as_json: AsJson = False) -> None:
    """Check the whole ledger, every statement, every verdict's values, every artefact in use."""
    output = Output(as_json)
    with reported(output):
        from andon.wiring.ask import ask
        from andon.wiring.calls.auditing import verify_factory

        found = ask(verify_factory, folder, output.progress)
        for line in found.lines:
            output.say(line)
        output.say(found.tier, style="dim")
        output.result(found.to_json())
        raise SystemExit(0 if found.is_clean else 1)


@app.command("recover")
def recover(
    reason: Reason = "",
    person: As = "",
    key: KeyUri = "",
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Let a ledger that was restored from a backup go on: sign that what it lost is given up, and why."""
    output = Output(as_json)
    with reported(output):
        from andon.wiring.calls.sign_recovery import recover_ledger

        found = recover_ledger(
            folder,
            reason=reason,
            person=person,
            key_uri=key,
            show=lambda text: output.say(
                f"To sign: entries {text.resumed} to {text.lost - 1} are given up, because: {text.reason}"
            ),
        )
        output.say(f"Signed by {', '.join(found.people)}.")
        if found.missing:
            output.say(f"{found.missing} more must sign: andon audit recover --as NAME")
        else:
            output.say("The ledger goes on. Each witness needs its operator's word too:")
            output.say(f"  andon witness recover {found.file} --folder FOLDER")
        output.result(found.to_json())
        raise SystemExit(WAITS if found.missing else 0)
