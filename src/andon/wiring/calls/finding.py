"""What a person means by the beginning of a digest, or by a part of a run's id."""

import re
from collections.abc import Sequence
from typing import Final, get_args

from andon.kernel.digest import Digest
from andon.kernel.errors import UsageError
from andon.runtime.run import Run
from andon.store.manifest import Kind
from andon.wiring.factory import Opened

EVERY: Final = 1_000_000
_SHORTEST: Final = 4
_SHOWN: Final = 10
_PREFIX: Final = re.compile(r"(?:sha256:)?([0-9a-f]{4,64})")


def find_artefact(opened: Opened, text: str, *kinds: Kind) -> Digest:
    """The artefact whose digest begins so.

    Args:
        opened: The factory.
        text: A digest or its beginning, with or without `sha256:`, four digits at least.
        kinds: Only artefacts of these kinds; any where none is named.

    Raises:
        UsageError: There is none, or more than one; the candidates are named.
    """
    wanted = kinds or get_args(Kind)
    of_kind = {kind: opened.database.manifests.of_kind(kind, EVERY) for kind in wanted}
    match = _PREFIX.fullmatch(text)
    found = [
        (digest, kind) for kind, all_ in of_kind.items() for digest in all_ if match and digest[7:].startswith(match[1])
    ]
    what = kinds[0] if len(kinds) == 1 else "artefact"
    if len(found) == 1:
        return found[0][0]
    if found:
        raise UsageError(
            "look.ambiguous",
            f"More than one {what} begins so.",
            place=text,
            found=_candidates([f"{digest} ({kind})" for digest, kind in found]),
            fix="Write more of the digest.",
        )
    known = [f"{digest[7:19]} ({kind})" for kind, all_ in of_kind.items() for digest in all_[:_SHOWN]]
    raise UsageError(
        "look.unknown",
        f"No {what} has a digest that begins so.",
        place=text,
        found=_candidates(known) or f"no {what} at all",
        fix=f"Write the beginning of a digest, at least {_SHORTEST} of its hex digits.",
    )


def find_run(opened: Opened, text: str) -> Run:
    """The run whose id begins or ends so; the newest one where nothing is asked for.

    Raises:
        UsageError: There is none, or more than one; the candidates are named.
    """
    runs = opened.database.runs.recent(opened.settings.name, EVERY)
    found = [run for run in runs if run.id.startswith(text) or run.id.endswith(text)] if text else runs[:1]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(
            "look.ambiguous-run",
            "More than one run has such an id.",
            place=text,
            found=_candidates([_named(run) for run in found]),
            fix="Write more of the id, or its end as andon status shows it.",
        )
    raise UsageError(
        "look.unknown-run",
        "There is no such run." if text else "Nothing was run yet.",
        place=text,
        found=_candidates([_named(run) for run in runs]) or "no run at all",
        fix="Name one of those found." if runs else "Run the line: andon run",
    )


def _named(run: Run) -> str:
    return f"{run.id} ({run.kind} {run.subject})"


def _candidates(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
