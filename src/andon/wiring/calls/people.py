"""People: keys of their own, their names in the trust root, and their sign-offs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from andon.adapters.trust_folder import HomeFolder
from andon.kernel.canonical import Json
from andon.kernel.errors import UsageError
from andon.kernel.signing import key_line, read_key_line
from andon.wiring.calls.approving import waiting_question
from andon.wiring.calls.drafts import Signed
from andon.wiring.calls.handing_in import sign_here
from andon.wiring.calls.naming import name_in_policy
from andon.wiring.settings import load_settings
from andon.wiring.signing import make_key, own_key_file
from andon.wiring.trust import current_root


@dataclass(frozen=True, slots=True)
class Named:
    """A person who may sign from now on.

    Attributes:
        key: Where their key was made; empty where its private half is elsewhere.
        public: The public half, as people pass it on.
        missing: Whose signatures the version that names them still needs, in words; empty when it is in force.
    """

    version: int
    key: str
    public: str
    missing: str

    def to_json(self) -> dict[str, Json]:
        """The person for programs."""
        return {"root_version": self.version, "key": self.key, "public": self.public, "missing": self.missing}


@dataclass(frozen=True, slots=True)
class OwnKey:
    """A key that a person made for themselves.

    Attributes:
        uri: Where its private half is.
        public: The public half, as people pass it on.
    """

    person: str
    uri: str
    public: str

    def to_json(self) -> dict[str, Json]:
        """The key for programs."""
        return {"person": self.person, "uri": self.uri, "public": self.public}


@dataclass(frozen=True, slots=True)
class People:
    """Everybody in the trust root, a row for each key."""

    rows: list[list[str]]

    def to_json(self) -> list[Json]:
        """Everybody for programs."""
        names = ("principal", "kind", "roles", "key", "state")
        return [dict(zip(names, row, strict=True)) for row in self.rows]


def make_own_key(person: str, uri: str = "") -> OwnKey:
    """Make a key for a person on the machine where they sign; no factory is needed, and none is told.

    Args:
        person: Whose it is.
        uri: Where it is made: `file:/path` or `pkcs11:...`; empty for a file in `ANDON_HOME`.

    Raises:
        AndonError: There is one already, or it cannot be made there.
    """
    where = uri or own_key_file(person).as_uri()
    return OwnKey(person, where, key_line(make_key(where)))


def name_person(
    folder: Path, person: str, roles: Sequence[str], public: str = "", *, owner: str = "", key_uri: str = ""
) -> Named:
    """Name a person in the trust root, by the public half of their key; without one, a key is made here.

    Args:
        folder: The factory's folder.
        person: What they are called from now on.
        roles: What they may sign as.
        public: The public half of their key, as `andon key new` prints it.
        owner: Who names them; by default who acts.
        key_uri: Where the owner's key is; by default their key file.

    Raises:
        UsageError: A key would be made for somebody else, above tier T0 (`key.not-theirs-alone`).
        AndonError: They are there already, that is no public key, or who acts is no owner.
    """
    settings = load_settings(folder)
    if not public and (settings.apart or settings.gatekeeper):
        raise UsageError(
            "key.not-theirs-alone",
            "The gatekeeper here has an OS user of its own, so that everybody's key can be theirs alone.",
            place=str(settings.folder),
            found=f"no public key of {person}",
            fix=f"Let {person} run: andon key new {person}; and give the line that it prints with --public.",
        )
    given = read_key_line(public) if public else None
    put, key = name_in_policy(folder, person, roles, given, person=owner, key_uri=key_uri)
    made = "" if given else str(HomeFolder(settings.home).key(person))
    missing = "" if put.standing.is_in_force else put.standing.quorums[0].text()
    return Named(put.standing.version, made, key_line(key), missing)


def people_of(folder: Path) -> People:
    """Everybody in the trust root."""
    root = current_root(load_settings(folder))
    return People(
        [
            [
                principal.name,
                principal.kind,
                ", ".join(interval.role for interval in principal.roles),
                key.public.key_id[:12],
                key.state,
            ]
            for principal in root.principals
            for key in principal.keys
        ]
    )


def sign_waiting(
    folder: Path, gate: str, *, person: str, role: str, reason: str, is_rejection: bool, key_uri: str = ""
) -> Signed:
    """Sign for what a gate waits for, or against it, with a person's own key, and hand it in.

    Raises:
        UsageError: Nothing waits, it is not clear what, or the person's key is not on this machine.
        RefusedError: The key is not one of a person in the trust root.
    """
    draft = waiting_question(folder, gate, person=person, role=role, is_rejection=is_rejection, reason=reason)
    return sign_here(folder, draft, key_uri=key_uri)
