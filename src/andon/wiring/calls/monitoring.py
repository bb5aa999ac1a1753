"""Live predictions of what a target serves, held against training, and against labels where they have come."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from andon.contracts.declaration import FeatureSet
from andon.contracts.evidence import Measurement, find
from andon.contracts.prediction import Prediction
from andon.contracts.wire import from_json
from andon.expressions.evaluate import evaluate_label
from andon.expressions.plan import spine_columns
from andon.expressions.tree import Node, contracts_of
from andon.expressions.tree import from_json as tree_from_json
from andon.gates.chain import release_facts
from andon.kernel.canonical import Json, loads
from andon.kernel.digest import Digest, short
from andon.kernel.errors import InputError
from andon.line.monitor.labels import KNOWN_AT, Joined, LabelCounts, join_labels, with_keys
from andon.line.monitor.page import page
from andon.line.monitor.report import ColumnReport, MonitorReport, Subject, live_report
from andon.line.serve.records import batch_bytes, read_batch
from andon.measures.profile import Baseline
from andon.runtime.line import Line
from andon.runtime.tables import open_version, published
from andon.runtime.validate_stage import BASELINE
from andon.store.manifest import Manifest
from andon.wiring.calls.models import model_named, package_of
from andon.wiring.calls.pages import write_page
from andon.wiring.calls.showing import interval, moment, number
from andon.wiring.calls.verdicts import about, measured
from andon.wiring.factory import Opened, open_factory
from andon.wiring.predictions import Worker, workers_of

_LEVELS: Final = ("far", "moved")


@dataclass(frozen=True, slots=True)
class Live:
    """How a target's predictions are, in words and as values.

    Attributes:
        columns: Column, rows, effect, null share and unseen share beyond training's.
        metrics: Metric, live value, its interval, labelled predictions, the value on the holdout.
    """

    lines: tuple[str, ...]
    report: MonitorReport

    @property
    def columns(self) -> list[list[str]]:
        """The columns, the one that moved most first."""
        return [_column(one) for one in self.report.columns]

    @property
    def metrics(self) -> list[list[str]]:
        """The metrics on labelled predictions, beside those on the holdout."""
        return [_metric(one, self.report.reference) for one in self.report.measurements]

    def to_json(self) -> dict[str, Json]:
        """The report for programs."""
        return {"report": self.report.to_json()}

    def write(self, to: Path) -> Path:
        """Write the report as one HTML page, and give where it is.

        Raises:
            InputError: The page cannot be written there.
        """
        return write_page(to, page(self.report).encode())


def report_live(folder: Path, model: str, target: str) -> Live:
    """Compare the logged predictions of the model that a target serves with its training, and with labels.

    Args:
        folder: The factory's folder.
        model: The model's name; empty for the only one the target serves.
        target: Where it is served.

    Raises:
        UsageError: The target serves nothing, or several models and none is named.
        InputError: Nothing was predicted yet.
        IntegrityError: The log or the baseline is not what was recorded.
    """
    with open_factory(folder) as opened:
        name = model_named(opened, model, target)
        release = opened.database.manifests.get(opened.gatekeeper.serving(name, target))
        line = opened.line(opened.declaration(release_facts(release).declaration))
        subject = _subject(opened, release)
        workers = workers_of(opened.settings, target, name)
        predictions = _predictions(workers, subject.model)
        features = line.feature_set(line.model(name).features)
        keyed = with_keys(predictions, line.contracts[features.spine])
        joined = _join(line, features, keyed, opened.clock.now_ns())
        report = live_report(subject, predictions, joined, lost=sum(worker.lost() for worker in workers))
    return Live(_lines(report, target), report)


def _subject(opened: Opened, release: Manifest) -> Subject:
    manifests = opened.database.manifests
    model = manifests.get(release.inputs_of("model")[0])
    report = manifests.get(release.inputs_of("report")[0])
    baseline = manifests.get(report.inputs_of("baseline")[0])
    package = package_of(opened, model)
    facts = release_facts(release)
    return Subject(
        factory=facts.factory,
        model_name=facts.model_name,
        model=model.digest,
        task=package.task,
        classes=package.classes,
        baseline=from_json(Baseline, loads(opened.blobs.read(baseline.object(BASELINE).sha256))),
        reference=tuple(one for one in measured(about(opened, model.digest)).values() if not one.slice),
    )


def _predictions(workers: Iterable[Worker], model: Digest) -> pl.DataFrame:
    """All logged predictions of one model, those of open journals too, in the order they were asked."""
    frames = []
    for worker in workers:
        frames += [_as_frame([one for one in worker.open_records() if one.model == model])]
        frames += [read_batch(batch).filter(pl.col("model") == model) for batch in worker.batches()]
    found = [frame for frame in frames if not frame.is_empty()]
    if not found:
        raise InputError(
            "monitor.no-predictions",
            "The model that is served now has predicted nothing yet.",
            place=model,
            found=f"{len(frames)} batches of other models",
            fix="Serve it and ask it something: andon up",
        )
    return pl.concat(found).unique("id", maintain_order=True).sort("asked", "id")


def _as_frame(records: Sequence[Prediction]) -> pl.DataFrame:
    return pl.read_parquet(batch_bytes(records)) if records else pl.DataFrame()


def _join(line: Line, features: FeatureSet, predictions: pl.DataFrame, now_ns: int) -> Joined | None:
    """The mature predictions with their labels, from what is published now; `None` where the label's data is not."""
    tree = tree_from_json(features.label)
    keys = line.contracts[features.spine].of_role("key")
    tables = _published(line, {features.spine, *contracts_of(tree)})
    if tables is None:
        return None
    spine = _asked_about(tree, features, predictions, keys, tables[features.spine])
    others = {name: table for name, table in tables.items() if name != features.spine}
    labels = evaluate_label(tree, features.spine, spine, others, now_ns)
    # A label of the spine's own columns joins nothing, so it has no moment of its own: it came with its row.
    named = pl.concat([spine.select(keys), labels], how="horizontal").with_columns(
        pl.col(KNOWN_AT).fill_null(pl.lit(0, dtype=pl.Int64).cast(pl.Datetime("ns", "UTC")))
    )
    return join_labels(predictions, named, keys, within_ns=features.label_within_ns, as_of_ns=now_ns)


