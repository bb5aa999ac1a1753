"""The same work as the factory beside it, as a plain script: read, check, features, train, validate, save."""

import sys
from datetime import timedelta
from pathlib import Path

import lightgbm
import numpy as np
import polars as pl


def main(folder: Path) -> None:
    rows = pl.read_parquet(folder / "orders.parquet")
    good = rows.filter(
        pl.col("site").is_in(["north", "south", "east"]),
        *(pl.col(name).is_between(-20, 20) for name in ("load", "heat", "speed")),
        ~pl.struct("order", "asked").is_duplicated(),
    )
    features = good.sort("asked").select(
        "asked",
        "late",
        "load",
        "heat",
        "speed",
        strain=pl.col("load") * pl.col("heat"),
        hour=pl.col("asked").dt.hour(),
        weekday=pl.col("asked").dt.weekday(),
        is_north=pl.col("site") == "north",
        site=pl.col("site").rank("dense"),
    )
    end = features["asked"].max()
    fit = features.filter(pl.col("asked") < end - timedelta(days=35))
    holdout = features.filter(pl.col("asked") >= end - timedelta(days=21))
    x, y = (fit.drop("asked", "late").cast(pl.Float64).to_numpy(), fit["late"].to_numpy())
    options = {"objective": "binary", "num_leaves": 15, "seed": 1, "num_threads": 1, "verbosity": -1}
    booster = lightgbm.train(options, lightgbm.Dataset(x, y), num_boost_round=60)
    score = booster.predict(holdout.drop("asked", "late").cast(pl.Float64).to_numpy(), num_threads=1)
    assert area(holdout["late"].to_numpy(), score) > 0.6
    booster.save_model(str(folder / "model.txt"))


def area(truth: np.ndarray, score: np.ndarray) -> float:
    ranks = np.argsort(np.argsort(score)) + 1
    positive = int(truth.sum())
    return float((ranks[truth].sum() - positive * (positive + 1) / 2) / (positive * (len(truth) - positive)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
