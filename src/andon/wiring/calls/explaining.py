"""The features that a question would get, each with the rows that make it: what a served model would be asked with."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from andon.contracts.dataset import DatasetContract
from andon.contracts.prediction import Prediction, Said
from andon.expressions.plan import plan_from_json
from andon.gates.chain import release_facts
from andon.kernel.canonical import Json
from andon.kernel.clock import iso, parse_iso
from andon.kernel.digest import Digest
from andon.kernel.errors import InputError, UsageError
from andon.line.serve.entity import Questions, SpineRows
from andon.runtime.line import Line
from andon.runtime.tables import open_version, published
from andon.wiring.calls.models import model_named, package_of
from andon.wiring.calls.sourcing import rows_of
from andon.wiring.calls.tracing import feature_lines
from andon.wiring.factory import open_factory


@dataclass(frozen=True, slots=True)
class Explained:
    """The features of one question.

    Attributes:
        about: The keys that were asked about.
        asked: When, as ISO 8601.
        lines: Features, values and rows, in words.
        values: Each feature; `None` for null.
        rows: For each feature the rows that it looked at, as (contract, object, row).
    """

    about: Mapping[str, str]
    asked: str
    model: str
    lines: tuple[str, ...]
    values: Mapping[str, float | None]
    rows: Mapping[str, tuple[tuple[str, Digest, int], ...]]


def explain_features(folder: Path, entity: str, model: str, target: str, at: str) -> Explained:
    """The features that a served model would be asked with about an entity, on the datasets published now.

    Args:
        folder: The factory's folder.
        entity: Its key, or `key=value` pairs with commas between them.
        model: The model's name; empty for the only one the target serves.
        target: Where it is served.
        at: The moment of the question, as ISO 8601; empty for now.

    Raises:
        UsageError: No such model is served, or the entity is not spelt as its contract has it.
        InputError: No published row has these keys and was known at that moment.
        IntegrityError: An artefact is not what was recorded.
    """
    with open_factory(folder) as opened:
        name = model_named(opened, model, target)
        release = opened.database.manifests.get(opened.gatekeeper.serving(name, target))
        line = opened.line(opened.declaration(release_facts(release).declaration))
        (made,) = release.inputs_of("model")
        package = package_of(opened, opened.database.manifests.get(made))
        asked_ns = parse_iso(at) if at else opened.clock.now_ns()
        plan = plan_from_json(package.plan)
        contract = line.contracts[plan.spine]
        said = _said(contract, entity, line, asked_ns)
        state = {each: version.digest for each in (plan.spine, *plan.contracts) if (version := published(line, each))}
        question = Prediction("", "", 0, asked_ns, asked_ns, release.digest, made, said, {}, (), state)
        used = rows_of(line, package, question)
    values = {each: None if math.isnan(value) else value for each, value in used.computed.items()}
    return Explained(
        about={key: str(value) for key, value in said.items()},
        asked=iso(asked_ns),
        model=name,
        lines=tuple(feature_lines(used, values)),
        values=values,
        rows={each: tuple((row.contract, row.object, row.row) for row in rows) for each, rows in used.rows.items()},
    )


def _said(contract: DatasetContract, entity: str, line: Line, asked_ns: int) -> Mapping[str, Said]:
    """The keys of a published row, as a server reads them."""
    keys = contract.of_role("key")
    pairs = [part.partition("=") for part in entity.split(",")] if "=" in entity else [(keys[0], "=", entity)]
    given = {name.strip(): value.strip() for name, _, value in pairs}
    if set(given) != set(keys):
        raise UsageError(
            "explain.entity",
            f"{contract.name} is asked about by {', '.join(keys)}.",
            found=entity,
            fix=f"Write {','.join(f'{key}=VALUE' for key in keys)}.",
        )
    version = published(line, contract.name)
    rows = None if version is None else SpineRows(contract, open_version(line, version, contract.name).collect())
    kinds = {column.name: column.kind for column in contract.columns}
    read: dict[str, Json] = {name: _typed(value, kinds[name]) for name, value in given.items()}
    return Questions(contract).read([read], asked_ns, rows)[0].said


def _typed(text: str, kind: str) -> Json:
    """A word of the command line as the JSON that a caller would send."""
    try:
        if kind == "bool":
            return {"true": True, "false": False}[text.lower()]
        return int(text) if kind == "int" else float(text) if kind == "float" else text
    except (KeyError, ValueError) as error:
        raise InputError("explain.entity", f"This is no {kind}.", found=text, fix="Write it as JSON has it.") from error
