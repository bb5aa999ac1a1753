"""The features stage of a model run: pinned datasets in, a snapshot of fit, tune and holdout rows out."""

from collections.abc import Mapping
from typing import Final, cast

import polars as pl

from andon.contracts.declaration import FeatureSet, Model
from andon.contracts.model import Feature, Task
from andon.contracts.wire import to_json
from andon.expressions.evaluate import evaluate, evaluate_label
from andon.expressions.fit import fit
from andon.expressions.plan import FeaturePlan, plan_from_json
from andon.expressions.tree import from_json
from andon.kernel.canonical import Json, dumps
from andon.kernel.digest import Digest
from andon.line.features.snapshot import ASKED, ROW_ID, Columns, classes_of, snapshot
from andon.line.features.split import PARTS, SplitSpec, split
from andon.runtime.line import Line
from andon.runtime.run import Run
from andon.runtime.steps import Tell, arrived
from andon.runtime.tables import LATEST, open_tables
from andon.runtime.work import Made, once, stage_key, store_bytes, store_frame
from andon.store.manifest import Input, Manifest

PLAN: Final = "plan.json"
SPINE: Final = "holdout_spine.parquet"
STORED: Final = ("fit", "tune", "holdout_features", "holdout_labels")
_TASKS: Final[Mapping[str, Task]] = {"bool": "binary", "category": "classes"}


def step_features(line: Line, run: Run, tell: Tell) -> Run:
    """Make the snapshot that the pinned datasets give as of the run's moment.

    Raises:
        RefusedError: A dataset's newest batch has no Pass.
        InputError: There are no rows to split, no labels, or a part would be empty.
    """
    model = line.model(run.subject)
    features = line.feature_set(model.features)
    datasets = cast("Mapping[str, Digest]", run.facts["datasets"])
    _check_passes(line, datasets)
    as_of_ns = _decisive_moment(line, datasets, features, run.as_of_ns)
    key = stage_key(
        "features",
        {
            "plan": features.plan,
            "label": features.label,
            "label_within_ns": str(features.label_within_ns),
            "tune_ns": str(model.tune_ns),
            "holdout_ns": str(model.holdout_ns),
            "datasets": datasets,
            "as_of_ns": str(as_of_ns),
        },
    )
    output, was_there = once(line, run, "features", key, lambda: _make(line, model, features, datasets, as_of_ns, key))
    rows = cast(
        "Mapping[str, Json]", cast("Mapping[str, Json]", line.records.manifests.get(output).facts["split"])["rows"]
    )
    words = " ".join(f"{name} {rows[name]}" for name in ("rows_in", *PARTS, "immature", "unlabelled", "known_late"))
    tell(f"{run.subject}: {words}{' (cached)' if was_there else ''}")
    return arrived(line, run, "train", {"snapshot": output})


def described(plan: FeaturePlan) -> tuple[Feature, ...]:
    """The features of a fitted plan as a model takes them."""
    return tuple(Feature(name, node.type.kind, categorical=node.op == "codes") for name, node in plan.features)


def task_of(features: FeatureSet) -> Task:
    """What kind of task the label makes."""
    return _TASKS.get(features.label_kind, "regression")


def _check_passes(line: Line, datasets: Mapping[str, Digest]) -> None:
    """The handoff: the batch that each pinned version ends with was passed by its data gate."""
    sources = {source.contract: source.name for source in line.declaration.sources}
    for contract, digest in datasets.items():
        for batch in line.records.manifests.get(digest).inputs_of("batch"):
            line.gatekeeper.pass_of(batch, f"data:{sources[contract]}")


def _decisive_moment(line: Line, datasets: Mapping[str, Digest], features: FeatureSet, as_of_ns: int) -> int:
    """The earliest moment that gives the same snapshot: once all there is has matured, waiting changes nothing."""
    latest = max(int(str(line.records.manifests.get(digest).facts[LATEST])) for digest in datasets.values())
    return min(as_of_ns, latest + features.label_within_ns + 1)


def _make(
    line: Line, model: Model, features: FeatureSet, datasets: Mapping[str, Digest], as_of_ns: int, key: Digest
) -> Made:
    contract = line.contracts[features.spine]
    tables = open_tables(line, datasets)
    plan, label = plan_from_json(features.plan), from_json(features.label)
    spec = SplitSpec(plan.asked, features.label_within_ns, model.tune_ns, model.holdout_ns, as_of_ns)
    moment = pl.lit(as_of_ns, dtype=pl.Int64).cast(pl.Datetime("ns", "UTC"))
    spine = tables[features.spine].filter(pl.col("_known_at") < moment).collect()
    labels = evaluate_label(label, features.spine, spine, tables, as_of_ns)
    parts = split(spine, labels, spec)
    plan = fit(plan, spine.filter(parts.parts == "fit"), tables)
    segments = tuple(column.name for column in contract.columns if column.segment)
    taken = snapshot(
        spine, evaluate(plan, spine, tables), labels, parts, spec, Columns(contract.of_role("key"), segments)
    )
    content = [store_frame(line, f"{name}.parquet", taken.objects()[name]) for name in STORED]
    content.append(store_frame(line, SPINE, _ordered_spine(spine, parts.parts == "holdout", plan)))
    content.append(store_bytes(line, PLAN, dumps(plan.to_json())))
    return Made(
        Manifest(
            kind="snapshot",
            content=tuple(content),
            contract=contract.digest(),
            inputs=tuple(Input(f"dataset:{name}", digest) for name, digest in datasets.items()),
            stage_key=key,
            facts={
                "split": parts.facts(),
                "task": task_of(features),
                "classes": list(classes_of(taken.fit)),
                "features": [to_json(feature) for feature in described(plan)],
            },
        )
    )


def _ordered_spine(spine: pl.DataFrame, is_holdout: pl.Series, plan: FeaturePlan) -> pl.DataFrame:
    """The spine's holdout rows in the order of the snapshot's frames, for a champion with features of its own."""
    row_id = pl.format("{}:{}", pl.col("_object"), pl.col("_row")).alias(ROW_ID)
    asked = pl.col(plan.asked).alias(ASKED)
    return spine.filter(is_holdout).with_columns(row_id, asked).sort(ASKED, ROW_ID).drop(ASKED, "_known_at")
