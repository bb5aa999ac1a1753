"""A factory with two admitted releases of a real model, a published spine, and the settings of its server."""

import json
import time
import urllib.error
import urllib.request
from pathlib import Path

import lightgbm
import numpy as np
import polars as pl

from andon.adapters.keys import load_signer
from andon.contracts.dataset import Column, DatasetContract
from andon.contracts.model import Feature
from andon.expressions.conformance import conformance
from andon.expressions.functions import Type
from andon.expressions.plan import FeaturePlan
from andon.expressions.tree import column
from andon.gates.request import Receipt
from andon.kernel.digest import of_bytes
from andon.line.package import Recipe, make_package, package_objects
from andon.line.serve.state import ServedDataset, ServedObject
from andon.measures.logical import parquet_bytes
from andon.store.manifest import Input, Manifest, Object
from andon.wiring.doors import doors
from andon.wiring.served import ServerSettings
from andon.wiring.serving import promote_release, publish_datasets
from tests.gates import world as gates

SPINE = DatasetContract(
    "Schedule",
    (
        Column("flight", "category", "key"),
        Column("asked", "time", "event_time"),
        Column("distance", "int"),
        Column("wind", "float", nullable=True),
    ),
    known_after_ns=0,
)
PLAN = FeaturePlan(
    "Schedule",
    "asked",
    (("distance", column("Schedule", "distance", Type("int"))), ("wind", column("Schedule", "wind", Type("float")))),
)
ASKED_NS = 1_372_636_800_000_000_000
FEATURES = (Feature("distance", "int", False), Feature("wind", "float", False))


def package(seed: int) -> dict[str, bytes]:
    random = np.random.default_rng(seed)
    x = random.normal(size=(300, 2)) * [500, 10]
    y = (x[:, 0] / 500 + random.normal(size=300) > 0).astype(float)
    options = {"objective": "binary", "num_leaves": 7, "verbose": -1, "num_threads": 1, "seed": seed}
    booster = lightgbm.train(options, lightgbm.Dataset(x, y, params={"verbose": -1}), num_boost_round=20)
    recipe = Recipe(
        "late", "binary", FEATURES, (), PLAN.to_json(), {}, seed, 1, of_bytes(b"environment"), conformance(PLAN)
    )
    made, data = make_package(booster, recipe, x[:5], doors())
    return package_objects(made, data)


class Factory(gates.World):
    """A world of the gates whose models are real."""

    objects: dict[str, bytes]
    online_url: str = ""

    def model(self, weights: bytes = b"weights", dataset: str = "") -> Manifest:
        snapshot = Manifest(
            "snapshot", (self.put(b"fit", "fit"),), "", (Input("dataset:Schedule", self.made.dataset),), "", {}
        )
        self.made.snapshot = self.add(snapshot)
        content = tuple(self.put(data, name) for name, data in self.objects.items())
        inputs = (Input("snapshot", self.made.snapshot),)
        return Manifest("model", content, "", inputs, of_bytes(self.objects["model"]), {})

    def admit_model(self, seed: int) -> Receipt:
        self.objects = package(seed)
        self.build_bound(rows=b"rows %d" % seed)
        self.approve()
        self.judge_release(self.the("release"))
        return self.keeper.admit(self.made.release, gates.TARGET)

    @property
    def settings(self) -> ServerSettings:
        return ServerSettings(
            factory=gates.FACTORY,
            target=gates.TARGET,
            folder=str(self.path / "serve" / gates.TARGET),
            store=str(self.path / "store"),
            trust=str(self.path / "trust"),
            fingerprint=self.home.pinned(),
            memory=str(self.path / "home"),
            origin=self.keeper.keeping.record.ledger.origin,
            online_url=self.online_url,
        )

    def promote(self, receipt: Receipt):
        return promote_release(self.settings, receipt, load_signer(self.home.key("gatekeeper")))

    def publish(self, distance: int = 100) -> str:
        time_type = pl.Datetime("ns", "UTC")
        frame = pl.DataFrame(
            {"flight": ["AA1", "BB2"], "asked": [ASKED_NS] * 2, "distance": [distance, 700], "wind": [3.5, None]},
            schema={"flight": pl.String, "asked": pl.Int64, "distance": pl.Int64, "wind": pl.Float64},
        ).with_columns(pl.col("asked").cast(time_type), _known_at=pl.col("asked").cast(time_type))
        stored = self.blobs.put([parquet_bytes(frame)])
        content = (Object(stored.digest, stored.size_bytes, 2, "1.parquet"),)
        manifest = Manifest("dataset", content, SPINE.digest(), (), "", {"contract": "Schedule"})
        served = ServedDataset("Schedule", SPINE.to_json(), manifest.digest, (ServedObject(stored.digest, ASKED_NS),))
        publish_datasets(self.settings, (served,), load_signer(self.home.key("gatekeeper")))
        return manifest.digest


def ask(url: str, body: object = None) -> tuple[int, dict]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def wait_for(holds, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def new_factory(path: Path) -> Factory:
    gates.found(path).database.close()
    return Factory(path)
