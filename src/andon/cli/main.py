"""The command `andon`: which commands there are, in the order people need them."""

import sys
from typing import Final

import typer

from andon.cli import (
    annul,
    approve,
    audit,
    check,
    contract,
    data,
    delegate,
    doctor,
    export,
    feature,
    gatekeeper,
    gates,
    init,
    key,
    lineage,
    logs,
    model,
    monitor,
    policy,
    release,
    remind,
    rollback,
    run,
    runner,
    sign,
    status,
    up,
    waiver,
    witness,
)
from andon.wiring.wrappers import leave_out_wrappers

EPILOG: Final = "Exit codes: 0 done, 1 failed, 2 usage, 3 waits for people, 4 a gate refused."

app = typer.Typer(
    name="andon",
    help="An AI factory: a governed pipeline from raw data to reliable predictions, with gates that bind.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

START: Final = "Every day"
LOOK: Final = "Look"
KEEP: Final = "Keep"
PEOPLE: Final = "People"

app.command("init", rich_help_panel=START)(init.init)
app.command("check", rich_help_panel=START)(check.check)
app.command("run", rich_help_panel=START)(run.run)
app.command("status", rich_help_panel=START)(status.status)
app.command("approve", rich_help_panel=START)(approve.approve)
app.command("up", rich_help_panel=START)(up.up)
app.command("rollback", rich_help_panel=START)(rollback.rollback)
app.command("logs", rich_help_panel=LOOK)(logs.logs)
app.command("gates", rich_help_panel=LOOK)(gates.gates)
app.command("remind", rich_help_panel=PEOPLE)(remind.remind)
app.command("sign", rich_help_panel=PEOPLE)(sign.sign)
app.add_typer(waiver.app, name="waiver", rich_help_panel=PEOPLE)
app.command("annul", rich_help_panel=PEOPLE)(annul.annul)
app.command("delegate", rich_help_panel=PEOPLE)(delegate.delegate)
app.add_typer(delegate.app, name="delegation", rich_help_panel=PEOPLE)
app.add_typer(model.app, name="model", rich_help_panel=LOOK)
app.add_typer(release.app, name="release", rich_help_panel=LOOK)
app.add_typer(feature.app, name="feature", rich_help_panel=LOOK)
app.add_typer(contract.app, name="contract", rich_help_panel=LOOK)
app.add_typer(data.app, name="data", rich_help_panel=LOOK)
app.command("lineage", rich_help_panel=LOOK)(lineage.lineage)
app.add_typer(monitor.app, name="monitor", rich_help_panel=LOOK)
app.add_typer(audit.app, name="audit", rich_help_panel=KEEP)
app.add_typer(key.app, name="key", rich_help_panel=KEEP)
app.add_typer(witness.app, name="witness", rich_help_panel=KEEP)
app.add_typer(policy.app, name="policy", rich_help_panel=KEEP)
app.add_typer(gatekeeper.app, name="gatekeeper", rich_help_panel=KEEP)
app.command("runner", rich_help_panel=KEEP)(runner.runner)
app.command("doctor", rich_help_panel=KEEP)(doctor.doctor)
app.add_typer(export.app, name="export", rich_help_panel=KEEP)


def main() -> None:
    """Run the command line; user code runs in its children only."""
    leave_out_wrappers()
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # a real standard output is a text stream
    app()
