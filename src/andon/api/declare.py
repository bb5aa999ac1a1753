"""A factory checked as a whole and turned into a declaration: what is missing is refused where it was written."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from andon.api.caller import placed
from andon.api.calls import digest_of, params_json
from andon.api.code import code_of
from andon.api.contract import Contract, contract_value
from andon.api.criteria import ALWAYS, Check, Condition, SignOff, checks, conditions_of, promised
from andon.api.derived import derivations, no_source
from andon.api.references import in_order
from andon.api.registered import Derived, Features, Gate, Ingest, Registry, Training
from andon.contracts.dataset import DatasetContract
from andon.contracts.declaration import Declaration, FeatureSet, Model, Release, Source
from andon.contracts.policy import Criterion, GateKind, Policy, SignOffRule
from andon.expressions.plan import FeaturePlan, check_expression
from andon.expressions.target_mean import check_label
from andon.expressions.tree import columns_of, to_json
from andon.kernel.errors import UsageError
from andon.line.matrix import features_of

_MODEL_GATES: Final[tuple[GateKind, ...]] = ("training", "model", "release")
_NO_NUMBERS: Final = {
    "category": ("text", "Number it: .codes()."),
    "time": ("moment", "Take .hour(tz), or the difference of two moments."),
    "text": ("free text", "Bring numbers made of it as a vector() column, or take .is_null(); datasets pass it on."),
    "blob": ("blob", "Bring numbers made of it as a vector() column, or take .is_null(); datasets pass it on."),
}
_LABELS: Final = ("bool", "category", "int", "fixed", "float")
_EXAMPLES: Final = {
    "data": "factory.data_gate({}, require=[checks.schema])",
    "training": "factory.training_gate({}, require=[checks.converged])",
    "model": "factory.model_gate({}, require=[auc.lower() >= 0.7])",
    "release": 'factory.release_gate({}, require=[checks.lineage_closed, SignOff("operations")])',
}


def declaration(registry: Registry, folder: Path) -> Declaration:
    """The whole factory as data.

    Raises:
        UsageError: Something is missing or contradicts something else; the place says which line.
        InputError: Code in the folder cannot be read.
    """
    contracts = _contracts(registry)
    _check_complete(registry)
    return Declaration(
        factory=registry.name,
        owner=registry.owner,
        purpose=registry.purpose,
        contracts={name: contract.to_json() for name, contract in contracts.items()},
        sources=tuple(_source(registry, item, folder) for item in in_order(registry, contracts)),
        feature_sets=tuple(_feature_set(item, contracts) for item in registry.feature_sets.values()),
        models=tuple(_model(registry, item, folder) for item in registry.models.values()),
        gates=tuple(_policy(registry, gate, contracts) for gate in registry.gates.values()),
        releases=tuple(Release(item.model, item.to, item.latency_ns) for item in registry.deployments.values()),
        code=dict(code_of(folder)),
        derivations=derivations(registry, contracts),
    )


def declared_features(registry: Registry, item: Features) -> FeatureSet:
    """A feature set of a factory as data, whatever else is still missing.

    Raises:
        UsageError: It is not whole, or one of the contracts is not.
    """
    return _feature_set(item, _contracts(registry))


def _contracts(registry: Registry) -> dict[str, DatasetContract]:
    """The contracts whose rows a source brings, or a derivation, by name."""
    found: dict[str, tuple[Ingest | Derived, DatasetContract]] = {}
    for source in registry.origins:
        name = source.contract.__name__
        if name in found:
            first = found[name][0]
            raise _refuse(
                "doubled-contract",
                f"The contract {name} has two sources.",
                source.place,
                f"{first.name} at {first.place} and {source.name}",
                "Let one of them bring all its rows, or declare a contract for each.",
            )
        found[name] = source, _at(source.contract, source)
    return {name: contract for name, (_, contract) in found.items()}


def _at(contract: type[Contract], source: Ingest | Derived) -> DatasetContract:
    with placed(source.place):
        return contract_value(contract, source.owner)


def _source(registry: Registry, item: Ingest, folder: Path) -> Source:
    with placed(item.place):
        return Source(
            name=item.name,
            contract=item.contract.__name__,
            owner=item.owner,
            every_ns=item.every_ns,
            function=digest_of(registry, item.name, folder),
            reads=item.reads,
            lag_ns=item.lag_ns,
            settle_ns=item.settle_ns,
        )


def _feature_set(item: Features, contracts: dict[str, DatasetContract]) -> FeatureSet:
    spine = _spine(item, contracts)
    with placed(item.place):
        plan = FeaturePlan(spine.name, spine.event_time or "", tuple((name, value.node) for name, value in item.items))
        check_expression("label", item.label.node, spine.name)
        check_label(plan, item.label.node)
    used = {contract for _, value in (*item.items, ("label", item.label)) for contract, _ in columns_of(value.node)}
    for name in sorted(used - set(contracts)):
        raise no_source(name, item.name, item.place, contracts)
    for name, value in item.items:
        if value.node.type.kind in _NO_NUMBERS:
            word, instead = _NO_NUMBERS[value.node.type.kind]
            message = f"The feature {name} is a {word}, and models take numbers."
            raise _refuse("not-numeric", message, item.place, f"{item.name}.{name}", instead)
    with placed(item.place):
        features_of(plan)
    return FeatureSet(
        name=item.name,
        spine=spine.name,
        owner=item.owner,
        plan=plan.to_json(),
        label=to_json(item.label.node),
        label_kind=item.label.node.type.kind,
        label_within_ns=item.label_within_ns,
    )


def _spine(item: Features, contracts: dict[str, DatasetContract]) -> DatasetContract:
    name = item.spine.__name__
    if name not in contracts:
        raise no_source(name, item.name, item.place, contracts)
    spine = contracts[name]
    if spine.event_time is None:
        raise _refuse(
            "no-event-time",
            f"{name} does not say when each question is asked.",
            item.place,
            f"columns {', '.join(column.name for column in spine.columns)}",
            'Declare one of its columns with event_time(known_after="0s").',
        )
    if item.label.node.type.kind not in _LABELS:
        found = item.label.node.type.kind
        fix = "Predict a number, true or false, or a category: of two moments their difference."
        raise _refuse("label", f"No model predicts a value of kind {found}.", item.place, found, fix)
    return spine


def _model(registry: Registry, item: Training, folder: Path) -> Model:
    with placed(item.place):
        measures = [each.name for each in registry.measures.values() if each.model == item.name]
        return Model(
            name=item.name,
            features=item.features,
            owner=item.owner,
            tune_ns=item.split.tune_ns,
            holdout_ns=item.split.holdout_ns,
            limit_ns=item.limit_ns,
            params=params_json(item),
            seed=item.seed,
            threads=item.threads,
            function=digest_of(registry, item.name, folder),
            measures=tuple((name, digest_of(registry, name, folder)) for name in measures),
        )


def _policy(registry: Registry, gate: Gate, contracts: dict[str, DatasetContract]) -> Policy:
    """A gate's demands and what its kind demands always, each once and in that order."""
    conditions = [each for check in ALWAYS[gate.kind] for each in check.conditions]
    for demand in (*gate.demands, *_promises(registry, gate)):
        if not isinstance(demand, SignOff):
            conditions += _checked(registry, gate, demand, contracts)
    criteria: dict[Criterion, None] = dict.fromkeys(condition.criterion for condition in conditions)
    signoffs: dict[SignOffRule, None] = dict.fromkeys(d.rule() for d in gate.demands if isinstance(d, SignOff))
    if not criteria and not signoffs:
        raise _refuse(
            "empty-gate",
            f"The {gate.kind} gate of {gate.subject} demands nothing, so it would pass anything.",
            gate.place,
            "require=[]",
            _EXAMPLES[gate.kind].format(gate.subject),
        )
    return Policy(gate.name, gate.owner, tuple(criteria), tuple(signoffs))


