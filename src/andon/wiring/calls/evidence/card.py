"""The model card: one page in Markdown, with the metadata that model hubs read at its top."""

import json
from collections.abc import Iterable, Sequence

from andon.contracts.evidence import Measurement
from andon.expressions.marks import carried_marks, words_of_marks
from andon.kernel.clock import iso
from andon.wiring.calls.evidence.gathered import Gathered
from andon.wiring.calls.features import features_of_model
from andon.wiring.calls.showing import interval, number
from andon.wiring.calls.verdicts import Spoken


def model_card(gathered: Gathered, measured: Sequence[Measurement]) -> str:
    """The card of the model that a release is of.

    Args:
        gathered: The release.
        measured: What was measured of the model, one value for each metric and slice.
    """
    return "\n".join([*_metadata(gathered, measured), "", *_page(gathered, measured)]) + "\n"


def _metadata(gathered: Gathered, measured: Iterable[Measurement]) -> list[str]:
    """YAML whose every text is written as JSON, which YAML reads as the same text, whatever is in it."""
    package = gathered.package
    results = [
        f"          - {{type: {_text(one.metric)}, name: {_text(_name(one))}, value: {one.value!r}}}"
        for one in measured
        if one.value is not None
    ]
    task = {"binary": "tabular-classification", "classes": "tabular-classification"}.get(
        package.task, "tabular-regression"
    )
    return [
        "---",
        f"library_name: {_text(package.format)}",
        f"pipeline_tag: {_text(task)}",
        "tags:",
        f"  - {_text('andon')}",
        f"  - {_text(gathered.root.factory)}",
        "model-index:",
        f"  - name: {_text(package.name)}",
        "    results:",
        f"      - task: {{type: {_text(task)}}}",
        f"        dataset: {{type: {_text('holdout')}, name: {_text(gathered.facts.model_name + ' holdout')}}}",
        *(["        metrics:", *results] if results else ["        metrics: []"]),
        "---",
    ]


def _page(gathered: Gathered, measured: Sequence[Measurement]) -> list[str]:
    facts, package, declaration = gathered.facts, gathered.package, gathered.declaration
    return [
        f"# {package.name}",
        "",
        declaration.purpose or "No purpose was declared.",
        "",
        f"- Release `{gathered.release}`",
        f"- for target {facts.target}, {gathered.state} at ledger size {gathered.head.size}, {iso(gathered.last_ns)}",
        f"- Model `{gathered.model}`, {package.format}, {package.task}",
        f"- Owner {declaration.owner}; started by {', '.join(facts.initiators)}",
        f"- Parameters {_pairs(package.params.items())}; seed {package.seed}; threads {package.threads}",
        "",
        "## What it takes",
        "",
        *(f"- {one.name}: {one.type}{', categorical' if one.categorical else ''}" for one in package.features),
        "",
        *_marks(gathered),
        "## How it did on rows it never saw",
        "",
        "| metric | slice | value | 95 % interval | rows |",
        "|---|---|---|---|---|",
        *(_row(one) for one in measured),
        "",
        "## What the gates said",
        "",
        *(_said(one) for one in gathered.verdicts),
        "",
        "## Limits",
        "",
        "What was measured holds for rows like those of the holdout. A slice that is not in the table was not",
        "measured. How far the model was reproduced stands in `reproduction.json`; who could have signed something",
        "untrue, in `tier.json`.",
    ]


def _marks(gathered: Gathered) -> list[str]:
    """Which features come from marked columns, and from which."""
    declaration = gathered.declaration
    label = features_of_model(declaration, gathered.facts.model_name).label
    carried = carried_marks(gathered.package.plan, label, declaration)
    lines = [f"- {mark}: {text}" for mark, text in words_of_marks(carried)]
    none = "No feature comes from a column that its contract marks as personal (`pii`) or as `protected`."
    return ["## What is about people", "", *(lines or [none]), ""]


def _row(one: Measurement) -> str:
    cells = (one.metric, one.slice or "all rows", number(one.value), interval(one), str(one.n))
    return "| " + " | ".join(_cell(text) for text in cells) + " |"


def _said(one: Spoken) -> str:
    failed = [
        f"{finding.holds}: {finding.criterion.text()}: {finding.why}"
        for finding in one.findings
        if finding.holds != "yes"
    ]
    return f"- {one.gate}: **{one.outcome}**" + (f" ({_cell('; '.join(failed))})" if failed else "")


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _pairs(pairs: Iterable[tuple[str, object]]) -> str:
    return ", ".join(f"{name} {value}" for name, value in pairs) or "none"


def _name(one: Measurement) -> str:
    return f"{one.metric} {one.slice}".strip()


def _text(text: str) -> str:
    return json.dumps(text)
