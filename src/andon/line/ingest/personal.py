"""Values about people in columns that do not say so: found by patterns, checksums and the names of columns.

Only distinct values are looked at, and none is ever told: a measurement says in which column and how many.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from andon.contracts.dataset import Column, DatasetContract
from andon.contracts.evidence import Measurement, measurement

PERSONAL: Final = "undeclared_pii"
USUAL: Final = 0.5
"""From this share of a column's values on, what could be something else by chance is taken for what it looks like."""
_NAMES: Final = (
    *(
        "email",
        "mail",
        "phone",
        "mobile",
        "telephone",
        "fax",
        "ssn",
        "iban",
        "passport",
        "surname",
        "lastname",
        "birth",
    ),
    *("firstname", "birthday", "birthdate", "dob", "last_name", "first_name", "full_name", "maiden_name"),
    *("credit_card", "card_number", "ip_address"),
)
_NAMED: Final = f"(?i)(^|_)({'|'.join(_NAMES)})(_|$)"
_EDGE: Final = r"(?:^|[^0-9A-Za-z])"
_END: Final = r"(?:[^0-9A-Za-z]|$)"
_PATTERNS: Final[Mapping[str, str]] = {
    "email": r"([A-Za-z0-9._%+\-]+@[A-Za-z0-9](?:[A-Za-z0-9\-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9\-]+)*\.[A-Za-z]{2,})",
    "iban": _EDGE + r"([A-Z]{2}[0-9]{2}(?: ?[0-9A-Z]){11,30})" + _END,
    "card": _EDGE + r"([3-6][0-9]{3}(?:[ \-]?[0-9]){9,15})" + _END,
    "ssn": _EDGE + r"([0-9]{3}-[0-9]{2}-[0-9]{4})" + _END,
    "phone": r"(?:^|[^0-9A-Za-z+])(\+[1-9](?:[ .\-/()]{0,2}[0-9]){7,14}|\([0-9]{3}\) ?[0-9]{3}[ \-][0-9]{4})" + _END,
    "ip": r"(?:^|[^0-9.])((?:[0-9]{1,3}\.){3}[0-9]{1,3})(?:[^0-9.]|$)",
}
_IBAN_PRIME: Final = 97
Marks = NDArray[np.bool_]


def measure_personal(good: pl.DataFrame, contract: DatasetContract) -> tuple[Measurement, ...]:
    """How much in each column that is not marked `pii` looks as if it were about people.

    `undeclared_pii` of `column=<name>` is the share of the column's distinct values that do, of texts (`category`,
    `text`); 1 where the name of the column alone says so, whatever its kind. Beside it stands how many do by
    each pattern: `undeclared_pii.email iban card ssn phone ip`. An IBAN has its check digits (ISO 13616, modulo 97) and
    a card number its own (ISO/IEC 7812, Luhn). A tenth of all numbers pass Luhn, and versions look like addresses: both
    count only in columns where they are half of the values of that form, or of all values.

    Args:
        good: The rows that would be published.
        contract: What they are.
    """
    found: list[Measurement] = []
    for column in contract.columns:
        if not column.pii:
            found += _of_column(good, column)
    return tuple(found) or (measurement(PERSONAL, 0.0, n=0, slice="column=*"),)


def _of_column(good: pl.DataFrame, column: Column) -> Iterator[Measurement]:
    is_text = column.kind in ("category", "text")
    values = good[column.name].drop_nulls().unique() if is_text else pl.Series([], dtype=pl.String)
    looks = {name: _looks(values, name) for name in _PATTERNS} if len(values) else {}
    share = float(np.logical_or.reduce(list(looks.values())).mean()) if looks else 0.0
    if pl.Series([column.name]).str.contains(_NAMED).item():
        share = 1.0
    place = f"column={column.name}"
    yield measurement(PERSONAL, share, n=len(values), slice=place)
    for name, marks in looks.items():
        if marks.any():
            yield measurement(f"{PERSONAL}.{name}", int(marks.sum()), n=len(values), slice=place)


def _looks(values: pl.Series, pattern: str) -> Marks:
    """Which values hold something of a form, with its check digits right where the form has some."""
    text = values.str.extract(_PATTERNS[pattern], 1)
    of_form = text.is_not_null()
    right = of_form & _CHECKS.get(pattern, _is_any)(text).fill_null(value=False)
    many = {"card": int(of_form.sum()), "ip": len(values)}.get(pattern, 0)
    marks = right.to_numpy()
    return marks if marks.sum() >= USUAL * many else np.zeros_like(marks)


def _is_any(text: pl.Series) -> pl.Series:
    return text.is_not_null()


def _is_iban(text: pl.Series) -> pl.Series:
    return text.map_elements(_checks_iban, return_dtype=pl.Boolean)


def _checks_iban(text: str) -> bool:
    plain = text.replace(" ", "")
    digits = "".join(str(int(letter, 36)) for letter in plain[4:] + plain[:4])
    return len(plain) >= 15 and int(digits) % _IBAN_PRIME == 1


def _is_card(text: pl.Series) -> pl.Series:
    return text.map_elements(_checks_card, return_dtype=pl.Boolean)


def _checks_card(text: str) -> bool:
    digits = [int(letter) for letter in text if letter.isdigit()]
    doubled = [2 * digit - 9 * (digit > 4) for digit in digits[-2::-2]]
    return (sum(doubled) + sum(digits[-1::-2])) % 10 == 0


def _is_ssn(text: pl.Series) -> pl.Series:
    """Whether such numbers are given out: no area 000, 666 or 9xx, no group 00, no serial number 0000."""
    area = r"^(?:00[1-9]|0[1-9][0-9]|[1-578][0-9]{2}|6[0-57-9][0-9]|66[0-57-9])-"
    return text.str.contains(area) & ~text.str.contains("-00-|-0000$")


def _is_ip(text: pl.Series) -> pl.Series:
    return text.str.contains(r"^(?:(?:25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})\.){3}(?:25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})$")


_CHECKS: Final[Mapping[str, Callable[[pl.Series], pl.Series]]] = {
    "iban": _is_iban,
    "card": _is_card,
    "ssn": _is_ssn,
    "ip": _is_ip,
}
