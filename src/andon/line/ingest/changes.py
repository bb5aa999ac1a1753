"""Whether a source brings other columns than it did, told as what it is before rows are set aside one by one."""

from collections.abc import Mapping
from typing import Final

import polars as pl

from andon.contracts.dataset import DatasetContract
from andon.kernel.errors import InputError

_CAME: Final = "came"
_WENT: Final = "went"


def changes(before: pl.Schema, now: pl.Schema) -> dict[str, str]:
    """What differs, by column: it came, it went, or it is of another type; a column without any value has no type."""
    found: dict[str, str] = {}
    for name in [*before, *(name for name in now if name not in before)]:
        if name not in now:
            found[name] = _WENT
        elif name not in before:
            found[name] = f"{_CAME}, as {now[name]}"
        elif pl.Null not in (before[name], now[name]) and before[name] != now[name]:
            found[name] = f"{before[name]} before, {now[name]} now"
    return found


def check_columns(found: Mapping[str, str], contract: DatasetContract, source: str) -> None:
    """Refuse columns that came without being declared, or went although they are.

    Raises:
        InputError: There are some (`ingest.schema-changed`).
    """
    declared = {column.name for column in contract.columns}
    odd = [
        name
        for name, what in found.items()
        if (what == _WENT and name in declared) or (what.startswith(_CAME) and name not in declared)
    ]
    if odd:
        raise _refuse(found, odd, contract, source)


def check_types(found: Mapping[str, str], broken: Mapping[str, int], contract: DatasetContract, source: str) -> None:
    """Refuse columns of another type than before, where some values no longer are of the declared kind.

    A new type of which every value converts changes nothing.

    Raises:
        InputError: There are some (`ingest.schema-changed`).
    """
    odd = [name for name in found if broken.get(f"{name}.type", 0)]
    if odd:
        raise _refuse(found, odd, contract, source)


def _refuse(found: Mapping[str, str], odd: list[str], contract: DatasetContract, source: str) -> InputError:
    return InputError(
        "ingest.schema-changed",
        f"The source {source} brings other columns than it did when {contract.name} was last published.",
        place=", ".join(f"{contract.name}.{name}" for name in odd),
        found="; ".join(f"{name}: {what}" for name, what in found.items()),
        fix="Nothing was published. Have the source bring what it did, or declare in the contract what it brings now.",
    )
