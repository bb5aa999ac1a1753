"""What a check measured: values with bounds and sample sizes, never a bare yes or no."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from andon.contracts.wire import to_json
from andon.kernel.digest import Digest, of_value

ANDON = "andon"
MEASURED = "measured.json"
"""The object of an artefact that says what was measured of it."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measured value.

    Attributes:
        metric: What was measured, such as `auc` or `rows.quarantined`.
        value: The point value; `None` where nothing finite could be measured, and `problem` says why.
        lower: Lower end of the two-sided 95 % confidence interval, where there is one.
        upper: Upper end of it.
        n: Rows it rests on.
        slice: Empty for all rows, else `column=value`.
        baseline: Digest of what it was compared with, for relative measurements; empty where there was nothing to
            compare with, and `problem` says what is missing.
        measured_by: `andon`, or `factory` for a team's own measurement.
    """

    metric: str
    value: float | None
    lower: float | None = None
    upper: float | None = None
    n: int = 0
    slice: str = ""
    baseline: Digest = ""
    measured_by: str = ANDON
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time whose rows were measured on.

    Attributes:
        of: Name of the contract whose rows they are.
        from_ns: Begin, in nanoseconds UTC.
        until_ns: End, exclusive.
    """

    of: str
    from_ns: int
    until_ns: int

    def overlaps(self, other: "Span") -> bool:
        """Whether a row can lie in both."""
        return self.of == other.of and self.from_ns < other.until_ns and other.from_ns < self.until_ns


@dataclass(frozen=True)  # no slots: it keeps its digest
class Evidence:
    """All that was measured about one subject, on one set of rows.

    Attributes:
        subject: The artefact measured.
        rows: Digest of the rows it was measured on.
        span: The time these rows lie in; `None` where they are not rows of a time. Looks at overlapping spans are
            counted together, so that cutting the same rows differently gives no new look.
    """

    subject: Digest
    rows: Digest
    measurements: tuple[Measurement, ...]
    span: Span | None = None

    def digest(self) -> Digest:
        """Identity of the evidence."""
        return self._digest

    @cached_property
    def _digest(self) -> Digest:
        return of_value(to_json(self))


def measurement(metric: str, value: object, *, n: int, measured_by: str = ANDON, slice: str = "") -> Measurement:  # noqa: A002  # the glossary's word
    """A measurement of whatever a check returned: what is not a finite number has no value and says so.

    Booleans and text are not numbers here, however Python counts them.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return Measurement(
            metric, None, n=n, slice=slice, measured_by=measured_by, problem=f"not a finite number: {value!r}"
        )
    return Measurement(metric, float(value), n=n, slice=slice, measured_by=measured_by)


def find(measurements: Iterable[Measurement], metric: str, slice: str = "") -> Measurement | None:  # noqa: A002  # the glossary's word
    """The measurement of that metric and slice, if it was made."""
    return next((m for m in measurements if m.metric == metric and m.slice == slice), None)
