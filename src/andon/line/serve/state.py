"""Which dataset versions features are served from: one file that publication replaces and workers follow."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from andon.contracts.wire import from_json, to_json
from andon.kernel.canonical import Json, dumps, loads
from andon.kernel.digest import Digest, of_value
from andon.kernel.errors import ConflictError
from andon.line.serve.folder import hold, replace_file


@dataclass(frozen=True, slots=True)
class ServedObject:
    """One stored object of a dataset, and when the data gate's Pass published it, in nanoseconds UTC."""

    digest: Digest
    published_ns: int


@dataclass(frozen=True, slots=True)
class ServedDataset:
    """One published dataset version.

    Attributes:
        name: Name of its contract.
        contract: The contract, as written by `DatasetContract.to_json`.
        dataset: Digest of the dataset's manifest.
    """

    name: str
    contract: Mapping[str, Json]
    dataset: Digest
    objects: tuple[ServedObject, ...]


@dataclass(frozen=True, slots=True)
class ServingState:
    """The dataset version of every contract, in the order of their names."""

    datasets: tuple[ServedDataset, ...] = ()

    @property
    def digest(self) -> Digest:
        """Identity of the state."""
        return of_value(to_json(self))

    def of(self, contract: str) -> ServedDataset | None:
        """The dataset of a contract; `None` when none is served."""
        return next((one for one in self.datasets if one.name == contract), None)

    def digests(self) -> dict[str, Digest]:
        """Digest of each dataset, by contract: what a prediction records."""
        return {one.name: one.dataset for one in self.datasets}


OpenState = Callable[[bytes], ServingState]
"""Checks the signature over a state and reads it; raises an AndonError for anything else."""

SealState = Callable[[ServingState], bytes]
"""A state in its signed envelope, as it lies in the folder of a target."""


def state_bytes(state: ServingState) -> bytes:
    """A state as it is signed; `state_from_bytes` reads it back."""
    return dumps(to_json(state))


def state_from_bytes(data: bytes) -> ServingState:
    """Read what `state_bytes` wrote.

    Raises:
        InputError: This is not a state.
    """
    return from_json(ServingState, loads(data), "state")


def state_reader(path: Path) -> Callable[[], bytes]:
    """Reads the signed file of a target; nothing where nothing was published yet."""

    def read() -> bytes:
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return b""

    return read


def read_state(path: Path, open_state: OpenState) -> ServingState:
    """What is served, from the signed file of a target; nothing where nothing was published yet.

    Raises:
        InputError: The file is not a state.
        RefusedError: No gate's key signed it.
    """
    data = state_reader(path)()
    return open_state(data) if data else ServingState()


def publish_state(
    path: Path, datasets: tuple[ServedDataset, ...], open_state: OpenState, seal_state: SealState
) -> ServingState:
    """Serve these dataset versions from now on, and leave those of other contracts as they are.

    Returns:
        The whole state that is now served.

    Raises:
        InputError: The file that is there is not a state.
        RefusedError: No gate's key signed the file that is there.
        ConflictError: Somebody else is publishing at this moment.
        OSError: The disk is full or refuses; the old state stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with hold(path.with_suffix(".lock")) as is_held:
        if not is_held:
            raise ConflictError(
                "serve.state-busy",
                "Somebody else is publishing to this target at this moment.",
                place=str(path),
                fix="Ask again when the other publication is done.",
            )
        named = {one.name: one for one in (*read_state(path, open_state).datasets, *datasets)}
        state = ServingState(tuple(named[name] for name in sorted(named)))
        replace_file(path, seal_state(state))
    return state