def _published(line: Line, contracts: set[str]) -> dict[str, pl.LazyFrame] | None:
    found = {name: published(line, name) for name in contracts}
    versions = {name: version for name, version in found.items() if version is not None}
    if len(versions) < len(found):
        return None
    return {name: open_version(line, version, name) for name, version in versions.items()}


def _asked_about(
    tree: Node, features: FeatureSet, predictions: pl.DataFrame, keys: Sequence[str], rows: pl.LazyFrame
) -> pl.DataFrame:
    """One spine row for each entity that was asked about: of its keys where the label needs no more, else published."""
    entities = predictions.select(keys).drop_nulls().unique(maintain_order=True)
    if set(spine_columns(tree, features.spine)) <= set(keys):
        return entities
    newest = rows.join(entities.lazy(), on=list(keys), how="semi").sort("_known_at", "_object", "_row")
    return newest.unique(list(keys), keep="last", maintain_order=True).collect()


def _lines(report: MonitorReport, target: str) -> tuple[str, ...]:
    span = f"asked {moment(report.since_ns)} to {moment(report.until_ns)}"
    lost = f"; {report.lost} more are known to be lost" if report.lost else ""
    lines = [
        f"{report.model_name} on {target}: {report.predictions} predictions of {short(report.model)}, {span}{lost}",
        _labels(report.labels),
    ]
    for level in _LEVELS:
        names = [one.shift.name for one in report.columns if one.level == level]
        lines += [f"{level}: {', '.join(names)}"] if names else []
    return tuple(lines)


def _labels(counts: LabelCounts | None) -> str:
    if counts is None:
        return "No labels: what they are made from is not published."
    parts = {
        "with a label": counts.labelled,
        "whose label never came": counts.missing,
        "whose label still has time": counts.waiting,
        "that name nobody": counts.nameless,
    }
    return "Predictions " + ", ".join(f"{words}: {number_}" for words, number_ in parts.items())


def _column(one: ColumnReport) -> list[str]:
    shift = one.shift
    effect = f"{shift.ks:.3f} ({one.level})"
    return [shift.name, str(shift.rows), effect, f"{shift.nulls:+.3f}", f"{shift.unseen:+.3f}"]


def _metric(one: Measurement, reference: Iterable[Measurement]) -> list[str]:
    before = find(reference, one.metric, one.slice)
    name = f"{one.metric} {one.slice}".strip()
    value = number(one.value) if one.value is not None else f"none: {one.problem}"
    return [name, value, interval(one), str(one.n), number(before.value) if before else ""]
