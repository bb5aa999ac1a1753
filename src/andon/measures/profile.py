"""What the values of a column look like: profiles to read, counts on fixed cells to keep, merge and compare."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from andon.contracts.dataset import Kind
from andon.kernel.canonical import Json
from andon.kernel.clock import iso
from andon.kernel.errors import InputError

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
CellKind = Literal["number", "category"]
PREDICTION: Final = "prediction"
BINS: Final = 20
TOP: Final = 50
VOCABULARY: Final = 1_000
_QUANTILES: Final = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_SHOWN: Final = 20
_EXACT: Final = 2**53 - 1
_EXPONENT: Final = 1e21  # from here on JSON writes an exponent


@dataclass(frozen=True, slots=True)
class ColumnBaseline:
    """What one column looked like in the training rows.

    Attributes:
        kind: `number`: `counts` are on the cells between `edges`; `category`: on `categories`, and last on all others.
        rows: Rows, nulls included; NaN counts as null.
        edges: Ascending inner edges; a value equal to an edge belongs to the cell above it.
        categories: The most frequent categories, most frequent first.
        low: Smallest finite training value.
        high: Largest finite training value.
    """

    name: str
    kind: CellKind
    rows: int
    nulls: int
    counts: tuple[int, ...]
    edges: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0


@dataclass(frozen=True, slots=True)
class Baseline:
    """What the training rows looked like, column by column: what live rows are held against."""

    columns: tuple[ColumnBaseline, ...]


@dataclass(frozen=True, slots=True)
class ColumnCounts:
    """Counts of one column on a baseline's cells; those of two batches add up to those of both.

    Attributes:
        unseen: Values outside what training saw: beyond its range, or in none of the kept categories.
    """

    name: str
    rows: int
    nulls: int
    counts: tuple[int, ...]
    unseen: int

    def merge(self, other: "ColumnCounts") -> "ColumnCounts":
        """The counts of both batches together.

        Raises:
            InputError: They are counts of different columns or cells.
        """
        if self.name != other.name or len(self.counts) != len(other.counts):
            raise _mismatch(self.name, f"{other.name} with {len(other.counts)} cells, not {len(self.counts)}")
        counts = tuple(a + b for a, b in zip(self.counts, other.counts, strict=True))
        rows, nulls, unseen = self.rows + other.rows, self.nulls + other.nulls, self.unseen + other.unseen
        return ColumnCounts(self.name, rows, nulls, counts, unseen)


@dataclass(frozen=True, slots=True)
class Shift:
    """How far one column is from its baseline.

    Attributes:
        rows: Live rows it rests on, nulls included.
        psi: Population stability index over the cells; 0 where nothing moved.
        js: Jensen-Shannon divergence in bits, 0 to 1.
        ks: Largest difference of the cumulative shares (numbers) or of a cell's share (categories), 0 to 1.
        nulls: Share of nulls now, less that in training; -1 to 1.
        unseen: Share of present values outside what training saw, less that share in training; never below 0.
    """

    name: str
    rows: int
    psi: float
    js: float
    ks: float
    nulls: float
    unseen: float


def profile(frame: pl.DataFrame, kinds: Mapping[str, Kind]) -> dict[str, Json]:
    """Each column's rows, nulls, and what its values are, as JSON with finite numbers only.

    Numbers have `min`, `max`, `mean` and `quantiles` of their finite values and the count of `infinite` ones; times
    `min` and `max` as ISO 8601; booleans the count of `true`; categories the count of `distinct` values and the `top`
    twenty. What no value is there for is left out.

    Args:
        frame: The rows.
        kinds: Kind of each column to describe.
    """
    return {name: _describe(frame[name], kind) for name, kind in kinds.items()}


def edges(values: Floats, bins: int = BINS) -> Floats:
    """Ascending inner edges that cut values into at most `bins` cells of about equally many.

    Equal quantiles become one edge, so that a value on its own has a cell of its own.

    Args:
        values: One dimension; NaN and infinite values have no say.
        bins: At least 2.
    """
    finite = values[np.isfinite(values)]
    if not finite.size:
        return np.empty(0)
    cuts = np.quantile(finite, np.linspace(0.0, 1.0, bins + 1)[1:-1], method="lower")
    return np.unique(cuts[cuts > finite.min()])


def count_on(cells: Floats, values: Floats) -> Integers:
    """How many values lie in each cell: `len(cells) + 1` counts that add up over batches.

    A value equal to an edge belongs to the cell above it; NaN belongs to none, infinities to the outermost cells.
    """
    present = values[~np.isnan(values)] if np.isnan(values).any() else values
    return np.bincount(np.searchsorted(cells, present, side="right"), minlength=len(cells) + 1).astype(np.int64)


def build_baseline(
    features: pl.DataFrame, prediction: pl.Series | None = None, *, bins: int = BINS, vocabulary: int = VOCABULARY
) -> Baseline:
    """The baseline of the training rows, and of the model's prediction on them.

    Args:
        features: Numbers, booleans (as the categories `true` and `false`) and text.
        prediction: Becomes the column `prediction`.
        bins: Cells of a number at most.
        vocabulary: Categories kept at most.

    Raises:
        InputError: A column is none of these.
    """
    columns = [*features.iter_columns(), *([] if prediction is None else [prediction.alias(PREDICTION)])]
    return Baseline(tuple(_baseline(column, bins, vocabulary) for column in columns))


def count(baseline: Baseline, rows: pl.DataFrame) -> tuple[ColumnCounts, ...]:
    """Live rows counted on a baseline's cells.

    Raises:
        InputError: A column of the baseline is missing or of another type.
    """
    return tuple(_count(column, rows) for column in baseline.columns)


def compare(baseline: Baseline, counts: Sequence[ColumnCounts]) -> tuple[Shift, ...]:
    """How far each column has moved from its baseline.

    With p and q the shares of the cells in training and now, each smoothed by half a count per cell (H. Jeffreys, Proc.
    R. Soc. A 186, 1946), so that an empty cell stays finite:

    * psi = sum (q - p) ln(q / p), the population stability index, which is Jeffreys' symmetric divergence
      (N. Siddiqi, Credit Risk Scorecards, 2006);
    * js = H((p + q) / 2) - (H(p) + H(q)) / 2 with entropy H in bits (J. Lin, IEEE Trans. Inf. Theory 37, 1991);
    * ks = max |P - Q| of the cumulative shares for numbers, the Kolmogorov-Smirnov distance on the edges, and
      max |p - q| for categories; both of the plain shares.

    Categories beyond the fifty most frequent ones count as one cell. Without values on one side psi, js and ks are 0.

    Raises:
        InputError: The counts are not of this baseline.
    """
    if len(counts) != len(baseline.columns):
        raise _mismatch("", f"{len(counts)} columns, not {len(baseline.columns)}")
    return tuple(_compare(column, live) for column, live in zip(baseline.columns, counts, strict=True))


def _describe(column: pl.Series, kind: Kind) -> dict[str, Json]:
    values = (column.fill_nan(None) if column.dtype.is_float() else column).drop_nulls()
    found: dict[str, Json] = {"rows": len(column), "nulls": len(column) - len(values)}
    if kind in ("int", "fixed", "float"):
        return found | _describe_numbers(values)
    if kind == "bool":
        return found | {"true": int(values.sum())}
    if not len(values):
        return found
    if kind == "time":
        moments = values.to_physical()
        return found | {"min": iso(int(moments.min())), "max": iso(int(moments.max()))}  # type: ignore[arg-type]  # physical times are ints
    top = _ranked(values)
    return found | {
        "distinct": top.height,
        "top": [[str(value), int(times)] for value, times in top.head(_SHOWN).rows()],
    }


def _describe_numbers(values: pl.Series) -> dict[str, Json]:
    finite = values.filter(values.is_finite()) if values.dtype.is_float() else values
    found: dict[str, Json] = {"infinite": len(values) - len(finite)} if values.dtype.is_float() else {}
    if not len(finite):
        return found
    numbers = finite.cast(pl.Float64).to_numpy()
    scale = float(np.abs(numbers).max()) or 1.0
    found |= {
        "min": _number(finite.min()),
        "max": _number(finite.max()),
        "mean": _number(float((numbers / scale).mean() * scale)),
    }
    cuts = np.quantile(numbers, _QUANTILES, method="lower")
    return found | {"quantiles": {f"{q:g}": _number(float(cut)) for q, cut in zip(_QUANTILES, cuts, strict=True)}}


def _number(value: object) -> Json:
    """A number, or its text where canonical JSON would take it for an integer that a double cannot hold."""
    if isinstance(value, float):
        return value if abs(value) <= _EXACT or abs(value) >= _EXPONENT else repr(value)
    return value if isinstance(value, int) and abs(value) <= _EXACT else str(value)


def _ranked(values: pl.Series) -> pl.DataFrame:
    """Distinct values and how often each comes, the most frequent first, equal ones by value."""
    table = values.alias("value").to_frame().group_by("value").agg(times=pl.len())
    return table.sort("times", "value", descending=[True, False])


def _baseline(column: pl.Series, bins: int, vocabulary: int) -> ColumnBaseline:
    if not column.dtype.is_numeric():
        texts = _texts(column)
        ranked = _ranked(texts.drop_nulls()).head(vocabulary)
        kept = tuple(ranked["value"].to_list())
        counts = _count_categories(kept, texts)
        return ColumnBaseline(column.name, "category", len(texts), texts.null_count(), counts, categories=kept)
    numbers, nulls = _numbers(column)
    cells = edges(numbers, bins)
    finite = numbers[np.isfinite(numbers)]
    return ColumnBaseline(
        name=column.name,
        kind="number",
        rows=len(column),
        nulls=nulls,
        counts=tuple(count_on(cells, numbers).tolist()),
        edges=tuple(cells.tolist()),
        low=float(finite.min()) if finite.size else 0.0,
        high=float(finite.max()) if finite.size else 0.0,
    )


def _count(column: ColumnBaseline, rows: pl.DataFrame) -> ColumnCounts:
    if column.name not in rows.columns:
        raise _mismatch(column.name, "no such column")
    live = rows[column.name]
    if live.dtype != pl.Null and live.dtype.is_numeric() != (column.kind == "number"):
        raise _mismatch(column.name, f"{live.dtype}, not a {column.kind}")
    if column.kind == "category":
        texts = _texts(live)
        counts = _count_categories(column.categories, texts)
        return ColumnCounts(column.name, len(live), texts.null_count(), counts, counts[-1])
    numbers, nulls = _numbers(live)
    cells = count_on(np.array(column.edges), numbers)
    unseen = int(np.count_nonzero(numbers < column.low) + np.count_nonzero(numbers > column.high))
    unseen = unseen if sum(column.counts) else int(cells.sum())
    return ColumnCounts(column.name, len(live), nulls, tuple(cells.tolist()), unseen)


def _compare(column: ColumnBaseline, live: ColumnCounts) -> Shift:
    if live.name != column.name or len(live.counts) != len(column.counts):
        raise _mismatch(live.name, f"{live.name} with {len(live.counts)} cells, not those of {column.name}")
    before, now = _cells(column, column.counts), _cells(column, live.counts)
    outside = _share(column.counts[-1] if column.kind == "category" else 0, sum(column.counts))
    psi, js, ks = _distances(before, now, is_ordered=column.kind == "number")
    return Shift(
        name=column.name,
        rows=live.rows,
        psi=psi,
        js=js,
        ks=ks,
        nulls=_share(live.nulls, live.rows) - _share(column.nulls, column.rows),
        unseen=max(0.0, _share(live.unseen, sum(live.counts)) - outside),
    )


def _distances(before: Floats, now: Floats, *, is_ordered: bool) -> tuple[float, float, float]:
    if not before.sum() or not now.sum():
        return 0.0, 0.0, 0.0
    p, q = ((cells + 0.5) / (cells + 0.5).sum() for cells in (before, now))
    psi = float(((q - p) * np.log(q / p)).sum())
    js = _entropy((p + q) / 2) - (_entropy(p) + _entropy(q)) / 2
    difference = now / now.sum() - before / before.sum()
    ks = np.abs(np.cumsum(difference) if is_ordered else difference).max()
    return max(0.0, psi), min(1.0, max(0.0, js)), min(1.0, float(ks))


def _entropy(shares: Floats) -> float:
    return -math.fsum((shares * np.log2(shares)).tolist())


def _cells(column: ColumnBaseline, counts: Sequence[int]) -> Floats:
    if column.kind == "category" and len(counts) > TOP + 1:
        counts = [*counts[:TOP], sum(counts[TOP:])]
    return np.array(counts, dtype=np.float64)


def _numbers(column: pl.Series) -> tuple[Floats, int]:
    """Values as doubles with NaN for null, and the number of nulls."""
    numbers = column.cast(pl.Float64).to_numpy()
    return numbers, int(np.count_nonzero(np.isnan(numbers)))


def _texts(column: pl.Series) -> pl.Series:
    if column.dtype not in (pl.Boolean, pl.String, pl.Null, pl.Categorical, pl.Enum):
        raise _mismatch(column.name, str(column.dtype))
    return column.cast(pl.String)


def _count_categories(kept: Sequence[str], texts: pl.Series) -> tuple[int, ...]:
    """How often each kept category comes, and last how often any other."""
    times = dict(_ranked(texts.drop_nulls()).iter_rows())
    counts = [int(times.get(category, 0)) for category in kept]
    return (*counts, len(texts) - texts.null_count() - sum(counts))


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _mismatch(name: str, found: str) -> InputError:
    return InputError(
        "measures.not-this-baseline",
        "These rows cannot be counted on the cells of this baseline.",
        place=name,
        found=found,
        fix="Count the same columns, numbers or categories, that the baseline was built from.",
    )
