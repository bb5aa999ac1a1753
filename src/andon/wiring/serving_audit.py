"""What targets answer with and from, held against what was recorded: a signed decision behind every release and row."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, cast

from andon.adapters.keys import verifier
from andon.gates.audit import Line
from andon.kernel.errors import AndonError, IntegrityError
from andon.line.serve.folder import ServeFolder, state_path
from andon.line.serve.routing import table_in_force
from andon.line.serve.sealing import state_opener
from andon.line.serve.state import ServedDataset, read_state
from andon.runtime.tables import PUBLISHED
from andon.wiring.factory import Opened
from andon.wiring.served import BundledReleases, ServerSettings, opener_of, root_of
from andon.wiring.targets import server_settings

_PART: Final = "serving"
_PROMOTE: Final = "Bring record and target together: andon run promotes what was admitted, andon rollback goes back."


def read_memory(opened: Opened) -> list[Line]:
    """Whether this machine still knows what it saw of the ledger; without that, an older ledger looks as good."""
    size = opened.ledger.rows.size()
    if not size or opened.home.load(opened.ledger.origin):
        return []
    place = str(opened.home.keys.parent / "remembered.json")
    found = f"this machine remembers nothing of a ledger of {size} entries; an older one could not be told from it"
    return [Line("ledger", "ledger.memory-missing", place, found)]


def read_serving(opened: Opened) -> list[Line]:
    """Every target's published data, routing tables and bundles, checked again and held against the record."""
    problems: list[Line] = []
    routes = _routes(opened)
    for target in sorted({target for target, _ in routes}):
        settings = server_settings(opened.settings, target)
        place = str(state_path(Path(settings.folder)))
        problems += [_line(error, place) for error in _state_problems(opened, settings)]
    for target, model in routes:
        settings = server_settings(opened.settings, target)
        place = str(Path(settings.folder) / model)
        problems += [_line(error, place) for error in _route_problems(opened, settings, model)]
    read = f"{len(routes)} models on their targets, each as it was admitted, answering from what was published"
    return problems or [Line(_PART, "", "", read)]


def _routes(opened: Opened) -> list[tuple[str, str]]:
    """Target and model of everything that is served, by what lies there and by what was recorded."""
    below = opened.settings.serving("any").parent
    lying = {(path.parent.parent.name, path.parent.name) for path in below.glob("*/*/cell")}
    names = [ref.name.split("/") for ref in opened.database.refs.with_prefix(f"serving/{opened.settings.name}/")]
    return sorted(lying | {(target, model) for _, _, model, target in names})


def _state_problems(opened: Opened, settings: ServerSettings) -> Iterator[AndonError]:
    """What is wrong with the datasets that a target answers from."""
    try:
        state = read_state(state_path(Path(settings.folder)), state_opener(root_of(settings), verifier))
    except AndonError as error:
        yield error
        return
    for one in state.datasets:
        try:
            _check_dataset(opened, one)
        except AndonError as error:
            yield error


def _check_dataset(opened: Opened, one: ServedDataset) -> None:
    ref = opened.database.refs.get(f"dataset/{opened.settings.name}/{one.name}")
    if ref is None or ref.digest != one.dataset:
        raise _odd("serve.other-data", f"{one.name} {one.dataset}", f"published is {ref.digest if ref else 'nothing'}")
    version = opened.database.manifests.get(one.dataset)
    moments = cast("dict[str, str]", version.facts[PUBLISHED])
    published = [(item.sha256, int(moments[item.name])) for item in version.content]
    if published != [(item.digest, item.published_ns) for item in one.objects]:
        raise _odd("serve.other-data", one.name, "other objects than the published version has")


def _route_problems(opened: Opened, settings: ServerSettings, model: str) -> Iterator[AndonError]:
    """What is wrong with what a target answers with."""
    folder = ServeFolder(Path(settings.folder) / model)
    try:
        recorded = opened.gatekeeper.serving(model, settings.target)
        if not folder.cell.exists():
            raise _odd("serve.other-release", model, f"recorded is {recorded}, and nothing lies here that could answer")
        table, at = table_in_force(folder, opener_of(settings))
        answers = table.slots[at.place].release
        if answers != recorded:
            raise _odd("serve.other-release", answers, f"recorded is {recorded or 'nothing'}")
    except AndonError as error:
        yield error
        return
    revoked = opened.gatekeeper.revoked()
    releases = BundledReleases(folder, settings)
    for slot in table.slots:
        try:
            releases.check(slot.release)
            if slot.release in revoked:
                raise _odd("serve.revoked", slot.release, "revoked, and it could answer still")
        except AndonError as error:
            yield error


def _line(error: AndonError, place: str) -> Line:
    found = f"{error.message} {error.place} {error.found}".strip()
    return Line(_PART, error.code, place, found)


def _odd(code: str, place: str, found: str) -> IntegrityError:
    return IntegrityError(code, "A target does not do what was recorded.", place=place, found=found, fix=_PROMOTE)
