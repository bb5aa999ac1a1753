"""From a prediction, or any artefact, back to what it was made from, down to the source rows."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from andon.contracts.prediction import Prediction
from andon.gates.chain import release_facts
from andon.kernel.canonical import Json
from andon.kernel.digest import Digest, short
from andon.kernel.errors import IntegrityError
from andon.registry.lineage import Ancestor, ancestors, describe, is_closed
from andon.runtime.batches import LANDED
from andon.wiring.calls.deriving import DerivedFrom, derived_from
from andon.wiring.calls.finding import find_artefact
from andon.wiring.calls.models import package_of
from andon.wiring.calls.showing import moment, number
from andon.wiring.calls.sourcing import Place, SourceRow, Used, rows_of
from andon.wiring.calls.verdicts import standing
from andon.wiring.factory import Opened, open_factory
from andon.wiring.predictions import Logged, find_prediction

_PREDICTION: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SHOWN: Final = 5
_NUMBERS_SHOWN: Final = 3
_LONGEST: Final = 80
_INDENT: Final = "  "
Input = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Lineage:
    """What something was made from: an indented tree for people, and all of it for programs."""

    lines: tuple[str, ...]
    whole: Mapping[str, Json]

    def to_json(self) -> dict[str, Json]:
        """The lineage for programs, with whole digests and every row."""
        return dict(self.whole)


def lineage_of(folder: Path, of: str) -> Lineage:
    """What a prediction, or an artefact named by the beginning of its digest, was made from.

    Raises:
        UsageError: No artefact has such a digest, or more than one.
        InputError: No log has a prediction of this id.
        IntegrityError: Bytes on the way are not those that were stored.
    """
    with open_factory(folder) as opened:
        if _PREDICTION.fullmatch(of):
            return _of_prediction(opened, find_prediction(opened.settings, of))
        return _of_artefact(opened, find_artefact(opened, of))


@dataclass(frozen=True, slots=True)
class _Traced:
    """One ancestor, with what the gates say about it."""

    ancestor: Ancestor
    gates: Mapping[str, str]

    def lines(self) -> list[str]:
        one, manifest = self.ancestor, self.ancestor.manifest
        indent = _INDENT * one.depth
        if manifest is None:
            return [f"{indent}{one.role} {short(one.digest)}: {one.problem}"]
        role = "earlier: " if one.role == "previous" else ""
        gates = "".join(f" [{gate} {said}]" for gate, said in self.gates.items())
        lines = [f"{indent}{role}{short(one.digest)} {describe(manifest)}{gates}"]
        landed = [item for item in manifest.content if item.name == LANDED]
        lines += [
            f"{indent}{_INDENT}{short(item.sha256)} landed object: {item.rows} rows as they came" for item in landed
        ]
        return lines

    def to_json(self) -> dict[str, Json]:
        one, manifest = self.ancestor, self.ancestor.manifest
        content = manifest.content if manifest else ()
        return {
            "digest": one.digest,
            "kind": manifest.kind if manifest else None,
            "role": one.role,
            "depth": one.depth,
            "what": describe(manifest) if manifest else "",
            "problem": one.problem,
            "gates": dict(self.gates),
            "objects": [{"name": item.name, "sha256": item.sha256, "rows": item.rows} for item in content],
        }


def _trace(opened: Opened, digest: Digest) -> list[_Traced]:
    found = ancestors(digest, opened.database.manifests.get)
    return [_Traced(one, standing(opened, one.digest)) for one in found]


def _of_artefact(opened: Opened, digest: Digest) -> Lineage:
    traced = _trace(opened, digest)
    whole_lineage = is_closed(tuple(one.ancestor for one in traced))
    lines = [line for one in traced for line in one.lines()]
    if not whole_lineage:
        lines.append("This lineage is open: something it was made from is not recorded.")
    whole: dict[str, Json] = {
        "of": digest,
        "is_closed": whole_lineage,
        "lineage": [one.to_json() for one in traced],
    }
    return Lineage(tuple(lines), whole)


def _of_prediction(opened: Opened, logged: Logged) -> Lineage:
    prediction = logged.prediction
    manifests = opened.database.manifests
    release = manifests.get(prediction.release)
    if release.inputs_of("model") != (prediction.model,):
        raise IntegrityError(
            "look.other-model",
            "The release that this prediction names was made of another model than it names.",
            place=prediction.id,
            found=prediction.model,
            fix="Run: andon audit verify",
        )
    line = opened.line(opened.declaration(release_facts(release).declaration))
    used = rows_of(line, package_of(opened, manifests.get(prediction.model)), prediction)
    looked_at = [row for rows in used.rows.values() for row in rows]
    derived = derived_from(opened, line, looked_at if used.question is None else [used.question, *looked_at])
    below = _of_artefact(opened, prediction.release)
    lines = [
        *_about(logged),
        f"{_INDENT}{_agreement(used)}",
        *_agreements(derived),
        *feature_lines(used, prediction.inputs, derived),
        *(f"{_INDENT}{one}" for one in below.lines),
    ]
    return Lineage(tuple(lines), {"prediction": _prediction_json(logged, used, derived), **below.whole})


def _about(logged: Logged) -> list[str]:
    one = logged.prediction
    return [
        f"prediction {one.id}: {', '.join(map(number, one.outputs))}",
        f"{_INDENT}asked {moment(one.asked_ns)}, answered {moment(one.answered_ns)} on {logged.target}",
        f"{_INDENT}about {_pairs(one.entity) or 'a complete row of features'}",
        f"{_INDENT}written in {logged.place}, as number {one.number}",
    ]


def feature_lines(
    used: Used, values: Mapping[str, Input], derived: Mapping[Place, DerivedFrom] | None = None
) -> list[str]:
    """The features, each with its value and the rows it was computed from.

    Args:
        used: What they were computed from.
        values: The model's inputs by name.
        derived: What derived rows were computed from in turn, each shown where it is first seen.
    """
    unseen = dict(derived or {})
    lines = []
    if used.question is not None:
        lines += _rows((used.question,), unseen, 1, "the question is ")
    for name, inputs in used.inputs.items():
        lines.append(f"{_INDENT}{name} = {_shown(name, inputs, values)}")
        lines += _rows(used.rows.get(name, ()), unseen, 2)
    return lines


def _rows(rows: Sequence[SourceRow], unseen: dict[Place, DerivedFrom], depth: int, word: str = "") -> list[str]:
    """Rows, the newest few, each with the rows that it was derived from below it."""
    lines = []
    for row in rows[-_SHOWN:]:
        lines.append(f"{_INDENT * depth}{word}{_row(row)}")
        origin = unseen.pop(row.place, None)
        if origin is not None:
            lines += _rows((origin.spine,), unseen, depth + 1, "from ")
            for column, looked_at in origin.rows.items():
                lines += _rows(looked_at, unseen, depth + 1, f"{column} from ")
    if len(rows) > _SHOWN:
        lines.append(f"{_INDENT * depth}and {len(rows) - _SHOWN} older rows; --json names every one")
    return lines


def _shown(name: str, inputs: tuple[str, ...], values: Mapping[str, Input]) -> str:
    """The value of a feature: one number, or those of a vector."""
    words = [_word(values.get(each)) for each in inputs[:_NUMBERS_SHOWN]]
    if inputs == (name,):
        return words[0]
    rest = ", ..." if len(inputs) > _NUMBERS_SHOWN else ""
    return f"[{', '.join(words)}{rest}] ({len(inputs)} numbers)"


def _word(value: Input) -> str:
    if isinstance(value, str):
        return value
    return "null" if value is None else number(float(value))


def _agreement(used: Used) -> str:
    if used.differing:
        return f"NOT the same when computed again: {', '.join(used.differing)}"
    if used.unknown:
        words = ", ".join(used.unknown)
        return f"no published row gives these as the model saw them; the caller brought its own values: {words}"
    return "its features, computed again from the rows below, are the same to the last bit"


def _agreements(derived: Mapping[Place, DerivedFrom]) -> list[str]:
    """Whether derived rows come out as they were published."""
    if not derived:
        return []
    odd = [
        f"{contract} row {row} ({', '.join(one.differing)})"
        for (contract, _, row), one in derived.items()
        if one.differing
    ]
    if odd:
        return [f"{_INDENT}NOT the same when derived again: {', '.join(odd[:_SHOWN])}"]
    return [f"{_INDENT}the derived rows among them, derived again, are the same to the last bit: {len(derived)}"]


def _row(row: SourceRow) -> str:
    landed = "" if row.landed_row is None else f" (landed row {row.landed_row} of {short(row.landed)})"
    return f"{row.contract} row {row.row} of {short(row.object)}{landed}: {_pairs(row.values)}"


def _pairs(values: Mapping[str, object]) -> str:
    return " ".join(f"{name}={'null' if value is None else _brief(str(value))}" for name, value in values.items())


def _brief(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}... ({len(text)} characters)"


def _prediction_json(logged: Logged, used: Used, derived: Mapping[Place, DerivedFrom]) -> dict[str, Json]:
    one = logged.prediction
    outputs: Sequence[float] = one.outputs
    return {
        "id": one.id,
        "worker": one.worker,
        "number": one.number,
        "target": logged.target,
        "place": logged.place,
        "asked": moment(one.asked_ns),
        "answered": moment(one.answered_ns),
        "release": one.release,
        "model": one.model,
        "entity": {name: list(value) if isinstance(value, tuple) else value for name, value in one.entity.items()},
        "outputs": list(outputs),
        "datasets": dict(one.state),
        "question": used.question.to_json() if used.question else None,
        "features": [
            {
                "name": name,
                "value": _value(one, name, inputs),
                "rows": [row.to_json() for row in used.rows.get(name, ())],
            }
            for name, inputs in used.inputs.items()
        ],
        "derived": [
            {"contract": contract, "object": digest, "row": row, **origin.to_json()}
            for (contract, digest, row), origin in derived.items()
        ],
        "differing": list(used.differing),
        "unknown": list(used.unknown),
    }


def _value(prediction: Prediction, name: str, inputs: tuple[str, ...]) -> Json:
    """The value of a feature as JSON: that of its one input, or those of a vector."""
    values: list[Json] = [_finite(prediction.inputs.get(name)) for name in inputs]
    return values[0] if inputs == (name,) else values


def _finite(value: Json) -> Json:
    """A feature as JSON has it: NaN, which stands for null, and the infinities are no numbers there."""
    if not isinstance(value, float) or math.isfinite(value):
        return value
    return None if math.isnan(value) else str(value)
