"""`andon key`: who may sign, in which role."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from andon.cli.options import HERE, As, AsJson, Folder, KeyUri
from andon.cli.output import Output, reported

app = typer.Typer(help="Keys and people: new, add, list, retire, compromise.", no_args_is_help=True)


@app.command("new")
def new(
    person: Annotated[str, typer.Argument(help="A name, such as grace.")],
    uri: Annotated[str, typer.Option(help="Where: file:/path or pkcs11:...; by default a file in ANDON_HOME.")] = "",
    as_json: AsJson = False,
) -> None:
    """Make a key of your own, on the machine where you sign; no factory is needed, and nobody is told."""
    output = Output(as_json)
    with reported(output):
        from andon.wiring.calls.people import make_own_key

        made = make_own_key(person, uri)
        output.say(made.public, style="bold")
        output.say(f"The private half is at {made.uri}; it stays there.", style="dim")
        output.say(f"Next, by an owner of the factory: andon key add {person} --role ROLE --public {made.public}")
        output.result(made.to_json())


@app.command("add")
def add(
    person: Annotated[str, typer.Argument(help="A name, such as grace.")],
    role: Annotated[list[str], typer.Option(help="A role, such as operations; may be given again.")],
    public: Annotated[str, typer.Option(help="Their public key, as andon key new prints it.")] = "",
    owner: As = "",
    own_key: KeyUri = "",
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Name a person in a new version of the trust root, signed by the owner; without --public a key is made here."""
    output = Output(as_json)
    with reported(output):
        from andon.wiring.calls.people import name_person

        named = name_person(folder, person, role, public, owner=owner, key_uri=own_key)
        if named.missing:
            output.say(f"Version {named.version}, which names {person}, is proposed; {named.missing}.", style="yellow")
            output.say("Next: andon policy sign")
        else:
            output.say(f"{person} may sign as {', '.join(role)} (trust root version {named.version}).")
        where = f"The key is in {named.key}; on this tier it lies beside the others."
        output.say(where if named.key else "Their private key is theirs, elsewhere.", style="dim")
        output.result(named.to_json())


@app.command("list")
def list_keys(folder: Folder = HERE, as_json: AsJson = False) -> None:
    """List who is in the trust root, with keys and roles."""
    output = Output(as_json)
    with reported(output):
        from andon.wiring.ask import ask
        from andon.wiring.calls.people import people_of

        found = ask(people_of, folder)
        output.table(["principal", "kind", "roles", "key", "state"], found.rows)
        output.result(found.to_json())


@app.command("retire")
def retire(
    key: Annotated[str, typer.Argument(help="Its id, or how it begins, as andon key list shows it.")],
    since: Annotated[str, typer.Option(help="From when on it signs nothing; by default from now on.")] = "",
    person: As = "",
    own_key: KeyUri = "",
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Propose that a key signs nothing more; what it signed before stands. Signed at once by who may."""
    _end(Output(as_json), folder, key, "retired", since, person=person, own_key=own_key)


@app.command("compromise")
def compromise(
    key: Annotated[str, typer.Argument(help="Its id, or how it begins, as andon key list shows it.")],
    since: Annotated[str, typer.Option(help="Since when others may have had it, such as 2027-01-31T12:00:00Z.")],
    person: As = "",
    own_key: KeyUri = "",
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Propose that a key is in wrong hands: what no witness saw before then is void. Signed at once by who may."""
    _end(Output(as_json), folder, key, "compromised", since, person=person, own_key=own_key)


def _end(
    output: Output,
    folder: Path,
    key: str,
    state: Literal["retired", "compromised"],
    since: str,
    *,
    person: str,
    own_key: str,
) -> None:
    with reported(output):
        from andon.cli.policy import show_put
        from andon.kernel.clock import SystemClock, parse_iso
        from andon.wiring.calls.key_ends import end_key

        since_ns = parse_iso(since) if since else SystemClock().now_ns()
        show_put(output, end_key(folder, key, state, since_ns, person=person, key_uri=own_key))
