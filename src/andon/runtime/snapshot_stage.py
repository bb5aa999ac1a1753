"""The features stage of a model run: pinned datasets in, a snapshot of fit, tune and holdout rows out."""

from collections.abc import Mapping
from typing import Final, cast

import polars as pl

from andon.contracts.declaration import FeatureSet, Model
from andon.contracts.wire import to_json
from andon.expressions.evaluate import evaluate, evaluate_label
from andon.expressions.plan import FeaturePlan, plan_from_json
from andon.expressions.tree import contracts_of, from_json
from andon.kernel.canonical import Json, dumps
from andon.kernel.digest import Digest
from andon.line.features.stage import Asked, build
from andon.runtime.line import Line
from andon.runtime.run import Run
from andon.runtime.steps import Tell, arrived
from andon.runtime.tables import open_tables
from andon.runtime.work import Made, once, stage_key, store_bytes, store_frame
from andon.store.manifest import Input, Manifest
