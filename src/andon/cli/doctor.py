"""`andon doctor`: is this machine and this factory in order?"""

from andon.cli.options import HERE, AsJson, Folder
from andon.cli.output import Output, reported


def doctor(folder: Folder = HERE, as_json: AsJson = False) -> None:
    """Check settings, keys, database, store, clock, frameworks and the mathematics library."""
    output = Output(as_json)
    with reported(output):
        from andon.wiring.ask import ask
        from andon.wiring.calls.health import examine

        found = ask(examine, folder)
        output.table(["", "what", "found"], found.rows)
        for line in found.fixes:
            output.say(line, style="bold")
        output.result(found.to_json())
        raise SystemExit(0 if found.is_well else 1)
