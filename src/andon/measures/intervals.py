"""How sure a measured value is: two-sided 95 % confidence intervals, in closed form."""

import math
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Z95: Final = 1.959963984540054
_SMALL_T95: Final = {1: 12.706204736174694, 2: 4.302652729749462, 3: 3.1824463052837078, 4: 2.7764451051977934}


class Interval(NamedTuple):
    """A value and the ends of its interval; `None` where the rows are too few for one."""

    value: float
    lower: float | None
    upper: float | None


def of_mean(values: Floats) -> Interval:
    """The mean of independent values, by Student's t.

    Args:
        values: At least one finite value.
    """
    return around(float(values.mean()), _variance_of_mean(values), len(values))


def around(value: float, variance: float, n: int) -> Interval:
    """An interval of so many standard errors around a value that rests on `n` rows, by Student's t.

    Args:
        value: The estimate.
        variance: The estimate's own variance; NaN where there is none.
        n: Rows; fewer than two give no interval.
    """
    if n < 2 or not math.isfinite(variance):
        return Interval(value, None, None)
    reach = t95(n - 1) * math.sqrt(variance)
    return Interval(value, value - reach, value + reach)


def of_share(count: int, n: int) -> Interval:
    """A share of independent rows, by Wilson's score interval (Wilson 1927).

    Args:
        count: Rows that have it, 0 to `n`.
        n: Rows, at least one.
    """
    share = count / n
    scale = 1 + Z95**2 / n
    centre = (share + Z95**2 / (2 * n)) / scale
    reach = Z95 / scale * math.sqrt(share * (1 - share) / n + Z95**2 / (4 * n * n))
    return Interval(share, max(0.0, min(centre - reach, share)), min(1.0, max(centre + reach, share)))


def of_logit(value: float, variance: float, n: int) -> Interval:
    """A value between 0 and 1 with a known variance, on the logit scale, so that its ends stay between 0 and 1.

    At the ends themselves the variance says nothing. There the bound is the one of `n` rows that all agree (Clopper and
    Pearson 1934), so that few rows never look certain.

    Args:
        value: The estimate, 0 to 1.
        variance: Its variance on its own scale.
        n: Independent rows it rests on: for an area under the curve, those of the rarer class.
    """
    if n < 2 or not math.isfinite(variance):
        return Interval(value, None, None)
    if value in (0.0, 1.0):
        edge = 0.025 ** (1 / n)
        return Interval(value, edge if value else 0.0, 1.0 if value else 1 - edge)
    centre = math.log(value / (1 - value))
    reach = t95(n - 1) * math.sqrt(variance) / (value * (1 - value))
    return Interval(value, _expit(centre - reach), _expit(centre + reach))


def t95(freedom: int) -> float:
    """The 97.5 % point of Student's t distribution: Fisher and Cornish's expansion (1960); error below 3e-4.

    Args:
        freedom: Degrees of freedom, at least one.
    """
    if freedom in _SMALL_T95:
        return _SMALL_T95[freedom]
    z = Z95
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + math.fsum(term / math.pow(freedom, power + 1) for power, term in enumerate(terms))


def _expit(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def _variance_of_mean(values: Floats) -> float:
    return float(values.var(ddof=1)) / len(values) if len(values) > 1 else math.nan
