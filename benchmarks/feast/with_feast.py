"""A point-in-time training set by Feast, with one of its offline stores; run by Feast's own Python."""

import json
import sys
import time
from datetime import timedelta
from pathlib import Path

import pandas as pd
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig
from feast.types import Float64
from feast.value_type import ValueType

TABLES = json.loads(sys.argv[3])


def main(folder: Path, offline: str) -> None:
    """Ask for all features of all questions, and write what came."""
    place = folder / f"feast-{offline}"
    place.mkdir(exist_ok=True)
    config = RepoConfig(
        project="bench",
        provider="local",
        registry=str(place / "registry.db"),
        offline_store={"type": offline},
        online_store={"type": "sqlite", "path": str(place / "online.db")},
        entity_key_serialization_version=3,
    )
    store = FeatureStore(config=config)
    user = Entity(name="user", join_keys=["user"], value_type=ValueType.INT64)
    views = []
    for name, (days, features) in TABLES.items():
        source = FileSource(
            path=str(folder / f"{name}.parquet"), timestamp_field="happened", created_timestamp_column="known"
        )
        views.append(
            FeatureView(
                name=name,
                entities=[user],
                ttl=timedelta(days=days),
                schema=[Field(name=feature, dtype=Float64) for feature in features],
                source=source,
            )
        )
    store.apply([user, *views])
    questions = pd.read_parquet(folder / "questions.parquet").rename(columns={"asked": "event_timestamp"})
    wanted = [f"{name}:{feature}" for name, (_, features) in TABLES.items() for feature in features]
    begun = time.perf_counter()
    found = store.get_historical_features(entity_df=questions, features=wanted).to_df()
    seconds = time.perf_counter() - begun
    found.drop(columns=["event_timestamp"]).to_parquet(folder / f"feast-{offline}.parquet")
    print(json.dumps({"seconds": seconds, "rows": len(found)}))


main(Path(sys.argv[1]), sys.argv[2])
