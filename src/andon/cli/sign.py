"""`andon sign`: a person signs what was written down elsewhere, on the machine where their key is."""

from pathlib import Path
from typing import Annotated

import typer

from andon.cli.options import As, AsJson, KeyUri
from andon.cli.output import Output, reported


def sign(
    file: Annotated[Path, typer.Argument(help="What approve, waiver, delegate or annul wrote.", dir_okay=False)],
    as_: As = "",
    key: KeyUri = "",
    out: Annotated[Path | None, typer.Option("--out", help="By default the same name with .signed.")] = None,
    as_json: AsJson = False,
) -> None:
    """Sign a statement from a file; it is shown first, and no factory is needed here."""
    output = Output(as_json)
    with reported(output):
        from andon.wiring.calls.drafts import sign_draft, words_of
        from andon.wiring.files import read_file, write_new
        from andon.wiring.settings import acting_person

        text = read_file(file)
        output.table(["", ""], words_of(text))
        signed = sign_draft(None, text, as_ or acting_person(), key)
        path = out or file.with_name(f"{file.name}.signed")
        write_new(path, signed)
        output.say(f"Signed; written to {path}.")
        output.say(f"Next, where the factory is: andon approve --hand-in {path.name}")
        output.result({"file": str(path), "envelope": signed})
