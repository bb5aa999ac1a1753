"""`andon export`: evidence about a release in one file, and the file that checks it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from andon.cli.options import HERE, AsJson, Folder
from andon.cli.output import Output, reported

if TYPE_CHECKING:
    from andon.wiring.calls.evidence.exporting import Exported

app = typer.Typer(help="Files for others: evidence, verifier.", no_args_is_help=True)
Out = Annotated[Path | None, typer.Option("--out", help="The file to write; it must not be there yet.")]


@app.command("evidence")
def evidence(
    release: Annotated[str, typer.Argument(help="Digest of the release or its beginning.")],
    out: Out = None,
    whole: Annotated[bool, typer.Option("--whole", help="Put in every statement of the ledger.")] = False,
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Write everything that was said about a release into one zip file, which can be checked without andon."""
    output = Output(as_json)
    with reported(output):
        from andon.wiring.ask import ask
        from andon.wiring.calls.evidence.exporting import about_pack, evidence_of

        pack = ask(evidence_of, folder, release, whole=whole)
        _write(output, pack, about_pack(pack), out)
        output.say("Check it with a verifier that did not come with it: andon export verifier")


@app.command("verifier")
def verifier(out: Out = None, as_json: AsJson = False) -> None:
    """Write the one file that checks evidence packs; it needs Python and `cryptography` only."""
    output = Output(as_json)
    with reported(output):
        from andon.wiring.calls.evidence.exporting import about_verifier, verifier_file

        data = verifier_file()
        _write(output, data, about_verifier(data), out)


def _write(output: Output, data: bytes, exported: "Exported", out: Path | None) -> None:
    from andon.wiring.calls.evidence.written import write_new

    path = write_new(out or Path(exported.name), data)
    output.say(f"{path}  {exported.digest}")
    for text in exported.says:
        output.say(f"  {text}")
    output.result({**exported.to_json(), "file": str(path)})
