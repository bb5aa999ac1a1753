"""Founding a factory whose gatekeeper has an OS user of its own: nobody's private key is ever where another's is."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from andon.adapters.keys import generate_key, verifier
from andon.adapters.trust_folder import FolderRoots, HomeFolder
from andon.attest.envelope import from_json as envelope_from_json
from andon.attest.envelope import to_json as envelope_to_json
from andon.attest.envelope import with_signature
from andon.attest.succession import seal_root, verify_first
from andon.attest.trust_json import fingerprint, from_bytes, to_bytes
from andon.attest.trust_root import GATE_ROLE, LOG_ROLE, Floor, KeyState, Principal, RoleInterval, TrustRoot
from andon.kernel.clock import SystemClock
from andon.kernel.digest import Digest, parse
from andon.kernel.errors import AndonError, InputError, UsageError
from andon.kernel.ids import new_id, system_entropy
from andon.kernel.signing import PublicKey, Signer, read_key_line
from andon.wiring.settings import FILE, NAME, Settings, load_settings
from andon.wiring.trust import GATEKEEPER, GATES, LOCAL_TARGET, LOG, OWNER_ROLE, YEAR_NS

FIRST: Final = "first-root.json"
_MEMBER: Final = {"user", "roles", "key"}
_SETUP: Final = """\
useradd --system --user-group --no-create-home --home-dir /var/lib/andon/home --shell /usr/sbin/nologin andon-gate
useradd --system --user-group --no-create-home --home-dir /var/lib/andon-run --shell /usr/sbin/nologin andon-run
useradd --system --user-group --no-create-home --home-dir /var/lib/andon-serve --shell /usr/sbin/nologin andon-serve
usermod --append --groups andon-serve andon-gate
install -d -m 755 /var/lib/andon
install -d -o andon-gate -g andon-gate -m 700 /var/lib/andon/home
install -d -o andon-gate -g andon-serve -m 2750 /var/lib/andon/NAME
install -d -o andon-run -g andon-run -m 700 /var/lib/andon-run
install -d -o andon-serve -g andon-serve -m 2750 /var/lib/andon-serve /var/lib/andon-serve/NAME
"""


@dataclass(frozen=True, slots=True)
class Member:
    """A person of the new factory.

    Attributes:
        user: Their OS user on the gatekeeper's machine, by name or number.
        public: The public half of a key that they made themselves.
    """

    name: str
    user: str | int
    roles: tuple[str, ...]
    public: PublicKey


@dataclass(frozen=True, slots=True)
class Places:
    """Where the processes of a factory meet, as its settings say it.

    Attributes:
        gatekeeper: Of the gatekeeper, such as `unix:/run/andon/flights.sock`.
        runner: Of the runner.
        runner_user: The runner's OS user, by name or number.
        serve: Folder that the servers' OS user writes: what they say of themselves, and the prediction log.
    """

    gatekeeper: str
    runner: str
    runner_user: str | int
    serve: Path


@dataclass(frozen=True, slots=True)
class Begun:
    """A factory that its owners have not signed yet.

    Attributes:
        first: The first trust root, to be signed by the owners.
        fingerprint: What to tell everybody who is to rely on it, by another way than this machine.
    """

    first: Path
    fingerprint: Digest
    owners: tuple[str, ...]


def read_members(path: Path) -> tuple[Member, ...]:
    """Read who belongs to a new factory: a table for each person with `user`, `roles` and `key`.

    Raises:
        InputError: The file cannot be read, or somebody lacks something.
    """
    try:
        tables = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise _malformed(path, str(error)) from error
    return tuple(_member(path, name, table) for name, table in tables.items())


def begin(folder: Path, name: str, factory_id: str, members: Sequence[Member], places: Places, now_ns: int) -> Begun:
    """Make the gatekeeper's folder and keys, and the first trust root for the owners to sign.

    Runs as the gatekeeper's OS user, in its own folder.

    Raises:
        UsageError: There is a factory already, the name is none, or nobody owns it.
        InputError: The keys cannot be made.
    """
    owners = tuple(member for member in members if OWNER_ROLE in member.roles)
    _check_name(name)
    if not owners:
        raise UsageError(
            "gatekeeper.no-owner",
            "A factory needs somebody who owns it.",
            found=", ".join(member.name for member in members) or "nobody",
            fix=f'Give somebody roles = ["{OWNER_ROLE}"].',
        )
    _write_new(folder / FILE, _settings_text(name, factory_id, members, places))
    settings = load_settings(folder)
    root = _first_root(settings, members, owners, now_ns)
    first = folder / FIRST
    first.write_bytes(to_bytes(root))
    return Begun(first, fingerprint(root), tuple(member.name for member in owners))


def begin_now(folder: Path, name: str, people: Path, places: Places) -> Begun:
    """Begin a factory with the people of a file; its identity and the time are fresh.

    Raises:
        AndonError: As `read_members` and `begin`.
    """
    now_ns = SystemClock().now_ns()
    return begin(folder, name, new_id(now_ns, system_entropy(10)), read_members(people), places, now_ns)


def usual_places(name: str, *, socket: str, runner: str, runner_user: str, serve: Path | None) -> Places:
    """Where the processes meet: as given, else where the unit files have them."""
    return Places(
        gatekeeper=socket or f"unix:/run/andon-gate/{name}/gate.sock",
        runner=runner or f"unix:/run/andon-run/{name}/run.sock",
        runner_user=int(runner_user) if runner_user.isdigit() else runner_user,
        serve=serve or Path(f"/var/lib/andon-serve/{name}/serve"),
    )


def setup_commands(name: str) -> str:
    """What root does once: OS users and folders, each owned by whom it belongs to.

    Raises:
        UsageError: The name is none.
    """
    _check_name(name)
    return _SETUP.replace("NAME", name)


def sign_first(text: str, signer: Signer) -> str:
    """The first trust root with an owner's signature, made where that owner's key is.

    Args:
        text: The trust root, or what other owners have signed already.
        signer: The owner's.

    Raises:
        IntegrityError: The text is neither.
    """
    try:
        envelope = with_signature(envelope_from_json(text.encode()), signer)
    except AndonError:
        envelope = seal_root(from_bytes(text.encode()), [signer])
    return envelope_to_json(envelope).decode()


def adopt(folder: Path, signed: str, told: Digest) -> Settings:
    """Take the signed first trust root as the factory's, and pin its fingerprint.

    Raises:
        InputError: The bytes are no signed trust root.
        IntegrityError: It is not the one whose fingerprint was told, or its owners did not sign.
        ConflictError: The factory has one already.
    """
    settings = load_settings(folder)
    envelope = envelope_from_json(signed.encode())
    verify_first(envelope, parse(told), verifier)
    HomeFolder(settings.home).pin(parse(told))
    settings.trust.mkdir(parents=True, exist_ok=True)  # its group, which servers are in, reads it
    FolderRoots(settings.trust).add(1, envelope)
    return settings


def client_settings(settings: Settings) -> str:
    """The `andon.toml` of everybody who works with the factory, beside their `factory.py`."""
    socket = settings.apart.socket if settings.apart else ""
    return f"""\
