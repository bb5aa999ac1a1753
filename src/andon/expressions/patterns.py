"""Texts held against regular expressions: one engine, Rust's `regex` as Polars has it, wherever rows are judged."""

import polars as pl

from andon.kernel.errors import InputError


def check_pattern(pattern: str) -> str:
    """The pattern itself, if it is one that a whole text can be held against.

    Raises:
        InputError: It does not compile. There are no look-arounds and no references back, so that every text is held
            against it in time that grows with its length and not faster.
    """
    try:
        for form in (pattern, _whole(pattern)):
            pl.Series([""]).str.contains(form)
    except pl.exceptions.PolarsError as error:
        raise InputError(
            "expression.pattern",
            "This is no regular expression.",
            place=pattern,
            found=" ".join(str(error).split())[-200:],
            fix="Write it as Rust's regex crate has it: without look-around and references back.",
        ) from error
    return pattern


def matches(text: pl.Expr, pattern: str) -> pl.Expr:
    """Whether the whole of each text matches; null where there is none."""
    return text.str.contains(_whole(pattern))


def is_match(text: str, pattern: str) -> bool:
    """Whether the whole of a text matches."""
    return bool(pl.Series([text], dtype=pl.String).str.contains(_whole(pattern)).item())


def _whole(pattern: str) -> str:
    return rf"\A(?:{pattern})\z"
