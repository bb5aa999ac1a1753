"""`andon status`: where the line stands, since when, and for whom it waits."""

from andon.cli.options import HERE, AsJson, Folder
from andon.cli.output import Output, reported


def status(folder: Folder = HERE, as_json: AsJson = False) -> None:
    """Show what is published, what runs or waits and for whom, and what each target serves."""
    output = Output(as_json)
    with reported(output):
        from andon.wiring.ask import ask
        from andon.wiring.calls.looking import status_of

        found = ask(status_of, folder)
        output.say(found.headline)
        if found.waived:
            output.say(found.waived, style="bold red")
        if found.policy:
            output.say(found.policy, style="yellow")
        output.table(["dataset", "rows", "up to", "version"], found.datasets)
        for line in found.behind:
            output.say(line, style="yellow")
        output.say()
        output.table(["run", "subject", "state", "stands at", "since", "waits for"], found.runs)
        for line in found.waits:
            output.say(line, style="yellow")
        output.say()
        output.table(["target", "model", "serves", "since", "before it"], found.targets)
        output.say(found.tier, style="dim")
        output.result(found.to_json())
