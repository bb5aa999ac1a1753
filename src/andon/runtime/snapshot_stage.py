"""The features stage of a model run: pinned datasets in, a snapshot of fit, tune and holdout rows out."""

from collections.abc import Mapping
from typing import Final, cast

from andon.contracts.declaration import FeatureSet, Model
from andon.contracts.wire import to_json
from andon.expressions.plan import plan_from_json
from andon.expressions.tree import from_json
from andon.kernel.canonical import Json, dumps
from andon.kernel.digest import Digest
from andon.line.features.snapshot import Columns
from andon.line.features.split import PARTS, SplitSpec
from andon.line.features.stage import Definition, build
from andon.runtime.line import Line
from andon.runtime.run import Run
from andon.runtime.steps import Tell, arrived
from andon.runtime.tables import DATASET, LATEST, check_passes, open_tables
from andon.runtime.work import Made, once, stage_key, store_bytes, store_frame
from andon.store.manifest import Input, Manifest

PLAN: Final = "plan.json"
SPINE: Final = "holdout_spine.parquet"
STORED: Final = ("fit", "tune", "holdout_features", "holdout_labels")


def step_features(line: Line, run: Run, tell: Tell) -> Run:
    """Make the snapshot that the pinned datasets give as of the run's moment.

    Raises:
        RefusedError: A dataset's newest batch has no Pass.
        InputError: There are no rows to split, no labels, or a part would be empty.
    """
    model = line.model(run.subject)
    features = line.feature_set(model.features)
    datasets = cast("Mapping[str, Digest]", run.facts["datasets"])
    check_passes(line, datasets)
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

    def make() -> Made:
        tell(f"{run.subject}: computing {len(plan_from_json(features.plan).features)} features and the label")
        return _make(line, model, features, datasets, as_of_ns, key)

    output, was_there = once(line, run, "features", key, make)
    rows = cast(
        "Mapping[str, Json]", cast("Mapping[str, Json]", line.records.manifests.get(output).facts["split"])["rows"]
    )
    words = " ".join(f"{name} {rows[name]}" for name in ("rows_in", *PARTS, "immature", "unlabelled", "known_late"))
    tell(f"{run.subject}: {words}{' (cached)' if was_there else ''}")
    return arrived(line, run, "train", {"snapshot": output})


def _decisive_moment(line: Line, datasets: Mapping[str, Digest], features: FeatureSet, as_of_ns: int) -> int:
    """The earliest moment that gives the same snapshot: once all there is has matured, waiting changes nothing."""
    latest = max(int(str(line.records.manifests.get(digest).facts[LATEST])) for digest in datasets.values())
    return min(as_of_ns, latest + features.label_within_ns + 1)


def _make(
    line: Line, model: Model, features: FeatureSet, datasets: Mapping[str, Digest], as_of_ns: int, key: Digest
) -> Made:
    contract = line.contracts[features.spine]
    tables = open_tables(line, datasets)
    plan = plan_from_json(features.plan)
    segments = tuple(column.name for column in contract.columns if column.segment)
    definition = Definition(
        plan=plan,
        label=from_json(features.label),
        spec=SplitSpec(plan.asked, features.label_within_ns, model.tune_ns, model.holdout_ns, as_of_ns),
        columns=Columns(contract.of_role("key"), segments),
    )
    built = build(definition, tables[features.spine].collect(), tables)
    content = [store_frame(line, f"{name}.parquet", built.snapshot.objects()[name]) for name in STORED]
    content.append(store_frame(line, SPINE, built.holdout_spine.drop("_known_at")))
    content.append(store_bytes(line, PLAN, dumps(built.plan.to_json())))
    return Made(
        Manifest(
            kind="snapshot",
            content=tuple(content),
            contract=contract.digest(),
            inputs=tuple(Input(f"{DATASET}{name}", digest) for name, digest in datasets.items()),
            stage_key=key,
            facts={
                "split": built.parts.facts(),
                "task": built.task,
                "classes": list(built.classes),
                "features": [to_json(feature) for feature in built.features],
            },
        )
    )
