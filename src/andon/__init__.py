"""An AI factory: a governed pipeline from raw data to reliable predictions, with gates that bind."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from andon.api.choosing import coalesce, max_horizontal, min_horizontal, where
    from andon.api.columns import (
        blob,
        boolean,
        category,
        event_time,
        fixed,
        integer,
        known_at,
        number,
        text,
        time,
        vector,
    )
    from andon.api.contract import Contract
    from andon.api.criteria import SignOff, accuracy, auc, brier, checks, log_loss, mae, rmse
    from andon.api.factory import Factory, by_time
    from andon.api.models import Holdout, Params, Predictor, TrainingSet, Window, progress
    from andon.api.rules import exists_in, rule, unique
    from andon.api.sources import delta, files, sql
    from andon.api.udf import udf

__all__ = [
    "Contract",
    "Factory",
    "Holdout",
    "Params",
    "Predictor",
    "SignOff",
    "TrainingSet",
    "Window",
    "accuracy",
    "auc",
    "blob",
    "boolean",
    "brier",
    "by_time",
    "category",
    "checks",
    "coalesce",
    "delta",
    "event_time",
    "exists_in",
    "files",
    "fixed",
    "integer",
    "known_at",
    "log_loss",
    "mae",
    "max_horizontal",
    "min_horizontal",
    "number",
    "progress",
    "rmse",
    "rule",
    "sql",
    "text",
    "time",
    "udf",
    "unique",
    "vector",
    "where",
]


def __getattr__(name: str) -> object:
    """A name of the factory's vocabulary, loaded when it is asked for: importing andon alone loads nothing foreign."""
    if name not in __all__:
        raise AttributeError(f"module 'andon' has no attribute {name!r}")
    from andon.api import choosing, columns, contract, criteria, factory, models, rules, sources, udf  # noqa: PLC0415  # only when asked for

    for module in (choosing, columns, contract, criteria, factory, models, rules, sources, udf):
        if name in vars(module):
            value: object = vars(module)[name]
            globals()[name] = value
            return value
    raise AttributeError(f"module 'andon' has no attribute {name!r}")


def __dir__() -> list[str]:
    """The names there are, for completion."""
    return sorted({*globals(), *__all__})
