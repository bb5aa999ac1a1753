"""How far a batch is from what came before it: shares, distributions and counts, each with how sure that is."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from andon.measures.intervals import Interval, of_share

Floats = npt.NDArray[np.float64]
_Z999: Final = 3.2905267314919255
"""Of a normal distribution 99.9 % lie within so many standard deviations: of a thousand hours one is outside."""


def share_change(before: tuple[int, int], now: tuple[int, int]) -> Interval:
    """How much a share of rows changed, whichever way, with its two-sided 95 % confidence interval.

    The interval of the difference is Newcombe's hybrid of two Wilson score intervals (R. G. Newcombe, Statistics in
    Medicine 17, 1998, method 10); its ends are folded at 0, so that the lower one is 0 where nothing need have changed.

    Args:
        before: Rows that had it, and all rows, at least one.
        now: The same of the rows now.
    """
    old, new = of_share(*before), of_share(*now)
    difference = new.value - old.value
    low = difference - math.hypot(new.value - (new.lower or 0.0), (old.upper or 0.0) - old.value)
    high = difference + math.hypot((new.upper or 0.0) - new.value, old.value - (old.lower or 0.0))
    return Interval(abs(difference), max(0.0, low, -high), min(1.0, max(abs(low), abs(high))))


def total_variation(before: Sequence[int], now: Sequence[int]) -> Interval:
    """How far two distributions over the same cells are apart: half the sum of the differences of all shares, 0 to 1.

    It is the largest difference of the shares that any set of cells has on the two sides. Chance alone keeps a sample's
    shares from those of what it is drawn from: by sqrt((k - 1) / n) / 2 at most on average (D. Berend and A.
    Kontorovich, Statistics and Probability Letters 83, 2013), and beyond that average by sqrt(ln(2 / 0.025) / (2 n)) in
    one of eighty samples at most (C. McDiarmid, Surveys in Combinatorics, 1989), with k cells that anything fell into
    and n rows. Both sides' reaches are taken off the value for the lower end of the 95 % interval, and the second ones
    added for the upper.

    Args:
        before: Rows in each cell, at least one in all.
        now: The same of the rows now.
    """
    old, new = np.array(before, dtype=np.float64), np.array(now, dtype=np.float64)
    apart = float(np.abs(old / old.sum() - new / new.sum()).sum()) / 2
    used = int(np.count_nonzero(old + new))
    chance = sum(math.sqrt(math.log(80) / (2 * rows)) for rows in (old.sum(), new.sum()))
    bias = sum(math.sqrt((used - 1) / rows) / 2 for rows in (old.sum(), new.sum()))
    return Interval(min(1.0, apart), max(0.0, apart - bias - chance), min(1.0, apart + chance))


def unusual_ratio(counts: Floats, usual: Floats) -> Floats:
    """Each count as a share of what is usual; exactly 1 where chance alone explains the difference.

    Chance explains it where the usual lies within the 99.9 % interval of the count as one of a Poisson process, by
    Byar's approximation (N. E. Breslow and N. E. Day, Statistical Methods in Cancer Research II, 1987, section 2.3).

    Args:
        counts: How many there were, 0 or more.
        usual: How many there usually are, more than 0.
    """
    above = counts + 1
    high = above * (1 - 1 / (9 * above) + _Z999 / (3 * np.sqrt(above))) ** 3
    some = np.maximum(counts, 1.0)
    low = np.where(counts > 0, some * np.maximum(0.0, 1 - 1 / (9 * some) - _Z999 / (3 * np.sqrt(some))) ** 3, 0.0)
    return np.where((usual < low) | (usual > high), counts / usual, 1.0)
