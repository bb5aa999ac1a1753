"""Everything that was recorded, read again: ledger, statements, verdicts, names, artefacts, targets, predictions."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from andon.gates.audit import Line, verify_everything
from andon.kernel.canonical import Json
from andon.kernel.errors import AndonError
from andon.line.serve.records import read_batch
from andon.wiring.calls.recovering import read_recoveries
from andon.wiring.calls.witnessed import read_cosignatures
from andon.wiring.factory import open_factory
from andon.wiring.predictions import Worker, workers_of
from andon.wiring.serving_audit import read_memory, read_serving

_PREDICTIONS: Final = "predictions"


@dataclass(frozen=True, slots=True)
class Audited:
    """What an audit found.

    Attributes:
        lines: For people: every problem, then what was read, then the counts.
        is_clean: Whether nothing is wrong.
        found: The same as values.
    """

    lines: tuple[str, ...]
    is_clean: bool
    found: tuple[Line, ...]
    tier: str

    def to_json(self) -> dict[str, Json]:
        """The audit for programs."""
        return {
            "is_clean": self.is_clean,
            "problems": [_json(one) for one in self.found if not one.is_sound],
            "read": {one.part: one.text for one in self.found if one.is_sound},
            "tier": self.tier,
        }


def verify_factory(folder: Path, progress: Callable[[str], None]) -> Audited:
    """Read again everything that the factory of a folder recorded; nothing is believed, nothing is changed.

    Args:
        folder: The factory's folder.
        progress: Is told what is being read.

    Raises:
        IntegrityError: The trust root does not hold, so that no signature can be checked.
        AndonError: There is no factory, or its records cannot be opened.
    """
    with open_factory(folder) as opened:
        progress("reading the ledger, every statement, every verdict, every artefact")
        found = [*read_memory(opened), *verify_everything(opened.gatekeeper.keeping), *read_recoveries(opened)]
        found += read_cosignatures(opened)
        progress("reading what targets answer with")
        found += read_serving(opened)
        progress("reading the prediction log")
        found += _read_predictions(workers_of(opened.settings))
        tier = opened.standing.means
    problems = [one for one in found if not one.is_sound]
    return Audited(tuple(_lines(found, problems)), not problems, tuple(found), tier)


def _read_predictions(workers: list[Worker]) -> list[Line]:
    """Every closed batch of every worker, hashed again."""
    problems, batches, rows = [], 0, 0
    for worker in workers:
        for batch in worker.batches():
            batches += 1
            try:
                rows += read_batch(batch).height
            except AndonError as error:
                found = f"{error.message} {error.found}".strip()
                problems.append(Line(_PREDICTIONS, error.code, error.place, found))
    read = f"{batches} closed batches of {len(workers)} logs with {rows} predictions, hashed again"
    return problems or [Line(_PREDICTIONS, "", "", read)]


def _lines(found: list[Line], problems: list[Line]) -> Iterator[str]:
    for one in problems:
        yield f"WRONG  {one.code} at {one.place}: {one.text}"
    for one in found:
        if one.is_sound:
            yield f"ok     {one.part}: {one.text}"
    counts = Counter(one.part for one in problems)
    if problems:
        yield f"{len(problems)} problems: {', '.join(f'{number} in {part}' for part, number in counts.items())}."
    else:
        yield "Everything that was recorded is as it was recorded."


def _json(one: Line) -> dict[str, Json]:
    return {"part": one.part, "code": one.code, "place": one.place, "found": one.text}
