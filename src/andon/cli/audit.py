"""`andon audit`: check everything that was recorded, from bytes and signatures."""

import typer

from andon.cli.options import HERE, AsJson, Folder
from andon.cli.output import Output, reported

app = typer.Typer(help="Audit: verify.", no_args_is_help=True)


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
