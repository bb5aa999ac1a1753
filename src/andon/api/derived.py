"""Derived datasets checked and turned into declarations: every column is computed once, and nothing goes in circles."""

from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

from andon.api.caller import placed
from andon.api.nearest import unknown
from andon.api.registered import Derived, Registry
from andon.contracts.dataset import Column, DatasetContract
from andon.contracts.declaration import Derivation
from andon.expressions.functions import Type, type_of
from andon.expressions.plan import FeaturePlan
from andon.expressions.tree import columns_of, is_fitted
from andon.kernel.errors import UsageError


def derivations(registry: Registry, contracts: Mapping[str, DatasetContract]) -> tuple[Derivation, ...]:
    """All derived datasets as data, each after those that it is derived from.

    Raises:
        UsageError: A contract does not say that its rows are told when they are known, a column is missing, unknown or
            of another kind, nothing brings rows that are needed, or a dataset is derived from itself.
        InputError: An expression could not be evaluated for rows of its spine.
    """
    found = {item.contract.__name__: item for item in registry.derivations.values()}
    plans = {name: plan_of(item, contracts) for name, item in found.items()}
    return tuple(
        Derivation(found[name].name, name, found[name].owner, plans[name].to_json(), found[name].known_after_ns)
        for name in _in_order(found, plans, contracts)
    )


def plan_of(item: Derived, contracts: Mapping[str, DatasetContract]) -> FeaturePlan:
    """What a derivation computes for each row of its spine: the columns of its contract, in its order.

    Args:
        item: The derivation.
        contracts: The contracts whose rows somebody brings, by name.

    Raises:
        UsageError: As `derivations` says.
        InputError: As `derivations` says.
    """
    contract, computed = contracts[item.contract.__name__], dict(item.items)
    (known,) = _known_at(item, contract)
    wanted = {column.name: column for column in contract.columns if column.name != known}
    _check_names(item, set(wanted), known)
    with placed(item.place):
        for name, column in wanted.items():
            _check_kind(item, column, computed[name].node.type)
            if not is_fitted(computed[name].node):
                fix = "Take the column itself here, and .codes() and the like in features."
                raise _refuse("learned", "A derived column learns nothing.", f"{item.name}.{name}", name, fix)
        asked = _asked(item, contracts)
        plan = FeaturePlan(item.spine.__name__, asked, tuple((name, computed[name].node) for name in wanted))
    for name in sorted({used for _, node in plan.features for used, _ in columns_of(node)} - set(contracts)):
        raise no_source(name, item.name, item.place, contracts)
    return plan


def no_source(name: str, user: str, place: str, contracts: Mapping[str, DatasetContract]) -> UsageError:
    """The refusal of a contract whose rows nobody brings."""
    return _refuse(
        "no-source",
        f"Nothing brings the rows of {name}, which {user} needs.",
        place,
        f"rows of {', '.join(contracts) or 'nothing'}",
        f'Add a source: @factory.ingest({name}, every="1h").',
    )


def _known_at(item: Derived, contract: DatasetContract) -> tuple[str, ...]:
    """Name of the column that the derivation fills in itself."""
    known = contract.of_role("known_at")
    if not known:
        found = "event_time(known_after=...)" if contract.declares_known_at else "no known_at()"
        fix = f"Declare a column known = known_at() in {contract.name}, and no known_after=; it is filled in."
        message = f"When rows of {contract.name} are known follows from what they are derived from."
        raise _refuse("derived-known-at", message, item.place, found, fix)
    return known


def _check_names(item: Derived, wanted: set[str], known: str) -> None:
    computed = dict(item.items)
    for name in computed:
        if name == known:
            fix = f"Leave it out of {item.name}; known_after= makes it later."
            message = f"{name} is worked out: when a row is known follows from what it is derived from."
            raise _refuse("derived-known-at", message, item.place, name, fix)
        if name not in wanted:
            with placed(item.place):
                raise unknown(name, item.contract.__name__, wanted)
    for name in sorted(wanted - set(computed)):
        fix = f"Add it to {item.name}: {name} = {item.spine.__name__}.{name}, or another expression."
        message = f"{item.name} does not say what {item.contract.__name__}.{name} is."
        raise _refuse("derived-column", message, item.place, ", ".join(computed) or "no columns", fix)


def _check_kind(item: Derived, column: Column, found: Type) -> None:
    promised = type_of(column)
    if found != promised:
        fix = f"Declare {column.name} as what it is, or convert it: .to_float(), .round(), .to_int()."
        message = f"{item.contract.__name__}.{column.name} is promised as {promised}."
        raise _refuse("derived-kind", message, f"{item.name}.{column.name}", str(found), fix)


def _asked(item: Derived, contracts: Mapping[str, DatasetContract]) -> str:
    name = item.spine.__name__
    if name not in contracts:
        raise no_source(name, item.name, item.place, contracts)
    asked = contracts[name].event_time
    if asked is None:
        fix = "Declare one of its columns with event_time(), or derive from another contract."
        found = ", ".join(column.name for column in contracts[name].columns)
        message = f"{name} does not say when its rows happened, which is when they ask."
        raise _refuse("no-event-time", message, item.place, found, fix)
    return asked


def _in_order(
    found: Mapping[str, Derived], plans: Mapping[str, FeaturePlan], contracts: Mapping[str, DatasetContract]
) -> Iterator[str]:
    """The derived contracts, each after those that it is derived from or refers to."""
    reads = {name: (*plan.reads, *contracts[name].references) for name, plan in plans.items()}
    needs = {name: [one for one in reads[name] if one in plans] for name in plans}
    try:
        yield from TopologicalSorter(needs).static_order()
    except CycleError as error:
        circle = list(reversed(error.args[1]))
        first = found[circle[0]]
        raise _refuse(
            "derived-circle",
            f"{first.contract.__name__} is derived from itself.",
            first.place,
            " from ".join(circle),
            "Derive it from datasets that are there before it.",
        ) from error


def _refuse(what: str, message: str, place: str, found: str, fix: str) -> UsageError:
    return UsageError(f"factory.{what}", message, place=place, found=found, fix=fix)
