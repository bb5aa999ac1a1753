"""The same, with an approval that is reported from outside, and a deploy step that Dagster starts after that passed."""

import dagster as dg
from gated import good_enough, model, publish
from sklearn.linear_model import LogisticRegression

PASSED = dg.AutomationCondition.eager() & dg.AutomationCondition.all_deps_blocking_checks_passed()


@dg.asset_check(asset=model, blocking=True)
def approved_by_somebody_else() -> dg.AssetCheckResult:
    """Nobody has approved a model that was just made; who approves reports this check as passed."""
    return dg.AssetCheckResult(passed=False, description="waits for approval")


@dg.asset(automation_condition=PASSED)
def deployed(model: LogisticRegression) -> None:
    """The deploy step, started by Dagster when every blocking check of the model has passed."""
    publish(model)


defs = dg.Definitions(
    assets=[model, deployed],
    asset_checks=[good_enough, approved_by_somebody_else],
    sensors=[
        dg.AutomationConditionSensorDefinition(
            "automation",
            target=dg.AssetSelection.assets("deployed"),
            default_status=dg.DefaultSensorStatus.RUNNING,
            minimum_interval_seconds=3,
        )
    ],
)
