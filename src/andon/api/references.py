"""What contracts refer to, checked as a whole: it is brought in before those who refer to it, and never in circles."""

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter

from andon.api.derived import no_source
from andon.api.registered import Ingest, Registry
from andon.contracts.dataset import DatasetContract
from andon.kernel.errors import UsageError


def in_order(registry: Registry, contracts: Mapping[str, DatasetContract]) -> list[Ingest]:
    """The sources as they were declared, but each after those that its rows refer to.

    Raises:
        UsageError: Nothing brings rows that are referred to, they are derived, which is done after all sources, or
            contracts refer to one another.
    """
    sources = {item.contract.__name__: item for item in registry.sources.values()}
    for item in registry.origins:
        for name in contracts[item.contract.__name__].references:
            if name not in contracts:
                raise no_source(name, item.contract.__name__, item.place, contracts)
            if isinstance(item, Ingest) and name not in sources:
                fix = f"Refer to what a source brings, or derive {item.contract.__name__}, too."
                message = f"{name} is derived after all sources, and rows of a source refer to it."
                raise _refuse("reference-derived", message, item.place, f"{item.contract.__name__} to {name}", fix)
    order: dict[str, None] = {}
    try:
        # One after another, so that whoever refers to nothing stays where it was declared.
        TopologicalSorter({name: contracts[name].references for name in sources}).prepare()
    except CycleError as error:
        circle = list(reversed(error.args[1]))
        message = f"{circle[0]} is referred to by what it refers to."
        fix = "Take one of the rules out: neither could be brought in first."
        raise _refuse("reference-circle", message, sources[circle[0]].place, " to ".join(circle), fix) from error
    for name in sources:
        _visit(name, contracts, order)
    return [sources[name] for name in order]


def _visit(name: str, contracts: Mapping[str, DatasetContract], order: dict[str, None]) -> None:
    for needed in contracts[name].references:
        _visit(needed, contracts, order)
    order.setdefault(name)


def _refuse(what: str, message: str, place: str, found: str, fix: str) -> UsageError:
    return UsageError(f"factory.{what}", message, place=place, found=found, fix=fix)
