"""`andon feature`: the features that a factory declares, and what each is made of."""

from typing import Annotated

import typer

from andon.cli.options import HERE, AsJson, Folder
from andon.cli.output import Output, reported

app = typer.Typer(help="Features: list, show.", no_args_is_help=True)


@app.command("list")
def list_features(folder: Folder = HERE, as_json: AsJson = False) -> None:
    """List the features that the factory's code declares, with the models that use them."""
    output = Output(as_json)
    with reported(output):
        from andon.wiring.calls.features import features_of

        found = features_of(folder)
        output.table(["feature", "kind", "is", "used by", "owner"], found.rows)
        output.result(found.to_json())


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="A feature, such as Delay.wind or wind.")],
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Show what a feature is, what it reads, which rows of other contracts it sees, and who uses it."""
    output = Output(as_json)
    with reported(output):
        from andon.contracts.wire import to_json
        from andon.wiring.calls.features import feature_of

        found = feature_of(folder, name)
        output.table([found.name, ""], found.rows)
        output.result(to_json(found))
