"""`andon remind`: who a gate waits for, and telling them."""

from andon.cli.options import HERE, AsJson, Folder
from andon.cli.output import Output, reported


def remind(folder: Folder = HERE, as_json: AsJson = False) -> None:
    r"""Say who is due to sign what; tell them by the command of \[remind] in andon.toml. Exit code 3: somebody is."""
    output = Output(as_json)
    with reported(output):
        from andon.wiring.ask import ask
        from andon.wiring.calls.reminding import NAMES
        from andon.wiring.calls.reminding import remind as tell

        found = ask(tell, folder)
        if found.due:
            output.table(NAMES, found.rows)
        else:
            output.say("Nobody is due to sign anything.")
        output.result(found.to_json())
        raise SystemExit(found.exit_code)
