"""A loaded release made ready to answer questions about entities, on the datasets that are served."""

from dataclasses import dataclass
from typing import Final

from andon.contracts.dataset import contract_from_json
from andon.expressions.online.point import Point
from andon.expressions.online.spine import SpineBlocks
from andon.expressions.online.store import OnlineStore
from andon.expressions.plan import FeaturePlan, plan_from_json
from andon.kernel.errors import AndonError, InputError
from andon.line.serve.loaded import LoadedRelease
from andon.line.serve.online import OnlineFeatures
from andon.line.serve.ports import Feeding
from andon.line.serve.predict import Serving, Spine
from andon.line.serve.state import OpenState, ServingState

_PENDING: Final = "its features are being brought to what is published"


@dataclass(frozen=True, slots=True)
class Preparer:
    """Prepares releases on what is published.

    Attributes:
        store: The online store that features are read from.
        feeding: Keeps it at what is published.
        open_state: Checks the signature over what the store says it was made from.
    """

    store: OnlineStore
    feeding: Feeding
    open_state: OpenState

    def prepare(self, loaded: LoadedRelease, state: ServingState) -> Serving:
        """The release with its features; what they lack stands in `problem`, and rows can be answered still."""
        try:
            return self._prepared(loaded, plan_from_json(loaded.package.plan), state)
        except (AndonError, OSError) as error:
            return Serving(loaded, problem=str(error))

    def _prepared(self, loaded: LoadedRelease, plan: FeaturePlan, state: ServingState) -> Serving:
        missing = [name for name in (plan.spine, *plan.contracts) if state.of(name) is None]
        spine = state.of(plan.spine)
        if missing or spine is None:
            raise InputError(
                "serve.not-published",
                f"The features are read from {missing[0]}, which is not served yet.",
                found=", ".join(one.name for one in state.datasets) or "no datasets at all",
                fix="Run the ingest of this contract through its data gate.",
            )
        contract = contract_from_json(spine.contract)
        if not self.feeding.ensure(plan):
            return Serving(loaded, problem=_PENDING, is_pending=True)
        features = OnlineFeatures(self.store, self.open_state, Point(plan), SpineBlocks(contract))
        return Serving(loaded, Spine(contract, plan.asked), features)
