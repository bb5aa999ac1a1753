"""Questions answered from the online store: rows, features and the datasets they come from, all of one moment."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType

from andon.expressions.online.point import Checked, Point
from andon.expressions.online.spine import SpineBlocks
from andon.expressions.online.store import OnlineStore, Snapshot
from andon.expressions.row import Value
from andon.kernel.digest import Digest
from andon.kernel.errors import InputError
from andon.line.serve.feeding import Part, held_in
from andon.line.serve.state import OpenState


class OnlineFeatures:
    """Implements `andon.line.serve.ports.FeatureSource` on an online store.

    Args:
        store: The store.
        open_state: Checks the signature over what the store says it was made from.
        point: The plan.
        spine: The rows that questions are about.
    """

    def __init__(self, store: OnlineStore, open_state: OpenState, point: Point, spine: SpineBlocks) -> None:
        self.point = point
        self.spine = spine
        self.sound = Checked()
        self._store = store
        self._open_state = open_state
        self._known: tuple[bytes, Mapping[str, Digest]] = (b"", {})

    def look(self) -> "_Seen":
        """What is published, as it is now."""
        return _Seen(self, self._store.look())

    def state(self, snapshot: Snapshot) -> Mapping[str, Digest]:
        """The dataset of each contract that a snapshot was made from.

        Raises:
            InputError: Something that the plan needs is not in the store (`serve.no-features`).
            AndonError: The store is damaged, or nobody of this factory signed what it was made from.
        """
        position, known = snapshot.position, self._known
        if position and position == known[0]:
            return known[1]
        held = held_in(snapshot)
        state = self._open_state(held.state) if held.state else None
        parts: list[Part] = [*self.point.groups, self.spine]
        missing = [part.contract for part in parts if part.digest not in held.parts]
        if missing or state is None:
            raise InputError(
                "serve.no-features",
                "The online store does not hold what these features are made of.",
                found=f"nothing of {missing[0]}" if missing else "an empty store",
                fix="Ask again in a moment; if it stays so: andon feature rebuild",
            )
        self._known = (position, state.digests())
        return self._known[1]


class _Seen:
    """Implements `andon.line.serve.ports.Seen`, open as long as the block."""

    __slots__ = ("_look", "_snapshot", "_source", "state")

    def __init__(self, source: OnlineFeatures, look: AbstractContextManager[Snapshot]) -> None:
        self._source = source
        self._look = look

    def __enter__(self) -> "_Seen":
        self._snapshot = self._look.__enter__()
        try:
            self.state = self._source.state(self._snapshot)
        except BaseException:
            self._look.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._look.__exit__(kind, error, trace)

    def find(self, keys: Sequence[Mapping[str, Value]], asked_ns: int) -> list[Mapping[str, Value] | None]:
        """Of each entity the newest row that was known when the question was asked."""
        source = self._source
        spine = source.spine
        places = [spine.key(each) for each in keys]
        found = zip(places, self._snapshot.get(places), strict=True)
        blocks = [None if data is None else source.sound.block(key, data, spine.contract) for key, data in found]
        return [spine.newest(block, asked_ns) for block in blocks]

    def features(self, asking: Sequence[Mapping[str, object]], asked_ns: int) -> Sequence[Mapping[str, Value]]:
        """The features of each question by name."""
        return self._source.point.features(asking, asked_ns, self._snapshot)
