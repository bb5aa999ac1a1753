"""`andon feature`: what a factory's features are made of, and whether serving computes the same as training."""

from pathlib import Path
from typing import Annotated

import typer

from andon.cli.options import HERE, AsJson, Folder, Target
from andon.cli.output import EXIT_FAILED, Output, reported

app = typer.Typer(help="Features: list, show, diff, used-by, rows, explain, audit, rebuild.", no_args_is_help=True)


@app.command("list")
def list_features(folder: Folder = HERE, as_json: AsJson = False) -> None:
    """List the features that the factory's code declares, with the models that use them."""
    output = Output(as_json)
    with reported(output):
        from andon.wiring.calls.features import NAMES, features_of

        found = features_of(folder)
        output.table(NAMES, found.rows)
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


@app.command("diff")
def diff(
    before: Annotated[str, typer.Argument(help="A release, model or snapshot: the beginning of its digest.")],
    after: Annotated[str, typer.Argument(help="Another one; without it, what the factory's code declares now.")] = "",
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Compare features of two releases, models or snapshots, or of one and the code: added, removed, changed."""
    output = Output(as_json)
    with reported(output):
        from andon.contracts.wire import to_json
        from andon.wiring.ask import ask
        from andon.wiring.calls.feature_versions import diff_features

        found = ask(diff_features, folder, before, after)
        for line in found.lines:
            output.say(line)
        if found.rows:
            output.table(["feature", "", "before", "after"], found.rows)
        output.result(to_json(found))


@app.command("used-by")
def used_by(
    name: Annotated[str, typer.Argument(help="A feature, the beginning of its digest, or CONTRACT.COLUMN.")],
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Show which models and releases use a feature, or a column of a contract, of all that were ever trained."""
    output = Output(as_json)
    with reported(output):
        from andon.contracts.wire import to_json
        from andon.wiring.ask import ask
        from andon.wiring.calls.feature_use import uses_of

        found = ask(uses_of, folder, name)
        for line in found.lines:
            output.say(line)
        if found.rows:
            output.table(["feature", "digest", "model", "trained as", "releases"], found.rows)
        output.result(to_json(found))


@app.command("explain")
def explain(
    entity: Annotated[str, typer.Argument(help="A key of the spine, or KEY=VALUE,KEY=VALUE.")],
    model: Annotated[str, typer.Option(help="A served model; the only one where there is no other.")] = "",
    target: Annotated[str, typer.Option(help="Where it is served.")] = "local",
    at: Annotated[str, typer.Option(help="The moment of the question; by default now.")] = "",
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Show the features that a served model would be asked with, each with the rows that make its value."""
    output = Output(as_json)
    with reported(output):
        from andon.contracts.wire import to_json
        from andon.wiring.ask import ask
        from andon.wiring.calls.explaining import explain_features

        found = ask(explain_features, folder, entity, model, target, at)
        about = ", ".join(f"{key}={value}" for key, value in found.about.items())
        output.say(f"{found.model} about {about}, asked {found.asked}")
        for line in found.lines:
            output.say(line)
        output.result(to_json(found))


@app.command("audit")
def audit(
    model: Annotated[str, typer.Option(help="A model; without it all are audited.")] = "",
    target: Annotated[str, typer.Option(help="A target; without it all are audited.")] = "",
    last: Annotated[int, typer.Option(help="How many predictions, the newest first.", min=1)] = 10_000,
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Compute the features of logged predictions again, by the plan that makes training sets, and compare every bit."""
    output = Output(as_json)
    with reported(output):
        from andon.contracts.wire import to_json
        from andon.wiring.ask import ask
        from andon.wiring.calls.skewed import skew_of

        found = ask(skew_of, folder, model, target, last)
        for line in found.lines:
            output.say(line, style="" if found.is_clean else "bold red")
        output.table(["model", "feature", "compared", "differing", "predictions"], found.rows)
        output.result(to_json(found))
        if not found.is_clean:
            raise SystemExit(EXIT_FAILED)


@app.command("rows")
def rows(
    name: Annotated[str, typer.Argument(help="Features of the factory's code, such as Delay.")],
    out: Annotated[Path, typer.Option("--out", help="The Parquet file to write; it must not be there yet.")],
    since: Annotated[str, typer.Option(help="Rows that ask at this moment or later.")] = "",
    until: Annotated[str, typer.Option(help="And before this one.")] = "",
    as_of: Annotated[str, typer.Option(help="See data only up to this moment; by default now.")] = "",
    questions: Annotated[Path | None, typer.Option(help="A Parquet file of rows that ask instead.")] = None,
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Write features and labels of published data, or of questions of your own, into a Parquet file."""
    output = Output(as_json)
    with reported(output):
        from andon.wiring.ask import ask
        from andon.wiring.calls.evidence.written import write_new
        from andon.wiring.calls.feature_rows import feature_rows, questions_in

        asked = b"" if questions is None else questions_in(questions)
        data = ask(feature_rows, folder, name, None, since, until, as_of, asked)
        path = write_new(out, data)
        output.say(f"{path}: {len(data)} bytes")
        output.result({"file": str(path), "bytes": len(data)})


@app.command("rebuild")
def rebuild(target: Target = "local", folder: Folder = HERE, as_json: AsJson = False) -> None:
    """Make the online store of a target anew from the datasets, and say how much of it was not as they have it."""
    output = Output(as_json)
    with reported(output):
        from andon.wiring.calls.rebuilding import rebuild_store

        found = rebuild_store(folder, target, output.say)
        for line in found.lines:
            output.say(line)
        output.result(found.to_json())
