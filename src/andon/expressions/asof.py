"""The one row that a question sees: the latest version of a key, or the newest event of a stretch of time."""

import polars as pl

from andon.expressions.events import ENTER, EVENT, KNOWN, in_order

BEST = "_best"


def versions(events: pl.DataFrame) -> pl.DataFrame:
    """Events in the order in which a lookup prefers them: by when they became known."""
    return events.sort(KNOWN, *in_order(events))


def ranked(events: pl.DataFrame) -> pl.DataFrame:
    """Events from the oldest to the newest: by event time, by when they became known, by object and row."""
    return events.sort(EVENT, KNOWN, *in_order(events))


def newest(order: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """Ranked events as they enter, each with the rank (`_best`) of the newest of its key that has entered by then.

    So an event that becomes known late does not replace a newer one.
    """
    numbered = order.with_columns(pl.int_range(pl.len()).alias(BEST))
    if numbered[ENTER].is_sorted():  # nothing came late: each is the newest when it enters
        return numbered
    return numbered.sort(ENTER, BEST).with_columns(pl.col(BEST).cum_max().over(keys))


def look_up(questions: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """The latest visible version for each question.

    Args:
        questions: `_key` and `_t`, sorted by `_t`.
        events: Rows with `_key`.

    Returns:
        For each question, in order: the event's columns, null where there is none.
    """
    return _strictly_before(questions, versions(events), KNOWN)


def look_back(questions: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """The newest visible event for each question, however old.

    Args:
        questions: `_key` and `_t`, sorted by `_t`.
        events: Rows with `_key`.

    Returns:
        For each question, in order: the event's columns, null where there is none.
    """
    order = ranked(events)
    best = _strictly_before(questions, newest(order, ["_key"]).select("_key", ENTER, BEST), ENTER)[BEST]
    found = order.drop("_key")
    return found.select(pl.all().gather(best)) if len(found) else found.clear(len(questions))


def _strictly_before(questions: pl.DataFrame, events: pl.DataFrame, moment: str) -> pl.DataFrame:
    return (
        questions.select("_key", "_t")
        .join_asof(
            events.with_columns(pl.col(moment).alias("_at")),
            left_on="_t",
            right_on="_at",
            by="_key",
            allow_exact_matches=False,
            check_sortedness=False,
        )
        .drop("_key", "_t", "_at", strict=False)
    )
