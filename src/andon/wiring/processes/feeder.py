"""The process that brings an online store to what is published, for one plan; ends when the store is there."""

import json
import os
import sys
import time
from typing import cast

from andon.contracts.wire import from_json
from andon.expressions.plan import FeaturePlan, plan_from_json
from andon.kernel.canonical import Json, loads
from andon.kernel.errors import AndonError, ConflictError
from andon.line.serve.feeding import Feeder
from andon.wiring.feeding import PAUSE_S, feeder_of
from andon.wiring.online import open_online
from andon.wiring.served import ServerSettings

NICENESS = 5


def main() -> int:
    """Feed as the JSON on standard input says; says on standard output what went wrong."""
    os.nice(NICENESS)  # answers go first
    told = cast("dict[str, dict[str, Json]]", loads(sys.stdin.buffer.read()))
    settings = from_json(ServerSettings, told["settings"], "settings")
    store = open_online(settings)
    try:
        _feed(feeder_of(settings, store), plan_from_json(told["plan"]))
    except AndonError as error:
        sys.stdout.write(json.dumps(error.to_json()))
        return error.exit_code
    finally:
        store.close()
    return 0


def _feed(feeder: Feeder, plan: FeaturePlan) -> None:
    """Feed, once nobody else does; what others did meanwhile need not be done again."""
    while not feeder.is_fed(plan):
        try:
            feeder.feed(plan)
        except ConflictError as error:
            if error.code != "online.busy":
                raise
            time.sleep(PAUSE_S)


if __name__ == "__main__":
    sys.exit(main())
