"""Answering calls of other processes: a closed list, strictly read arguments, a person whom the kernel vouches for."""

import base64
import binascii
import inspect
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import is_dataclass
from pathlib import Path
from typing import Final, Union, cast, get_args, get_origin, get_type_hints

from andon.contracts.wire import from_json, to_json
from andon.kernel.canonical import Json
from andon.kernel.errors import RefusedError
from andon.wiring.calls.annulling import propose_annulment
from andon.wiring.calls.approving import waiting_question
from andon.wiring.calls.auditing import verify_factory
from andon.wiring.calls.contracts import diff_contract
from andon.wiring.calls.datasets import datasets_of, quarantine_of
from andon.wiring.calls.delegating import delegations_of, propose_delegation
from andon.wiring.calls.evidence.exporting import evidence_of
from andon.wiring.calls.explaining import explain_features
from andon.wiring.calls.feature_rows import feature_rows
from andon.wiring.calls.feature_use import uses_of
from andon.wiring.calls.feature_versions import diff_features
from andon.wiring.calls.handing_in import hand_in
from andon.wiring.calls.health import examine
from andon.wiring.calls.looking import logs_of, status_of
from andon.wiring.calls.models import model_of, models_of, report_of
from andon.wiring.calls.monitoring import report_live
from andon.wiring.calls.people import people_of
from andon.wiring.calls.reconciling import reconcile
from andon.wiring.calls.recovering import hand_in_recovery, propose_recovery
from andon.wiring.calls.releases import release_of, releases_of
from andon.wiring.calls.reminding import remind
from andon.wiring.calls.revoking import revoke
from andon.wiring.calls.rotation import hand_in_root, propose_root, trust_chain, withdraw_root
from andon.wiring.calls.runs import run_line
from andon.wiring.calls.skewed import skew_of
from andon.wiring.calls.tracing import lineage_of
from andon.wiring.calls.upkeep import roll_back
from andon.wiring.calls.verdicts import verdicts_of
from andon.wiring.calls.waivers import propose_waiver, waivers_of
from andon.wiring.calls.witnessed import standing_of
from andon.wiring.sockets.frames import malformed

PUBLIC: Final[Mapping[str, Callable[..., object]]] = {
    call.__name__: call
    for call in cast(
        "tuple[types.FunctionType, ...]",
        (
            datasets_of,
            diff_contract,
            diff_features,
            evidence_of,
            examine,
            explain_features,
            feature_rows,
            hand_in_root,
            lineage_of,
            logs_of,
            model_of,
            models_of,
            people_of,
            propose_recovery,
            propose_root,
            quarantine_of,
            reconcile,
            release_of,
            remind,
            releases_of,
            report_live,
            report_of,
            roll_back,
            run_line,
            skew_of,
            standing_of,
            status_of,
            trust_chain,
            uses_of,
            verdicts_of,
            waiting_question,
            hand_in,
            hand_in_recovery,
            propose_waiver,
            waivers_of,
            propose_annulment,
            propose_delegation,
            delegations_of,
            revoke,
            verify_factory,
            withdraw_root,
        ),
    )
}
"""Every call that the gatekeeper answers. None takes a path, and none has the key of a person."""

PERSON: Final = "person"


def answer_call(
    request: Json,
    folder: Path,
    person: str,
    tell: Callable[[str], None],
    calls: Mapping[str, Callable[..., object]] = PUBLIC,
) -> Json:
    """Answer one request about the factory of a folder, on behalf of a person.

    Args:
        request: The name of a public call, and its arguments by name.
        folder: The gatekeeper's folder.
        person: Who asks, by the word of the kernel; a request that names somebody else is refused.
        tell: Takes progress.
        calls: Those that are answered, by name.

    Raises:
        AndonError: The request is none that may be made, or what the call refuses.
    """
    if not isinstance(request, Mapping) or set(request) != {"call", "arguments"}:
        raise malformed(repr(request))
    name, given = request["call"], request["arguments"]
    call = calls.get(name) if isinstance(name, str) else None
    if call is None:
        raise RefusedError(
            "gatekeeper.unknown-call",
            "The gatekeeper does not do this for others.",
            found=repr(name)[:80],
            fix="It is done on the machine and as the OS user of the gatekeeper, or with a key of your own.",
        )
    if not isinstance(given, Mapping):
        raise malformed(repr(given))
    value = call(folder, **_arguments(call, dict(given), person, tell))
    return base64.b64encode(value).decode() if isinstance(value, bytes) else to_json(value)


def _arguments(
    call: Callable[..., object], given: dict[str, Json], person: str, tell: Callable[[str], None]
) -> dict[str, object]:
    """The arguments of a call: what was given, each of the type that the call says, and who asks."""
    arguments: dict[str, object] = {}
    hints = get_type_hints(call)
    for name in list(inspect.signature(call).parameters)[1:]:
        if get_origin(hints[name]) is Callable:
            arguments[name] = tell
        elif name not in given:
            raise malformed(f"no argument {name}")
        elif name == PERSON:
            arguments[name] = _same_person(given.pop(name), person)
        else:
            arguments[name] = _read(hints[name], given.pop(name), name)
    if given:
        raise malformed(f"an argument {min(given)}")
    return arguments


def _same_person(named: Json, person: str) -> str:
    if named not in ("", person):
        raise RefusedError(
            "gatekeeper.other-person",
            "The gatekeeper knows who asks, and it is somebody else.",
            found=f"{named!r}, and {person} asks",
            fix="Leave out --as, or ask as that person's own OS user.",
        )
    return person


def _read(hint: object, value: Json, name: str) -> object:
    """A value of exactly the type that a call wants; the few types that calls take, and no others."""
    if get_origin(hint) in (Union, types.UnionType):
        choices = [choice for choice in get_args(hint) if choice is not type(None)]
        return None if value is None else _read(choices[0], value, name)
    if hint in (str, int, bool) and type(value) is hint:
        return value
    if hint is bytes and isinstance(value, str):
        return _bytes(value, name)
    if is_dataclass(hint) and isinstance(hint, type):
        return from_json(hint, value)
    is_texts = isinstance(value, list) and all(isinstance(item, str) for item in value)
    if get_origin(hint) is Sequence and get_args(hint) == (str,) and is_texts:
        return value
    raise malformed(f"{value!r} for {name}")


def _bytes(value: str, name: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise malformed(f"no base64 for {name}") from error
