"""`andon run`: bring the sources up to date, then take the models through all stages and gates."""

from typing import Annotated

import typer

from andon.cli.options import HERE, AsJson, Folder
from andon.cli.output import Output, reported


def run(
    subjects: Annotated[
        list[str] | None, typer.Argument(help="Sources, derivations or models; by default all.")
    ] = None,
    as_of: Annotated[str, typer.Option(help="See data only up to this moment; by default now.")] = "",
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Run the line, as far as gates and people let it.

    What was finished before is not done again. Exit code 3: it waits for people; 4: a gate refused.
    """
    output = Output(as_json)
    with reported(output):
        from andon.wiring.ask import ask
        from andon.wiring.calls.runs import run_line

        result = ask(run_line, folder, subjects or [], as_of=as_of, tell=output.progress)
        output.table(["run", "subject", "state", "stands at", "waits for"], result.rows())
        for line in result.hints():
            output.say(line)
        output.result(result.to_json())
        raise SystemExit(result.exit_code)
