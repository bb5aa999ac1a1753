"""`andon gatekeeper`: a gatekeeper with an OS user of its own, who holds records, keys and store for everybody else."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from andon.cli.options import HERE, As, AsJson, Folder, KeyUri
from andon.cli.output import Output, reported

app = typer.Typer(
    help="Gatekeeper with an OS user of its own: setup, init, sign, adopt, settings, serve.", no_args_is_help=True
)


@app.callback()
def gatekeeper() -> None:
    """Keep records, keys and store where nobody else of this machine can read or write them."""


@app.command("setup")
def setup(
    name: Annotated[str, typer.Argument(help="The factory's name, such as parcels.")],
) -> None:
    """Print the commands by which root gives gatekeeper, runner and servers OS users and folders of their own."""
    output = Output()
    with reported(output):
        from andon.wiring.founding_apart import setup_commands

        output.say(setup_commands(name))


@app.command("init")
def init(
    name: Annotated[str, typer.Argument(help="The factory's name, such as parcels.")],
    people: Annotated[Path, typer.Option(help="A TOML file: for each person user, roles and key.", dir_okay=False)],
    socket: Annotated[str, typer.Option(help="Where to listen; by default in /run/andon-gate.")] = "",
    runner: Annotated[str, typer.Option(help="Where the runner listens; by default in /run/andon-run.")] = "",
    runner_user: Annotated[str, typer.Option(help="The runner's OS user.")] = "andon-run",
    serve: Annotated[Path | None, typer.Option(help="Folder that the servers write.")] = None,
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Make the gatekeeper's settings and keys, as its OS user, and the first trust root for the owners to sign."""
    output = Output(as_json)
    with reported(output):
        from andon.wiring.founding_apart import begin_now, usual_places

        places = usual_places(name, socket=socket, runner=runner, runner_user=runner_user, serve=serve)
        begun = begin_now(folder, name, people, places)
        output.say(f"The first trust root is in {begun.first}. Its fingerprint, to be told by another way:")
        output.say(begun.fingerprint, style="bold")
        output.say(f"Next, by {' and '.join(begun.owners)}: andon gatekeeper sign {begun.first.name} --as NAME")
        output.result({"first": str(begun.first), "fingerprint": begun.fingerprint, "owners": list(begun.owners)})


@app.command("sign")
def sign(
    first: Annotated[Path, typer.Argument(help="What gatekeeper init wrote.", dir_okay=False)],
    out: Annotated[Path, typer.Option(help="Where to write it signed.")],
    as_: As = "",
    key: KeyUri = "",
    as_json: AsJson = False,
) -> None:
    """Sign the first trust root as an owner, where your key is; sign what another owner signed to add yours."""
    output = Output(as_json)
    with reported(output):
        from andon.wiring.files import read_file, write_new
        from andon.wiring.founding_apart import sign_first
        from andon.wiring.settings import acting_person
        from andon.wiring.signing import person_signer

        signer = person_signer(None, as_ or acting_person(), key)
        write_new(out, sign_first(read_file(first), signer))
        output.say(f"Signed; written to {out}.")
        output.result({"signed": str(out)})


@app.command("adopt")
def adopt(
    signed: Annotated[Path, typer.Argument(help="The first trust root, signed by the owners.", dir_okay=False)],
    fingerprint: Annotated[str, typer.Option(help="Its fingerprint, as the owners were told it.")],
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Take the signed first trust root as the factory's, as the gatekeeper's OS user."""
    output = Output(as_json)
    with reported(output):
        from andon.wiring.files import read_file
        from andon.wiring.founding_apart import adopt as take

        settings = take(folder, read_file(signed), fingerprint)
        output.say(f"{settings.name} has its trust root. Next: andon gatekeeper serve")
        output.result({"factory": settings.name, "fingerprint": fingerprint})


@app.command("settings")
def settings(
    of: Annotated[Literal["people", "servers"], typer.Argument(help="Whose andon.toml: people or servers.")],
    folder: Folder = HERE,
) -> None:
    """Print the andon.toml of those who work with this gatekeeper, or of its servers."""
    output = Output()
    with reported(output):
        from andon.wiring.founding_apart import client_settings, server_settings_text
        from andon.wiring.settings import load_settings

        own = load_settings(folder)
        output.say((client_settings if of == "people" else server_settings_text)(own).rstrip())


@app.command("serve")
def serve(folder: Folder = HERE) -> None:
    r"""Answer the calls of those whom \[people] in the folder's andon.toml names, until interrupted."""
    output = Output()
    with reported(output):
        from andon.wiring.processes.gatekeeper import serve_calls

        serve_calls(folder, output.say)
