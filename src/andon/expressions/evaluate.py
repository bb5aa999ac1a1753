"""Evaluates a feature plan for many questions at once: as many rows out as in, in the same order."""

from collections.abc import Mapping, Sequence

import polars as pl

from andon.expressions.buckets import in_buckets
from andon.expressions.events import KNOWN, check_columns, key_names, read_events, value_names
from andon.expressions.frame import compile_frame, dtype_of
from andon.expressions.functions import TIME
from andon.expressions.joins import Join, Rows, read_join
from andon.expressions.plan import FeaturePlan, check_expression, hidden, spine_columns, without_joins
from andon.expressions.tree import Node, joins_of, refuse

Tables = Mapping[str, pl.LazyFrame]


def evaluate(plan: FeaturePlan, spine: pl.DataFrame, tables: Tables) -> pl.DataFrame:
    """The features of every row of the spine, from what was known before the moment it asks.

    Args:
        plan: What to compute, with everything learned that has to be.
        spine: The rows that ask.
        tables: Published datasets by contract, with `_known_at`, `_object` and `_row`.

    Returns:
        One row for each row of the spine, in its order; one column for each feature.

    Raises:
        InputError: The plan is not fitted, a column is missing or of another type, a row does not say when it asks, or
            a sum does not fit into 64 bits.
    """
    needs = {name: dtype_of(type_) for name, type_ in plan.needs.items()}
    check_columns(plan.spine, spine.schema, {plan.asked: dtype_of(TIME), **needs})
    asked = spine[plan.asked].to_physical()
    if asked.null_count():
        raise refuse("no-time", "A row does not say when it asks.", f"{plan.spine}.{plan.asked}", "null")
    questions = _questions(spine, list(needs), asked)
    joined, _ = _joined(questions, plan.joins, plan.spine, tables)
    names = hidden(plan.joins)
    features = [compile_frame(without_joins(node, names), _column).alias(name) for name, node in plan.features]
    return questions.with_columns(joined).sort("_i").select(features)


def spine_of(plan: FeaturePlan, rows: Sequence[Mapping[str, object]], asked_ns: Sequence[int]) -> pl.DataFrame:
    """Questions as rows of the spine that `evaluate` takes.

    Args:
        plan: Whose columns.
        rows: The values of each question: times as nanoseconds, fixed-point numbers as scaled integers.
        asked_ns: When each asks.
    """
    asked = pl.Series(plan.asked, asked_ns, pl.Int64).cast(dtype_of(TIME))
    columns = {
        name: pl.Series(name, [row.get(name) for row in rows], pl.Int64 if type_ == TIME else dtype_of(type_))
        for name, type_ in plan.needs.items()
    }
    moments = {name: columns[name].cast(dtype_of(TIME)) for name, type_ in plan.needs.items() if type_ == TIME}
    return pl.DataFrame(list({**columns, **moments, plan.asked: asked}.values()))


def evaluate_label(node: Node, spine_name: str, spine: pl.DataFrame, tables: Tables, as_of_ns: int) -> pl.DataFrame:
    """The label of every row of the spine, from what was known before `as_of_ns`, whenever the row asked.

    Args:
        node: The label; its joins are lookups.
        spine_name: Name of the contract of the spine's rows.
        spine: The rows.
        tables: Published datasets by contract, with `_known_at`, `_object` and `_row`.
        as_of_ns: Nanoseconds since 1970.

    Returns:
        `label`, and `_label_known_at`: when the last row it needed became known, null where there is no label.

    Raises:
        InputError: The label joins in another way, or a column is missing or of another type.
    """
    check_expression("label", node, spine_name)
    joins = joins_of(node)
    if any(join.op != "lookup" for join in joins):
        fix = "Write Other.column.lookup(match=...)."
        raise refuse("label", "A label is looked up.", "label", ", ".join(join.op for join in joins), fix)
    needs = {name: dtype_of(type_) for name, type_ in spine_columns(node, spine_name).items()}
    check_columns(spine_name, spine.schema, needs)
    asked = pl.Series("_t", [as_of_ns], dtype=pl.Int64).new_from_index(0, len(spine))
    questions = _questions(spine, list(needs), asked)
    joined, known = _joined(questions, joins, spine_name, tables)
    label = compile_frame(without_joins(node, hidden(joins)), _column).alias("label")
    latest = pl.max_horizontal(each.name for each in known) if known else pl.lit(None, dtype=pl.Int64)
    both = questions.with_columns([*joined, *known]).sort("_i").select(label, latest.alias("_at"))
    at = pl.when(pl.col("label").is_not_null()).then(pl.col("_at")).cast(dtype_of(TIME))
    return both.select("label", at.alias("_label_known_at"))


def _questions(spine: pl.DataFrame, columns: Sequence[str], asked: pl.Series) -> pl.DataFrame:
    """The spine's columns that are read, by the moment of asking (`_t`), with the place in the spine (`_i`)."""
    moments = asked.alias("_t").to_frame().with_row_index("_i")
    return moments.with_columns(spine.select(columns).get_columns()).sort("_t", "_i")


def _joined(
    questions: pl.DataFrame, joins: Sequence[Node], spine: str, tables: Tables
) -> tuple[list[pl.Series], list[pl.Series]]:
    """The results of joins, and for lookups when the row that was found became known (`_known0`...)."""
    names = hidden(tuple(joins))
    groups: dict[Rows, dict[Node, Join]] = {}
    for node in joins:
        join = read_join(node, spine)
        groups.setdefault(join.rows, {})[node] = join
    results: dict[str, pl.Series] = {}
    known: dict[str, pl.Series] = {}
    for number, (rows, group) in enumerate(groups.items()):
        values = value_names(tuple(dict.fromkeys(join.value for join in group.values())))
        keyed, events = _keyed(questions, rows, read_events(rows, tuple(values), tables))
        found = in_buckets(keyed, events, {names[node]: join for node, join in group.items()}, values)
        if KNOWN in found:
            known[f"_known{number}"] = found.pop(KNOWN)
        results |= found
    typed = [_typed(results[names[node]], node).alias(names[node]) for node in joins]
    return typed, [series.alias(name) for name, series in known.items()]


def _keyed(questions: pl.DataFrame, rows: Rows, events: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Questions and events with one number (`_key`) for each different key; only events that somebody asks for."""
    theirs = key_names(rows)
    ours = questions.select(
        "_t", *(pl.col(name).to_physical().alias(key) for name, key in zip(rows.ours, theirs, strict=True))
    )
    keys = ours.select(theirs).unique().drop_nulls().with_row_index("_key").with_columns(pl.col("_key").cast(pl.Int64))
    keyed = ours.join(keys, on=theirs, how="left", maintain_order="left").select("_key", "_t")
    return keyed, events.join(keys, on=theirs, how="inner").drop(theirs)


def _typed(result: pl.Series, node: Node) -> pl.Series:
    return result.cast(dtype_of(node.type)) if node.type == TIME else result


def _column(contract: str, column: str) -> str:  # noqa: ARG001  # names of joins begin with _, of columns never
    return column