def _checked(
    registry: Registry, gate: Gate, demand: Condition | Check, contracts: dict[str, DatasetContract]
) -> Iterator[Condition]:
    conditions = conditions_of(demand) or _promised(registry, gate, demand, contracts)
    for condition in conditions:
        text = condition.criterion.text()
        if gate.kind not in condition.gates:
            raise _refuse(
                "wrong-gate",
                f"{text} is not measured for the {gate.kind} gate.",
                gate.place,
                gate.name,
                f"Move it to factory.{condition.gates[0]}_gate(...).",
            )
        if gate.kind != "data" and gate.kind != "release":
            _check_measured(registry, gate, condition, contracts)
        yield condition


def _promises(registry: Registry, gate: Gate) -> Iterator[Check]:
    """What a source promises is demanded, whether or not its gate says so."""
    source = registry.sources.get(gate.subject) if gate.kind == "data" else None
    if source is not None and source.fresh_ns is not None:
        yield checks.fresh
    if source is not None and source.volume is not None:
        yield checks.volume


def _promised(
    registry: Registry, gate: Gate, demand: Condition | Check, contracts: dict[str, DatasetContract]
) -> tuple[Condition, ...]:
    """The conditions of a check whose bounds stand where the source is declared."""
    source = registry.sources.get(gate.subject) if gate.kind == "data" else None
    if source is None or not isinstance(demand, Check):
        fix = "Demand it of a source, in its data gate."
        raise _refuse("no-promise", "Only sources promise to be fresh and complete.", gate.place, gate.name, fix)
    contract = contracts[source.contract.__name__]
    if contract.event_time is None:
        fix = f"Declare one of its columns with event_time(), or leave checks.{demand.name} out for {source.name}."
        message = f"{contract.name} does not say when its rows happened."
        raise _refuse("no-event-time", message, gate.place, f"checks.{demand.name} for {source.name}", fix)
    found = promised(demand, source.fresh_ns, source.volume)
    if not found:
        message = f"{source.name} does not say how fresh it is."
        raise _refuse("no-promise", message, source.place, "no fresh=", f'@factory.ingest({contract.name}, fresh="2h")')
    return found


