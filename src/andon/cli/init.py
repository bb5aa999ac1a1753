"""`andon init`: make a folder into a factory, from its own `factory.py` or from a CSV file."""

from pathlib import Path
from typing import Annotated

import typer

from andon.cli.options import HERE, AsJson, Folder
from andon.cli.output import Output, reported


def init(
    name: Annotated[str, typer.Argument(help="The factory's name, such as flights.")],
    from_csv: Annotated[Path | None, typer.Option("--from", help="A CSV file to make the factory from.")] = None,
    predict: Annotated[str, typer.Option(help="The column to predict.")] = "",
    key: Annotated[str, typer.Option(help="The column that identifies a row.")] = "",
    time: Annotated[str, typer.Option(help="The column that says when a row happened.")] = "",
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Make a factory: settings, keys and trust root, and with --from also the code.

    With --from the folder NAME is made, and everything that was guessed from the file is printed.
    """
    output = Output(as_json)
    with reported(output):
        from andon.wiring.calls.founding import found, found_from_csv
        from andon.wiring.calls.policy_shown import in_groups

        if from_csv is None:
            founded = found(folder, name)
        else:
            founded = found_from_csv(folder, name, from_csv, predict=predict, key=key, time=time)
        for line in founded.guesses:
            output.say(line)
        output.say(f"Factory {name} is in {founded.folder}; its keys are in {founded.home}, not in the factory.")
        output.say(founded.tier, style="dim")
        output.say("Its trust root begins with this fingerprint; on other machines: andon policy pin FINGERPRINT")
        for line in in_groups(founded.fingerprint):
            output.say(f"  {line}")
        output.say(
            f"Next: cd {founded.folder} && andon check && andon run"
            if from_csv
            else "Next: andon check, then andon run"
        )
        output.result(founded.to_json())
