"""Attacks by command, by what lies in the serve folder, and by what user code hands out."""

import base64
import json

from andon.kernel.canonical import dumps
from tests.redteam.catalogue import Ground, Tried, attack, together
from tests.redteam.moves import overwrite

FLAGS = (
    ("run", "--force"),
    ("run", "--skip-gates"),
    ("run", "--as", "grace"),
    ("approve", "release:late", "--override"),
    ("rollback", "--admin"),
)


def answers_of(andon) -> Tried:
    """What a command line says to each flag."""
    answers = {" ".join(words): andon(*words).code for words in FLAGS}
    return Tried(
        tuple(words for words, code in answers.items() if code != 2), tuple(f"exit {code}" for code in answers.values())
    )


@attack(
    "45a",
    "Ask for a way around: --force, --skip-gates, --override, --admin, to run as somebody else",
    "command line",
    "exit 2",
    needs="whole",
    at_t1=lambda ground: answers_of(lambda *words: ground.apart.andon("ada", *words)),
)
def flags(ground: Ground) -> Tried:
    return answers_of(ground.whole().place.andon)


@attack("41a", "Change the feature plan beside the served model", "store folder", "store.object-damaged", needs="whole")
def feature_plan(ground: Ground) -> Tried:
    whole = ground.whole()
    path = whole.object_of(whole.model_of(whole.releases[1]), "package.json")
    package = path.read_bytes()
    changed = package.replace(b'"op":"', b'"op":" ', 1)
    assert changed != package
    overwrite(path, changed)
    code = whole.loaded(whole.releases[1])
    return Tried((), (code,)) if code else Tried(("loaded",), ())


@attack("41b", "Serve from data that was never published", "serve folder", "serve.state-not-signed", needs="whole")
def unpublished_data(ground: Ground) -> Tried:
    whole = ground.whole()
    path = whole.serving.parent / "state.json"
    sealed = json.loads(path.read_bytes())
    state = json.loads(base64.b64decode(sealed["payload"]))
    state["datasets"][0]["objects"][0]["published_ns"] = "12"
    sealed["payload"] = base64.b64encode(dumps(state)).decode()
    overwrite(path, dumps(sealed))
    return answering(whole, "serve.state-not-signed")


@attack("48b", "Put yesterday's routing table and its cell back", "serve folder", "serve.other-release", needs="whole")
def older_route(ground: Ground) -> Tried:
    whole = ground.whole()
    for name in ("routing.json", "cell"):
        whole.put_back(f"serve/local/late/{name}")
    found = [line for line in whole.audited() if "serve.other-release" in line]
    return Tried(() if found else ("the audit found nothing",), ("serve.other-release",) if found else ())


@attack(
    "48c",
    "Put a routing table of one's own beside the served model",
    "serve folder",
    "routing.json",
    needs="whole",
)
def own_route(ground: Ground) -> Tried:
    whole = ground.whole()
    path = whole.serving / "routing.json"
    sealed = json.loads(path.read_bytes())
    table = base64.b64decode(sealed["payload"]).replace(whole.releases[1].encode(), whole.releases[0].encode())
    assert table != base64.b64decode(sealed["payload"])
    sealed["payload"] = base64.b64encode(table).decode()
    overwrite(path, dumps(sealed))
    answered = whole.answered()
    return Tried((answered,) if answered in whole.releases else (), (answered.partition(":")[0],))


def answering(whole, wanted: str) -> Tried:
    """What a worker that starts now answers with."""
    answered = whole.answered()
    return Tried((answered,) if answered in whole.releases else (), (wanted,) if wanted in answered else (answered,))


assert together
