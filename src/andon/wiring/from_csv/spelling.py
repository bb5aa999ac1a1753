"""Names that Python can spell, for columns that people named as they liked."""

import keyword
import re
import unicodedata
from collections.abc import Collection, Sequence
from typing import Final

_SPELLED: Final = {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "ø": "o", "%": " percent ", "€": " eur "}
# What the body of a contract and the file around it use themselves.
_TAKEN: Final = frozenset(
    [
        *("answers", "auc", "accuracy", "boolean", "brier", "by_time", "category", "checks", "columns", "event_time"),
        *(
            "factory",
            "fixed",
            "integer",
            "known_at",
            "label",
            "lightgbm",
            "log_loss",
            "mae",
            "number",
            "pl",
            "progress",
        ),
        *("rmse", "rows", "rule", "rules", "table", "time", "where", "window", "float", "int", "str", "object"),
    ]
)


def identifiers(names: Sequence[str], taken: Collection[str] = ()) -> dict[str, str]:
    """A name for each column that is a Python identifier, none of a factory's words, and different from all others.

    Args:
        names: Columns as a file has them.
        taken: Names that are used already.
    """
    found: dict[str, str] = {}
    used = set(taken)
    for name in names:
        plain = identifier(name)
        fresh, number = plain, 2
        while fresh in used:
            fresh, number = f"{plain}_{number}", number + 1
        used.add(fresh)
        found[name] = fresh
    return found


def identifier(name: str) -> str:
    """One name as a Python identifier in small letters; a word that means something already gets an underscore."""
    text = unicodedata.normalize("NFC", name).lower()
    text = "".join(_SPELLED.get(letter, letter) for letter in text)
    text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    text = re.sub(r"\W+", "_", text).strip("_")
    if not text or text[0].isdigit():
        text = f"column_{text}".rstrip("_")
    return f"{text}_" if keyword.iskeyword(text) or keyword.issoftkeyword(text) or text in _TAKEN else text
