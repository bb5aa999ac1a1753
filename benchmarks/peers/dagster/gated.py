"""A model, a blocking check on it, and the asset downstream of both that puts it where it is served from."""

import csv
import os
import pickle
from datetime import datetime
from pathlib import Path

import dagster as dg
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

LEAST_AUC = 0.6


def parcels(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Features and label of one part of the rows."""
    with Path(os.environ["PARCELS"]).open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == split]
    features = [[float(row["weight"]), float(datetime.fromisoformat(row["sent"]).hour)] for row in rows]
    return np.array(features), np.array([row["late"] == "yes" for row in rows])


@dg.asset
def model() -> LogisticRegression:
    """The model; upside down where the environment says so."""
    x, y = parcels("fit")
    trained = LogisticRegression(max_iter=1000).fit(x, y)
    trained.coef_ *= float(os.environ.get("SIGN", "1"))
    return trained


@dg.asset_check(asset=model, blocking=True)
def good_enough(model: LogisticRegression) -> dg.AssetCheckResult:
    """Dagster's own gate: a failed blocking check keeps what is downstream from running."""
    x, y = parcels("holdout")
    auc = float(roc_auc_score(y, model.predict_proba(x)[:, 1]))
    return dg.AssetCheckResult(passed=auc >= LEAST_AUC, metadata={"auc": auc})


def publish(model: LogisticRegression) -> None:
    """Put a model where it is served from."""
    Path(os.environ["SERVED"]).write_bytes(pickle.dumps(model))


@dg.asset
def deployed(model: LogisticRegression) -> None:
    """The deploy step, downstream of the checked model."""
    publish(model)


defs = dg.Definitions(assets=[model, deployed], asset_checks=[good_enough])
