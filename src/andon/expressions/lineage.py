"""Names the rows that the features of questions were computed from."""

from collections.abc import Mapping, Sequence

import polars as pl

from andon.expressions.asof import ranked, versions
from andon.expressions.events import ENTER, EVENT, KNOWN, key_names, leaves, read_events
from andon.expressions.joins import Join, read_join
from andon.expressions.plan import FeaturePlan
from andon.expressions.row import Value, checked
from andon.expressions.tree import joins_of

Source = tuple[str, str, str, int]


def sources_of(
    plan: FeaturePlan, values: Mapping[str, object], asked_ns: int, tables: Mapping[str, pl.LazyFrame]
) -> list[Source]:
    """The rows that each feature of one question used; see `sources_of_all`."""
    return sources_of_all(plan, [(values, asked_ns)], tables)[0]


def sources_of_all(
    plan: FeaturePlan, questions: Sequence[tuple[Mapping[str, object], int]], tables: Mapping[str, pl.LazyFrame]
) -> list[list[Source]]:
    """The rows that each feature of each question used.

    Args:
        plan: What was computed.
        questions: Of each the spine's columns that the plan needs, but for when it asked, with times in nanoseconds;
            and when it asked, in nanoseconds since 1970.
        tables: Published datasets by contract, with `_known_at`, `_object` and `_row`.

    Returns:
        For each question (feature, contract, object, row), in the plan's order and from the oldest row to the newest.

    Raises:
        InputError: A value, a table or a column is missing or of another type.
    """
    asked = [(checked(plan.needs, {**values, plan.asked: moment}), moment) for values, moment in questions]
    found: list[list[Source]] = [[] for _ in asked]
    for name, node in plan.features:
        for join in joins_of(node):
            read = read_join(join, plan.spine)
            events = read_events(read.rows, (read.value,), tables)
            for sources, (question, moment) in zip(found, asked, strict=True):
                used = _used(read, question, moment, events).select("_object", "_row").rows()
                sources += [(name, read.rows.contract, digest, row) for digest, row in used]
    return [list(dict.fromkeys(sources)) for sources in found]


def _used(join: Join, question: Mapping[str, Value], asked_ns: int, events: pl.DataFrame) -> pl.DataFrame:
    """The rows that one join used, from the oldest to the newest."""
    for ours, key in zip(join.rows.ours, key_names(join.rows), strict=True):
        events = events.filter(pl.col(key) == pl.lit(question[ours], dtype=events.schema[key]))
    if join.op == "lookup":
        return versions(events.filter(pl.col(KNOWN) < asked_ns)).tail(1)
    events = ranked(events.filter(pl.col(ENTER) < asked_ns))
    if join.op == "last":
        return events.tail(1).filter(pl.lit(asked_ns) - pl.col(EVENT) <= join.length_ns)
    inside = events.filter(leaves(join.length_ns, join.hop_ns) > asked_ns, pl.col("_v0").is_not_null())
    return inside.head(1) if join.op == "first" else inside
