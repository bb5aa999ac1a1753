"""Counting live rows on the cells of a baseline, against NumPy doing only that."""

import numpy as np
import polars as pl
from measured import against, least_cpu_s, tell

from andon.measures.profile import build_baseline, count

ROWS, COLUMNS = 500_000, 40


def main() -> None:
    """Count 500,000 rows of 40 columns of numbers."""
    random = np.random.default_rng(7)
    names = [f"x{number}" for number in range(COLUMNS)]
    baseline = build_baseline(pl.DataFrame({name: random.normal(size=20_000) for name in names}))
    live = pl.DataFrame({name: random.normal(0.1, 1.0, size=ROWS) for name in names})
    edges = [np.array(column.edges) for column in baseline.columns]

    def by_numpy() -> list[np.ndarray]:
        found = []
        for name, cells in zip(names, edges, strict=True):
            values = live[name].to_numpy()
            present = values[~np.isnan(values)]
            found.append(np.bincount(np.searchsorted(cells, present, side="right"), minlength=len(cells) + 1))
        return found

    same = zip(count(baseline, live), by_numpy(), strict=True)
    assert all(counts.counts == tuple(plain.tolist()) for counts, plain in same)
    least = least_cpu_s({"andon": lambda: count(baseline, live), "floor": by_numpy}, rounds=3)
    tell(
        against(
            "drift_counts_500k_x_40",
            "s",
            least["andon"],
            least["floor"],
            "NumPy searchsorted and bincount on the same edges; andon also counts nulls and values never seen.",
            times=1.5,
        )
    )


if __name__ == "__main__":
    main()