# This factory's records, keys and store are with a gatekeeper that has an OS user of its own.
[factory]
name = "{settings.name}"
id = "{settings.id}"

[state]
gatekeeper = "unix:{socket}"
"""


def server_settings_text(settings: Settings) -> str:
    """The `andon.toml` of the servers: they read what the gatekeeper publishes, and write their own folder."""
    return f"""\
# Servers of this factory: they read what its gatekeeper publishes, and hold no key.
[factory]
name = "{settings.name}"
id = "{settings.id}"

[state]
database = {_toml(str(settings.database))}
store = {_toml(str(settings.store))}
serve = {_toml(str(settings.serve or settings.served("any").parent))}
"""


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise UsageError(
            "settings.not-a-name",
            "This is not a name for a factory.",
            found=repr(name),
            fix="Use small letters, digits, - and _, beginning with a letter.",
        )


def _first_root(settings: Settings, members: Sequence[Member], owners: Sequence[Member], now_ns: int) -> TrustRoot:
    home = HomeFolder(settings.home)
    people = tuple(
        Principal(
            member.name,
            "person",
            (KeyState(member.public, "active", now_ns),),
            tuple(RoleInterval(role, now_ns) for role in member.roles),
        )
        for member in members
    )
    services = tuple(
        Principal(
            name, "service", (KeyState(generate_key(home.key(name)), "active", now_ns),), (RoleInterval(role, now_ns),)
        )
        for name, role in ((GATEKEEPER, GATE_ROLE), (LOG, LOG_ROLE))
    )
    return TrustRoot(
        version=1,
        domain=settings.id,
        factory=settings.name,
        expires_ns=now_ns + YEAR_NS,
        quorum=min(2, len(owners)),
        root_keys=tuple(owner.public.key_id for owner in owners),
        principals=(*people, *services),
        floors=(Floor(LOCAL_TARGET, production=False, gates=GATES),),
    )


def _settings_text(name: str, factory_id: str, members: Sequence[Member], places: Places) -> str:
    people = "\n".join(f"{member.name} = {_toml(member.user)}" for member in members)
    return f"""\
# The gatekeeper's own settings; only its OS user or root may write them.
[factory]
name = "{name}"
id = "{factory_id}"

[state]
serve = {_toml(str(places.serve))}

[gatekeeper]
socket = {_toml(places.gatekeeper)}
runner = {_toml(places.runner)}
runner_user = {_toml(places.runner_user)}

# Who is who: the OS user that the kernel sees at the other end of the socket.
[people]
{people}
"""


def _toml(value: str | int) -> str:
    return str(value) if isinstance(value, int) else f'"{value}"'


def _write_new(path: Path, text: str) -> None:
    try:
        with path.open("x") as file:
            file.write(text)
    except FileExistsError as error:
        raise UsageError(
            "settings.exists", "This folder already is a factory.", place=str(path), fix="Use another folder."
        ) from error


def _member(path: Path, name: str, table: object) -> Member:
    if not isinstance(table, Mapping) or set(table) != _MEMBER or not name.isidentifier():
        raise _malformed(path, f"{name}: {table!r}")
    user, roles, key = table["user"], table["roles"], table["key"]
    if not isinstance(roles, list) or not roles or not all(isinstance(role, str) for role in roles):
        raise _malformed(path, f"roles of {name}: {roles!r}")
    if isinstance(user, bool) or not isinstance(user, str | int) or {GATE_ROLE, LOG_ROLE} & set(roles):
        raise _malformed(path, f"{name}: user = {user!r}, roles = {roles!r}")
    return Member(name, user, tuple(roles), read_key_line(str(key)))


def _malformed(path: Path, found: str) -> InputError:
    return InputError(
        "gatekeeper.people",
        "This does not say who belongs to the factory.",
        place=str(path),
        found=found[:200],
        fix='Write for each person: [ada], user = "ada", roles = ["owner"], key = "ed25519:...".',
    )