def _check_measured(
    registry: Registry, gate: Gate, condition: Condition, contracts: dict[str, DatasetContract]
) -> None:
    """Refuse a condition on something that nobody will measure for this model."""
    features = registry.feature_sets[registry.models[gate.subject].features]
    text, kind = condition.criterion.text(), features.label.node.type.kind
    if kind not in condition.labels:
        wanted = " or ".join(sorted(condition.labels))
        message = f"{text} is not measured for a label of this kind."
        raise _refuse("wrong-metric", message, gate.place, f"a {kind} label", f"It takes a label that is {wanted}.")
    name = condition.criterion.metric.removeprefix("factory:")
    if name != condition.criterion.metric and (
        name not in registry.measures or registry.measures[name].model != gate.subject
    ):
        message = f"{name} does not measure {gate.subject}."
        raise _refuse("wrong-measure", message, gate.place, text, f"Decorate it with @factory.measure({gate.subject}).")
    if condition.segment:
        contract, column = condition.segment
        spine = contracts[features.spine.__name__]
        if contract != spine.name or not spine.column(column).segment:
            segments = ", ".join(each.name for each in spine.columns if each.segment)
            raise _refuse(
                "no-segment",
                f"{contract}.{column} is no segment of {spine.name}, so nothing is measured by it.",
                gate.place,
                f"segments {segments or 'none'}",
                f"Declare it in {spine.name} with segment=True.",
            )


def _check_complete(registry: Registry) -> None:
    """Every source and model has its gates, and every model a place to go."""
    if not registry.sources or not registry.models:
        what = "sources" if not registry.sources else "models"
        fix = "Add @factory.ingest, @factory.features and @factory.model."
        raise _refuse("incomplete", f"The factory has no {what}.", registry.place, registry.name, fix)
    for source in registry.origins:
        _check_gate(registry, "data", source.name, source.place)
    for model in registry.models.values():
        for kind in _MODEL_GATES:
            _check_gate(registry, kind, model.name, model.place)
        if model.name not in registry.deployments:
            fix = f'factory.release({model.name}, to="local")'
            raise _refuse("no-release", f"{model.name} goes nowhere.", model.place, "no release", fix)


def _check_gate(registry: Registry, kind: GateKind, subject: str, place: str) -> None:
    if f"{kind}:{subject}" not in registry.gates:
        raise _refuse(
            "no-gate",
            f"{subject} has no {kind} gate.",
            place,
            ", ".join(registry.gates) or "no gates at all",
            _EXAMPLES[kind].format(subject),
        )


def _refuse(what: str, message: str, place: str, found: str, fix: str) -> UsageError:
    return UsageError(f"factory.{what}", message, place=place, found=found, fix=fix)
