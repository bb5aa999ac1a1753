"""Which time an ingest run asks its source for, and whether history may be loaded at all."""

from andon.contracts.dataset import DatasetContract
from andon.contracts.reading import Reading, Sql
from andon.kernel.errors import InputError
from andon.line.ingest.query import parameters_of


def next_window(committed_until_ns: int | None, as_of_ns: int, *, settle_ns: int = 0) -> tuple[int | None, int]:
    """Since when and until when the next rows are wanted, in nanoseconds UTC; `None` means from the beginning.

    It begins where the last published batch ended and ends at `as_of_ns`, or earlier where the newest rows are left
    alone for a while. It never goes back: asked as of a moment that is published already, it is empty.
    """
    until_ns = as_of_ns - settle_ns
    if committed_until_ns is None:
        return None, until_ns
    return committed_until_ns, max(committed_until_ns, until_ns)


def with_lag(since_ns: int | None, lag_ns: int) -> int | None:
    """From when rows are asked for, so that those that came late come too; the others come again, as duplicates."""
    return None if since_ns is None else since_ns - lag_ns


def has_window(reads: Reading | None) -> bool:
    """Whether a source can be asked for a window of time; a query without `:until`, files and tables cannot."""
    return reads is None or (isinstance(reads, Sql) and "until" in parameters_of(reads.query))


def is_empty(window: tuple[int | None, int]) -> bool:
    """Whether a window holds no moment, so that there is nothing to ask for."""
    since_ns, until_ns = window
    return since_ns is not None and since_ns >= until_ns


def check_known_at(contract: DatasetContract, *, used_by_windows: bool, is_first_load: bool) -> None:
    """Let history be loaded only where it says when each row could be known.

    Without that, every old row would count as known at the moment of loading, and no window over the past would see
    it. Later batches need no declaration: they are known when they are published.

    Raises:
        InputError: It is the first load of a contract that windows look into, and the contract does not say.
    """
    if used_by_windows and is_first_load and not contract.declares_known_at:
        raise InputError(
            "ingest.known-at-undeclared",
            f"Loaded like this, all history of {contract.name} would count as known only now, and features look back.",
            place=contract.name,
            found="neither a known_at() column nor event_time(known_after=...)",
            fix='Declare when a row could be known: event_time(known_after="30m"), or a column known_at().',
        )
