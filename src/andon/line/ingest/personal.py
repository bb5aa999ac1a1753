"""Values about people in columns that do not say so: found by patterns, checksums and the names of columns.

Only distinct values are looked at, and none is ever told: a measurement says in which column and how many.
"""

import re
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
    "e?mail|phone|mobile|telephone|fax|ssn|iban|passport|surname|lastname|firstname|birth|birthday|birthdate|dob|"
    "last_name|first_name|full_name|maiden_name|credit_card|card_number|ip_address"
)
_NAMED: Final = re.compile(f"(^|_)({_NAMES})(_|$)", re.IGNORECASE)
_PATTERNS: Final[Mapping[str, str]] = {
    "email": r"[A-Za-z0-9._%+\-]@[A-Za-z0-9](?:[A-Za-z0-9\-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9\-]+)*\.[A-Za-z]{2,}",
    "iban": r"(?:^|[^0-9A-Za-z])[A-Z]{2}[0-9]{2}(?: ?[0-9A-Z]){11}",
    "card": r"(?:^|[^0-9A-Za-z])[2-6][0-9]{3}(?:[ \-]?[0-9]){9}",
    "ssn": r"(?:^|[^0-9A-Za-z])[0-9]{3}-[0-9]{2}-[0-9]{4}(?:[^0-9A-Za-z]|$)",
    "phone": r"(?:^|[^0-9A-Za-z+])(?:\+[1-9](?:[ .\-/()]{0,2}[0-9]){7,14}|\([0-9]{3}\) ?[0-9]{3}[ \-][0-9]{4})"
    r"(?:[^0-9A-Za-z]|$)",
    "ip": r"(?:^|[^0-9.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?:[^0-9.]|$)",
}
_IBAN_PRIME: Final = 97
_COUNTRIES: Final = (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18 "
    "FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 "
    "LU20 LV21 LY25 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SE24 "
    "SI19 SK24 SM27 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 "
)
_IBAN_SIZES: Final = {name: int(size) for name, size in re.findall("([A-Z]{2})([0-9]{2})", _COUNTRIES)}
"""How long an account number of each country is (ISO 13616, the registry of SWIFT)."""
_CARD_SIZES: Final = (13, 14, 15, 16, 19)
# Everywhere one may begin, because another may stand before it, and what stands behind it may look like more of it.
_IBANS: Final = re.compile(r"(?<![0-9A-Za-z])(?=([A-Z]{2}[0-9]{2}(?: ?[0-9A-Z]){11,30}))")
_CARDS: Final = re.compile(r"(?<![0-9A-Za-z])(?=([2-6][0-9]{3}(?:[ \-]?[0-9]){9,15}))")
_SSNS: Final = re.compile(r"(?<![0-9A-Za-z])([0-9]{3})-([0-9]{2})-([0-9]{4})(?![0-9A-Za-z])")
_IPS: Final = re.compile(r"(?<![0-9.])([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})(?![0-9.])")
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
    if _NAMED.search(column.name):
        share = 1.0
    place = f"column={column.name}"
    yield measurement(PERSONAL, share, n=len(values), slice=place)
    for name, marks in looks.items():
        if marks.any():
            yield measurement(f"{PERSONAL}.{name}", int(marks.sum()), n=len(values), slice=place)


def _looks(values: pl.Series, pattern: str) -> Marks:
    """Which values hold something of a form, with its check digits right where the form has some."""
    marks: Marks = values.str.contains(_PATTERNS[pattern]).to_numpy(writable=True)
    if check := _CHECKS.get(pattern):
        of_form = np.flatnonzero(marks)
        marks[of_form] = [check(text) for text in values.gather(of_form)]
        many = {"card": len(of_form), "ip": len(values)}.get(pattern, 0)
        return marks if marks.sum() >= USUAL * many else np.zeros_like(marks)
    return marks


def _has_iban(text: str) -> bool:
    return any(_is_iban(found[1].replace(" ", "")) for found in _IBANS.finditer(text))


def _is_iban(text: str) -> bool:
    size = _IBAN_SIZES.get(text[:2], len(text) + 1)
    digits = "".join(str(int(letter, 36)) for letter in text[4:size] + text[:4])
    return size <= len(text) and int(digits) % _IBAN_PRIME == 1


def _has_card(text: str) -> bool:
    return any(_is_card(re.sub("[ -]", "", found[1])) for found in _CARDS.finditer(text))


def _is_card(digits: str) -> bool:
    return any(_is_luhn([int(each) for each in digits[:size]]) for size in _CARD_SIZES if size <= len(digits))


def _is_luhn(digits: list[int]) -> bool:
    return (sum(2 * digit - 9 * (digit > 4) for digit in digits[-2::-2]) + sum(digits[-1::-2])) % 10 == 0


def _has_ssn(text: str) -> bool:
    """Whether there is one that is given out: no area 000, 666 or 9xx, no group 00, no serial number 0000."""
    found = _SSNS.findall(text)
    return any(
        area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"
        for area, group, serial in found
    )


def _has_ip(text: str) -> bool:
    return any(all(int(part) < 256 for part in parts) for parts in _IPS.findall(text))


_CHECKS: Final[Mapping[str, Callable[[str], bool]]] = {
    "iban": _has_iban,
    "card": _has_card,
    "ssn": _has_ssn,
    "ip": _has_ip,
}
