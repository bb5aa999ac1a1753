"""A small world to serve in: a linear model in a format of its own, releases in memory, keys and signed tables."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from andon.adapters.keys import generate_key, load_signer, verifier
from andon.attest.trust_root import Floor, KeyState, Principal, RoleInterval, TrustRoot
from andon.contracts.dataset import Column, DatasetContract
from andon.contracts.model import Feature
from andon.contracts.prediction import Prediction
from andon.contracts.release import ReleaseFacts
from andon.contracts.routing import Generation, Slot
from andon.contracts.wire import from_json, to_json
from andon.expressions.conformance import conformance
from andon.expressions.functions import Type
from andon.expressions.plan import FeaturePlan
from andon.expressions.tree import column
from andon.kernel.digest import Digest, of_bytes
from andon.kernel.errors import InputError
from andon.line.package import Recipe, make_package, package_objects
from andon.line.serve.folder import ServeFolder
from andon.line.serve.loaded import LoadedRelease, load_release
from andon.line.serve.routing import Patience
from andon.line.serve.sealing import seal_state, seal_table, state_opener, table_opener
from andon.line.serve.state import ServedDataset, publish_state

SPINE = DatasetContract(
    "Schedule",
    (
        Column("flight", "category", "key"),
        Column("asked", "time", "event_time"),
        Column("distance", "int"),
        Column("speed", "float", nullable=True),
    ),
    known_after_ns=0,
)
PLAN = FeaturePlan(
    "Schedule",
    "asked",
    (
        ("distance", column("Schedule", "distance", Type("int"))),
        ("speed", column("Schedule", "speed", Type("float"))),
    ),
)


class Linear:
    """1 / (1 + exp(-x)) of the sum of the inputs plus a number; null counts as 0."""

    format = "linear"

    def __init__(self, bias: float = 0.0) -> None:
        self.bias = bias

    def save(self, model: object, columns: Sequence[str]) -> bytes | None:
        return json.dumps(model.bias).encode() if isinstance(model, Linear) else None

    def wrap(self, model: object, columns: Sequence[str]) -> "Linear":
        assert isinstance(model, Linear)
        return model

    def load(self, data: bytes, columns: Sequence[str]) -> "Linear":
        try:
            return Linear(json.loads(data))
        except ValueError as error:
            raise InputError("test.not-linear", "Not such a model.") from error

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        total = np.nan_to_num(matrix, posinf=0, neginf=0).sum(axis=1) * 1e-3 + self.bias
        return 1.0 / (1.0 + np.exp(-np.clip(total, -700, 700)))


DOORS = {"linear": Linear()}
FEATURES = (Feature("distance", "int", False), Feature("speed", "float", False))


def package_of(bias: float) -> dict[str, bytes]:
    recipe = Recipe(
        "late", "binary", FEATURES, (), PLAN.to_json(), {}, 0, 1, of_bytes(b"environment"), conformance(PLAN)
    )
    questions = np.array([[1.0, 2.0], [np.nan, np.nan]])
    package, data = make_package(Linear(bias), recipe, questions, DOORS)
    return package_objects(package, data)


@dataclass
class Shelf:
    """Implements `andon.line.serve.ports.Releases` over objects in memory, whose digests are checked."""

    objects: dict[Digest, dict[str, bytes]] = field(default_factory=dict)

    def add(self, bias: float) -> Digest:
        objects = package_of(bias)
        release = of_bytes(b"release" + objects["model"])
        self.objects[release] = objects
        return release

    def load(self, release: Digest) -> LoadedRelease:
        objects = self.objects[release]
        if of_bytes(b"release" + objects["model"]) != release:
            raise InputError("test.damaged", "The bytes are not those that were admitted.")
        facts = ReleaseFacts("flights", "late", "local", "", ("ada",), "", "", "", 10**9, 1)
        return load_release(release, of_bytes(objects["package.json"]), facts, objects, DOORS)


class World:
    """A serve folder, a shelf of releases and the keys to sign routing tables."""

    def __init__(self, root: Path) -> None:
        self.folder = ServeFolder(root / "serve" / "local" / "late")
        self.folder.make()
        self.shelf = Shelf()
        self.signer = load_signer(_key(root / "keys" / "gate.pem"))
        self.stranger = load_signer(_key(root / "keys" / "stranger.pem"))
        owner = load_signer(_key(root / "keys" / "owner.pem"))
        always = RoleInterval("gate", 0)
        self.root = TrustRoot(
            1,
            "domain",
            "flights",
            1,
            1,
            (owner.public.key_id,),
            (
                Principal("ada", "person", (KeyState(owner.public, "active", 0),)),
                Principal("gatekeeper", "service", (KeyState(self.signer.public, "active", 0),), (always,)),
                Principal("log", "service", (KeyState(self.stranger.public, "active", 0),), (RoleInterval("log", 0),)),
            ),
            (Floor("local", False, ("release",)),),
        )
        self.open_table = table_opener(self.root, verifier)
        self.open_state = state_opener(self.root, verifier)

    def sealed(self, table: Generation) -> bytes:
        return seal_table(table, self.signer)

    def publish(self, *datasets: ServedDataset) -> None:
        """Serve these dataset versions, in a state that the gatekeeper signs."""
        publish_state(self.folder.state, datasets, self.open_state, lambda state: seal_state(state, self.signer))

    def check_alone(self, table: Generation) -> None:
        for slot in table.slots:
            self.shelf.load(slot.release)


def _key(path: Path) -> Path:
    generate_key(path)
    return path


def table(sequence: int, champion: Digest, *safer: Digest) -> Generation:
    slots = (Slot("late", champion, "champion"), *(Slot("late", one, "last-known-good") for one in safer))
    return Generation(sequence, "local", "flights", slots, 0, tuple(range(1, len(slots))))


def patience(polls: int = 400, each=lambda: None) -> Patience:
    def sleep(_: float) -> None:
        each()

    return Patience(sleep, polls)


class JsonRecords:
    """Implements `andon.line.serve.ports.RecordCodec` with the JSON of the contracts."""

    def encode(self, prediction: Prediction) -> bytes:
        return json.dumps(to_json(prediction)).encode()

    def decode(self, data: bytes) -> Prediction:
        value = json.loads(data)
        try:
            return from_json(Prediction, value)
        except InputError as error:
            raise ValueError(str(error)) from error


def prediction(number: int, **changes: object) -> Prediction:
    members: dict[str, object] = {
        "id": f"id-{number}",
        "worker": "w0",
        "number": number,
        "asked_ns": 1_000 + number,
        "answered_ns": 2_000 + number,
        "release": of_bytes(b"release"),
        "model": of_bytes(b"model"),
        "entity": {"flight": "AA1"},
        "inputs": {"distance": 1.5, "speed": None},
        "outputs": (0.25,),
        "state": {"Schedule": of_bytes(b"dataset")},
    }
    return Prediction(**(members | changes))  # type: ignore[arg-type]


def spine_rows(rows: Sequence[Mapping[str, object]]) -> pl.DataFrame:
    """Published rows of the spine, all in one object."""
    time = pl.Datetime("ns", "UTC")
    schema = {"flight": pl.String, "asked": time, "distance": pl.Int64, "speed": pl.Float64, "_known_at": time}
    frame = pl.DataFrame([{**row} for row in rows], schema={k: pl.Int64 if v == time else v for k, v in schema.items()})
    return frame.with_columns(
        pl.col("asked", "_known_at").cast(time),
        pl.lit("sha256:0").alias("_object"),
        pl.int_range(pl.len(), dtype=pl.Int64).alias("_row"),
    )
