"""A loaded release made ready to answer questions about entities, on the datasets that are served."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import polars as pl

from andon.contracts.dataset import contract_from_json
from andon.expressions.plan import FeaturePlan, plan_from_json
from andon.kernel.errors import AndonError, InputError
from andon.line.serve.entity import SpineRows
from andon.line.serve.loaded import LoadedRelease
from andon.line.serve.ports import FeatureSource, Tables
from andon.line.serve.predict import Serving, Spine
from andon.line.serve.state import ServingState

MakePoint = Callable[[FeaturePlan, Mapping[str, pl.LazyFrame]], FeatureSource]


@dataclass(frozen=True, slots=True)
class Preparer:
    """Prepares releases on a serving state.

    Attributes:
        tables: Reads the published datasets.
        make_point: Prepares a plan on them for one question at a time.
    """

    tables: Tables
    make_point: MakePoint

    def prepare(self, loaded: LoadedRelease, state: ServingState) -> Serving:
        """The release with its features; what they lack stands in `problem`, and rows can be answered still."""
        try:
            plan = plan_from_json(loaded.package.plan)
            spine, features = self._read(plan, state)
        except (AndonError, OSError, pl.exceptions.PolarsError) as error:
            return Serving(loaded, state=state.digests(), problem=str(error))
        return Serving(loaded, spine, features, state=state.digests())

    def _read(self, plan: FeaturePlan, state: ServingState) -> tuple[Spine, FeatureSource]:
        missing = [name for name in (plan.spine, *plan.contracts) if state.of(name) is None]
        if missing:
            raise InputError(
                "serve.not-published",
                f"The features are read from {missing[0]}, which is not served yet.",
                found=", ".join(one.name for one in state.datasets) or "no datasets at all",
                fix="Run the ingest of this contract through its data gate.",
            )
        tables = self.tables.read(ServingState(tuple(filter(None, map(state.of, (plan.spine, *plan.contracts))))))
        served = state.of(plan.spine)
        contract = contract_from_json({} if served is None else served.contract)
        rows = SpineRows(contract, tables[plan.spine].collect())
        others = {name: table for name, table in tables.items() if name != plan.spine}
        return Spine(contract, plan.asked, rows), self.make_point(plan, others)
