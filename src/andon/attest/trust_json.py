"""The trust root as canonical JSON, read strictly."""

from typing import Final, cast, get_args

from andon.attest.reading import count, document, items, malformed, members, moment_ns, name, text
from andon.attest.trust_root import Floor, KeyState, KeyStatus, Principal, PrincipalKind, RoleInterval, TrustRoot
from andon.contracts.wire import from_json, to_json
from andon.kernel.canonical import Json, dumps
from andon.kernel.digest import Digest, of_bytes
from andon.kernel.errors import AndonError, InputError
from andon.kernel.signing import PublicKey

_TYPE: Final = "andon/trust-root/v1"
_PLACE: Final = "trust root"
_MEMBERS: Final = (
    "domain",
    "expires_ns",
    "factory",
    "floors",
    "principals",
    "quorum",
    "root_keys",
    "type",
    "version",
)


def to_bytes(root: TrustRoot) -> bytes:
    """The canonical bytes of a trust root; times are text, because a double cannot hold them."""
    return dumps(
        {
            "type": _TYPE,
            "version": root.version,
            "domain": root.domain,
            "factory": root.factory,
            "expires_ns": str(root.expires_ns),
            "quorum": root.quorum,
            "root_keys": list(root.root_keys),
            "principals": [_principal_json(principal) for principal in root.principals],
            "floors": [to_json(floor) for floor in root.floors],
        }
    )


def from_bytes(data: bytes) -> TrustRoot:
    """Read what `to_bytes` wrote; nothing is verified.

    Raises:
        IntegrityError: The bytes are not canonical, a member is missing, unknown or of the wrong type, or the root
            contradicts itself.
    """
    value = members(document(data, _PLACE), _MEMBERS, _PLACE)
    if value["type"] != _TYPE:
        raise malformed(_PLACE, f"type {value['type']!r:.60}")
    return TrustRoot(
        version=count(value["version"], f"{_PLACE} version"),
        domain=name(value["domain"], f"{_PLACE} domain"),
        factory=name(value["factory"], f"{_PLACE} factory"),
        expires_ns=moment_ns(value["expires_ns"], f"{_PLACE} expires_ns"),
        quorum=count(value["quorum"], f"{_PLACE} quorum"),
        root_keys=tuple(text(item, f"{_PLACE} root_keys") for item in items(value["root_keys"], _PLACE)),
        principals=tuple(_principal(item) for item in items(value["principals"], _PLACE)),
        floors=tuple(_floor(item) for item in items(value["floors"], _PLACE)),
    )


def fingerprint(root: TrustRoot) -> Digest:
    """Identity of a trust root: what a verifier pins of version 1, out of band."""
    return of_bytes(to_bytes(root))


def _principal_json(principal: Principal) -> Json:
    return {
        "name": principal.name,
        "kind": principal.kind,
        "keys": [
            {
                "algorithm": key.public.algorithm,
                "key_id": key.public.key_id,
                "value": key.public.value,
                "state": key.state,
                "since_ns": str(key.since_ns),
            }
            for key in principal.keys
        ],
        "roles": [
            {
                "role": interval.role,
                "from_ns": str(interval.from_ns),
                "until_ns": None if interval.until_ns is None else str(interval.until_ns),
            }
            for interval in principal.roles
        ],
    }


def _principal(value: Json) -> Principal:
    item = members(value, ("name", "kind", "keys", "roles"), f"{_PLACE} principal")
    place = f"{_PLACE} principal {name(item['name'], f'{_PLACE} principal name')}"
    return Principal(
        name(item["name"], place),
        cast("PrincipalKind", _one_of(item["kind"], get_args(PrincipalKind), place)),
        tuple(_key(key, place) for key in items(item["keys"], place)),
        tuple(_role(role, place) for role in items(item["roles"], place)),
    )


def _key(value: Json, place: str) -> KeyState:
    item = members(value, ("algorithm", "key_id", "value", "state", "since_ns"), place)
    _one_of(item["algorithm"], ("ed25519",), place)
    try:
        public = PublicKey(text(item["key_id"], place), "ed25519", text(item["value"], place))
    except AndonError as error:
        raise malformed(place, error.found) from error
    state = cast("KeyStatus", _one_of(item["state"], get_args(KeyStatus), place))
    return KeyState(public, state, moment_ns(item["since_ns"], place))


def _role(value: Json, place: str) -> RoleInterval:
    item = members(value, ("role", "from_ns", "until_ns"), place)
    until = item["until_ns"]
    return RoleInterval(
        name(item["role"], place),
        moment_ns(item["from_ns"], place),
        None if until is None else moment_ns(until, place),
    )


def _floor(value: Json) -> Floor:
    try:
        floor = from_json(Floor, value)
    except InputError as error:
        raise malformed(f"{_PLACE} floor", f"{error.place}: {error.found}") from error
    place = f"{_PLACE} floor {name(floor.target, f'{_PLACE} floor target')}"
    asked = (*floor.signoffs, *floor.first_signoffs)
    for one in (*floor.gates, *(role for role, _ in asked), *(gate for gate, _ in floor.policies)):
        _gate(one, place)
    return floor


def _gate(value: str, place: str) -> None:
    kind, _, subject = value.partition(":")
    for part in (kind, subject) if ":" in value else (kind,):
        name(part, place)


def _one_of(value: Json, known: tuple[str, ...], place: str) -> str:
    found = text(value, place)
    if found not in known:
        raise malformed(place, f"{found!r:.60} instead of {' or '.join(known)}")
    return found
