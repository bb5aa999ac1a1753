"""Releases: where they stand, what they bind, and every signed statement about them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from andon.attest.statement import ADMISSION, GATE_VERDICT, RELEASE, REVOCATION, ROLLBACK, SIGNOFF
from andon.attest.trust_root import TrustRoot
from andon.contracts.release import ReleaseFacts
from andon.contracts.wire import to_json
from andon.gates.chain import release_facts
from andon.gates.said import Said, kind_of
from andon.gates.serving import Revocation, admission_of, read_decision
from andon.kernel.canonical import Json
from andon.kernel.digest import Digest
from andon.store.manifest import Manifest
from andon.wiring.calls.finding import EVERY, find_artefact
from andon.wiring.calls.looking import is_serving
from andon.wiring.calls.showing import moment, named_rows, short_or_none
from andon.wiring.calls.waivers import standing_waivers
from andon.wiring.factory import Opened, open_factory

_STATEMENT_NAMES = ("entry", "time", "statement", "by")


@dataclass(frozen=True, slots=True)
class Releases:
    """Releases, the newest first: digest, model, target, state, predecessor."""

    rows: list[list[str]]
    whole: tuple[Mapping[str, Json], ...]

    def to_json(self) -> list[Json]:
        """The releases for programs, with whole digests."""
        return list(self.whole)


@dataclass(frozen=True, slots=True)
class Release:
    """One release: what it binds as pairs of words, and what was signed about it, the oldest first.

    Attributes:
        waived: What was waived on its way, each in words; empty where it met every criterion.
        tier: The trust tier of the factory now, and what it does not protect against.
    """

    rows: list[list[str]]
    statements: list[list[str]]
    digest: Digest
    state: str
    facts: ReleaseFacts
    inputs: tuple[tuple[str, Digest], ...]
    waived: tuple[str, ...]
    tier: str

    def to_json(self) -> dict[str, Json]:
        """The release for programs."""
        return {
            "release": self.digest,
            "state": self.state,
            "facts": to_json(self.facts),
            "inputs": [{"role": role, "digest": digest} for role, digest in self.inputs],
            "waived": list(self.waived),
            "tier": self.tier,
            "statements": named_rows(_STATEMENT_NAMES, self.statements),
        }


def releases_of(folder: Path) -> Releases:
    """The releases of a factory, the newest first, with where they stand.

    Raises:
        AndonError: There is no factory, or its records cannot be read.
    """
    with open_factory(folder) as opened:
        record = opened.gatekeeper.keeping.record
        root = record.root()
        decisions = record.of_types(root, ADMISSION, ROLLBACK, REVOCATION)
        whole = [
            _whole(opened, opened.database.manifests.get(digest), decisions, root)
            for digest in opened.database.manifests.of_kind("release", EVERY)
        ]
    return Releases([_row(one) for one in whole], tuple(whole))


def release_of(folder: Path, release: str) -> Release:
    """One release, by the beginning of its digest.

    Raises:
        UsageError: No release has such a digest, or more than one.
    """
    with open_factory(folder) as opened:
        record = opened.gatekeeper.keeping.record
        root = record.root()
        digest = find_artefact(opened, release, "release")
        manifest = opened.database.manifests.get(digest)
        facts = release_facts(manifest)
        said = record.about(digest, root)
        state = state_of(opened, digest, facts, said, root)
        parts = {digest, *(item.digest for item in manifest.inputs)}
        tier = opened.standing.means
        relied = [one for one in standing_waivers(opened).waivers if one.used_by and one.subject in parts]
    return Release(
        rows=[*_facts(digest, state, facts, manifest), ["trust tier", tier]],
        statements=[_statement(one, root) for one in said],
        digest=digest,
        state=state,
        facts=facts,
        inputs=tuple((item.role, item.digest) for item in manifest.inputs),
        waived=tuple(f"{one.text()} ({one.state}): {one.waiver.reason}" for one in relied),
        tier=tier,
    )


def state_of(opened: Opened, digest: Digest, facts: ReleaseFacts, said: Iterable[Said], root: TrustRoot) -> str:
    """Where a release stands: revoked, serving, admitted or bound.

    Args:
        opened: The factory.
        digest: The release.
        facts: Its facts.
        said: Statements, those about it among them.
        root: Who is who.
    """
    statements = [one for one in said if digest in one.subjects]
    if any(read_decision(Revocation, one, root) for one in statements):
        return "revoked"
    if is_serving(opened, digest, facts.model_name, facts.target):
        return "serving"
    if admission_of(statements, root, release=digest, target=facts.target):
        return "admitted"
    return "bound"


def signers(one: Said, root: TrustRoot) -> str:
    """Names of those whose valid signature a statement bears."""
    names = [who.name for who in root.principals if {key.public.key_id for key in who.keys} & one.keys]
    return ", ".join(names) or "nobody in the trust root"


def _whole(opened: Opened, manifest: Manifest, decisions: Iterable[Said], root: TrustRoot) -> Mapping[str, Json]:
    digest, facts = manifest.digest, release_facts(manifest)
    return {
        "release": digest,
        "model": facts.model_name,
        "target": facts.target,
        "state": state_of(opened, digest, facts, decisions, root),
        "predecessor": facts.predecessor,
    }


def _row(one: Mapping[str, Json]) -> list[str]:
    digests = {"release", "predecessor"}
    return [short_or_none(str(value)) if name in digests else str(value) for name, value in one.items()]


def _facts(digest: Digest, state: str, facts: ReleaseFacts, manifest: Manifest) -> list[list[str]]:
    return [
        ["release", digest],
        ["state", state],
        ["model", facts.model_name],
        ["target", facts.target],
        *[["binds", f"{item.role} {item.digest}"] for item in manifest.inputs],
        ["predecessor", facts.predecessor or "none: the first release"],
        ["initiators", ", ".join(facts.initiators)],
        ["plan", facts.plan],
        ["environment", facts.environment],
        ["declaration", facts.declaration],
        ["latency", f"{facts.latency_ns / 1e6:g} ms"],
        ["trust root", f"version {facts.root_version}"],
    ]


def _statement(one: Said, root: TrustRoot) -> list[str]:
    return [str(one.index), moment(one.logged_ns), _words(one), signers(one, root)]


def _words(one: Said) -> str:
    values = one.statement.predicate
    match one.statement.predicate_type:
        case type_ if type_ == GATE_VERDICT:
            return f"{values['gate']} {values['outcome']}"
        case type_ if type_ == SIGNOFF:
            reason = f": {values['reason']}" if values.get("reason") else ""
            return f"{values['decision']} of {values['gate']} as {values['role']}{reason}"
        case type_ if type_ in (ROLLBACK, REVOCATION):
            return f"{kind_of(type_)} asked for by {values['by']}: {values['reason'] or 'no reason given'}"
        case type_ if type_ == ADMISSION:
            return f"admission to {values['target']}"
        case type_:
            return "bound" if type_ == RELEASE else kind_of(type_)
