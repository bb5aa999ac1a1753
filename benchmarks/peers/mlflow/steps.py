"""The three tasks of a deployment job as MLflow's documentation lays them out: evaluate, approve by tag, deploy."""

import os
import sys

import mlflow
import pandas as pd
from mlflow import MlflowClient
from mlflow.models import MetricThreshold

MODEL, ALIAS = "late", "champion"
APPROVAL, APPROVED = "approval", "approved"
FEATURES, LABEL = ["weight", "hour"], "late"
LEAST_AUC = 0.6


def parcels(split: str) -> pd.DataFrame:
    """The rows of one part, with features and label."""
    rows = pd.read_csv(os.environ["PARCELS"], parse_dates=["sent"])
    rows = rows[rows["split"] == split].assign(hour=lambda table: table["sent"].dt.hour)
    return rows.assign(late=rows["late"] == "yes").astype(dict.fromkeys(FEATURES, "float64"))


def evaluate(version: str) -> None:
    """MLflow's own gate: evaluation on rows held out, against a threshold; it raises where the model misses it."""
    rows = parcels("holdout")
    model = mlflow.pyfunc.load_model(f"models:/{MODEL}/{version}")
    scored = rows.assign(score=model.predict(rows[FEATURES])[:, 1])
    result = mlflow.models.evaluate(
        data=scored,
        predictions="score",
        targets=LABEL,
        extra_metrics=[mlflow.models.make_metric(eval_fn=area, greater_is_better=True, name="auc")],
        evaluators="default",
    )
    threshold = MetricThreshold(threshold=LEAST_AUC, greater_is_better=True)
    mlflow.validate_evaluation_results({"auc": threshold}, result)


def area(predictions: pd.Series, targets: pd.Series, metrics: object) -> float:
    """The area under the ROC curve."""
    from sklearn.metrics import roc_auc_score  # noqa: PLC0415  # only this task needs it

    return float(roc_auc_score(targets, predictions))


def approve(version: str) -> None:
    """The approval task of the documented deployment job: go on if the version's tag says so."""
    tags = MlflowClient().get_model_version(MODEL, version).tags
    if tags.get(APPROVAL, "").lower() != APPROVED:
        raise SystemExit("Model version not approved for deployment")


def deploy(version: str) -> None:
    """Let the alias that servers load point to the version."""
    MlflowClient().set_registered_model_alias(MODEL, ALIAS, version)


if __name__ == "__main__":
    {"evaluate": evaluate, "approve": approve, "deploy": deploy}[sys.argv[1]](sys.argv[2])
