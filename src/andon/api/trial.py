"""Features and derivations tried on rows at hand: no factory's data, no gate, and nothing that could be released."""

from collections.abc import Collection, Mapping

import polars as pl

from andon.api.contract import Contract, contract_value
from andon.api.derived import plan_of
from andon.api.registered import Derived, Features
from andon.contracts.dataset import DatasetContract
from andon.expressions.evaluate import evaluate_label
from andon.expressions.fit import learn_all
from andon.expressions.plan import FeaturePlan
from andon.expressions.target_mean import Labels, check_label, target_means
from andon.expressions.tree import contracts_of
from andon.kernel.errors import InputError, UsageError
from andon.line.ingest.cast import cast_landed
from andon.line.ingest.derive import derive
from andon.line.ingest.judge import Judged, judge_rows

Rows = Mapping[type[Contract], pl.DataFrame | pl.LazyFrame]
Given = Mapping[str, tuple[DatasetContract, pl.DataFrame | pl.LazyFrame]]
_ALWAYS_NS = -(2**63)
_MOMENT = pl.Datetime("ns", "UTC")
_OBJECT = "sha256:" + "0" * 64


def try_features(features: Features, rows: Rows, *, owner: str, now_ns: int) -> pl.DataFrame:
    """The features of the spine's rows among these rows, as a factory with these rows would compute them.

    Args:
        features: What to compute. What it has to learn it learns from all rows of the spine, and a `target_mean` from
            those whose label has matured; each row then has the value that it would have as a row to fit on.
        rows: Raw rows for the spine and for each contract that the features join, as sources would bring them.
        owner: Who answers for contracts that name nobody.
        now_ns: What counts as now for the contracts' rules.

    Returns:
        The spine's keys and when each row asks, then one column for each feature.

    Raises:
        UsageError: The rows of a contract are missing, or it does not say when its rows become known.
        InputError: Rows break their contract: the first reasons are named, and nothing is left out silently.
    """
    contracts = {cls.__name__: (contract_value(cls, owner), frame) for cls, frame in rows.items()}
    spine = features.spine.__name__
    _check_given(features, (spine,), contracts)
    nodes = tuple((name, value.node) for name, value in features.items)
    plan = FeaturePlan(spine, contracts[spine][0].event_time or "", nodes)
    check_label(plan, features.label.node)
    learns = any(target_means(node) for _, node in nodes)
    _check_given(features, plan.contracts, contracts)
    _check_given(features, contracts_of(features.label.node) if learns else (), contracts)
    tables = {name: _table(found, frame, now_ns, contracts) for name, (found, frame) in contracts.items()}
    asking = tables[spine].collect()
    others = {name: table for name, table in tables.items() if name in plan.contracts}
    labels = _labels(features, plan, asking, tables, now_ns) if learns else None
    learned = learn_all(plan, asking, others, labels)
    found = learned.features(asking, pl.Series([True]).new_from_index(0, len(asking)), others)
    keys = [*contracts[spine][0].of_role("key"), plan.asked]
    return pl.concat([asking.select(list(dict.fromkeys(keys))), found], how="horizontal")


def _labels(
    features: Features, plan: FeaturePlan, asking: pl.DataFrame, tables: Mapping[str, pl.LazyFrame], now_ns: int
) -> Labels:
    """The labels that have matured, as a model would learn from them."""
    label = features.label.node
    found = evaluate_label(label, plan.spine, asking, tables, now_ns)
    is_mature = asking[plan.asked].to_physical() + features.label_within_ns < now_ns
    return Labels(found.select(pl.when(is_mature).then("label"))["label"], label.type)


def try_derivation(derived: Derived, rows: Rows, *, owner: str, now_ns: int) -> pl.DataFrame:
    """The derived rows of the spine's rows among these rows, as a factory with these rows would have them.

    Args:
        derived: What to derive.
        rows: Raw rows for the spine and for each contract that is joined, as sources would bring them.
        owner: Who answers for contracts that name nobody.
        now_ns: What counts as now for the contracts' rules.

    Returns:
        The columns of the derived contract: rows of it for another trial.

    Raises:
        UsageError: The rows of a contract are missing, it does not say when its rows become known, or the derivation is
            not whole.
        InputError: Rows break their contract, given or derived: the first reasons are named.
    """
    contracts = {cls.__name__: (contract_value(cls, owner), frame) for cls, frame in rows.items()}
    contract = contract_value(derived.contract, owner)
    needed = {derived.spine.__name__, *(name for _, value in derived.items for name in contracts_of(value.node))}
    _check_given(derived, sorted(needed), contracts)
    plan = plan_of(derived, {contract.name: contract} | {name: found for name, (found, _) in contracts.items()})
    tables = {name: _table(*contracts[name], now_ns, contracts) for name in plan.reads}
    made = derive(plan, contract, tables, derived.known_after_ns)
    _check_whole(judge_rows(made, contract, now_ns=now_ns, references=_referred(contract, contracts)), contract)
    return made


def _check_given(features: Features | Derived, needed: Collection[str], given: Collection[str]) -> None:
    for name in needed:
        if name not in given:
            raise UsageError(
                "trial.no-rows",
                f"{features.name} needs rows of {name}.",
                place=features.place,
                found=f"rows of {', '.join(given) or 'nothing'}",
                fix=f"Give them: factory.frame({features.name}, {{..., {name}: rows}}).",
            )


def _referred(contract: DatasetContract, given: Given) -> dict[str, pl.LazyFrame]:
    """The rows among those given that a contract refers to."""
    for name in contract.references:
        if name not in given:
            raise UsageError(
                "trial.no-rows",
                f"Rows of {contract.name} refer to {name}.",
                place=contract.name,
                found=f"rows of {', '.join(given)}",
                fix=f"Give them, too: {{..., {name}: rows}}.",
            )
    return {name: cast_landed(given[name][1], given[name][0])[0] for name in contract.references}


def _table(contract: DatasetContract, frame: pl.DataFrame | pl.LazyFrame, now_ns: int, given: Given) -> pl.LazyFrame:
    """Raw rows as a published dataset has them."""
    judged = judge_rows(frame, contract, now_ns=now_ns, references=_referred(contract, given))
    _check_whole(judged, contract)
    good = judged.good
    if "_known_at" not in good.columns:
        if contract.event_time:
            fix = f'Say it: {contract.event_time} = event_time(known_after="5m"), or another column = known_at().'
            message = f"{contract.name} does not say when its rows become known."
            raise UsageError("trial.known-at", message, place=contract.name, found="no known_at", fix=fix)
        good = good.with_columns(_known_at=pl.lit(_ALWAYS_NS, dtype=pl.Int64).cast(_MOMENT))
    return good.with_columns(_object=pl.lit(_OBJECT)).lazy()


def _check_whole(judged: Judged, contract: DatasetContract) -> None:
    if judged.quarantined.is_empty():
        return
    reasons = judged.quarantined["_reasons"].explode().value_counts(sort=True).rows()
    raise InputError(
        "trial.broken-rows",
        f"{judged.counts.quarantined} of {judged.counts.rows_in} rows break their contract.",
        place=contract.name,
        found=", ".join(f"{reason}: {rows}" for reason, rows in reasons[:5]),
        fix="Correct the rows; a factory would set them aside, and go on without them.",
    )
