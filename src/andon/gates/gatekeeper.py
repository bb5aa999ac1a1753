"""The gatekeeper: the one who judges, signs, admits and takes back, and holds the gate's key."""

from dataclasses import dataclass

from andon.attest import envelope as envelopes
from andon.attest.statement import SIGNOFF
from andon.gates.judging import judge
from andon.gates.keeping import Keeping
from andon.gates.passage import Pass, newest_pass
from andon.gates.releasing import admit_release, bind, revoke, revoked_releases, roll_back
from andon.gates.request import Judgement, JudgeRequest, Receipt
from andon.gates.said import Said, read_statement
from andon.gates.signoff import person_behind, read_signoff
from andon.kernel.digest import Digest
from andon.kernel.errors import InputError, RefusedError
from andon.store.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Gatekeeper:
    """Judges in process: whoever runs as the same user can read its key. It catches mistakes, not attackers."""

    keeping: Keeping

    def judge(self, request: JudgeRequest) -> Judgement:
        """Weigh evidence against policy and people, sign what comes out, and publish what a Pass allows.

        Raises:
            AndonError: See `andon.gates.judging.judge`; nothing is written then.
        """
        return judge(self.keeping, request)

    def pass_of(self, subject: Digest, gate: str) -> Pass:
        """The Pass that opens an artefact to the next stage, judged again from its values and its policy.

        Raises:
            RefusedError: There is none, and why.
        """
        root = self.keeping.record.root()
        about = self.keeping.record.about(subject, root)
        return newest_pass(about, root, factory=root.factory, gate=gate, subject=subject)

    def sign_off(self, envelope: envelopes.Envelope) -> Digest:
        """Append a person's signed approval or rejection; whether it counts is decided when the gate judges.

        Raises:
            InputError: It is not a sign-off, or is about another factory or an unknown artefact.
            RefusedError: No person of the trust root signed it (`gates.not-a-person`).
        """
        record, statement = self.keeping.record, read_statement(envelope)
        root = record.root()
        record.check_memory()
        if statement.predicate_type != SIGNOFF:
            raise InputError("gates.not-a-signoff", "This is not a sign-off.", found=statement.predicate_type)
        signoff = read_signoff(statement)
        keys = envelopes.signers_of(envelope, record.verifiers(root))
        digest = envelopes.digest_of(envelope)
        person = person_behind(Said(digest, statement, keys, 0, self.keeping.clock.now_ns()), root)
        if isinstance(person, str):
            raise RefusedError(
                "gates.not-a-person",
                "Only a person of the trust root signs off.",
                found=person,
                fix="Sign it yourself.",
            )
        if (signoff.domain, signoff.factory) != (root.domain, root.factory):
            raise InputError("gates.other-factory", "This sign-off is for another factory.", found=signoff.factory)
        self.keeping.manifests.get(statement.subjects[0].digest)
        with self.keeping.units.begin() as unit:
            if any(one.digest == digest for one in record.statements.about(statement.subjects[0].digest, SIGNOFF)):
                return digest
            record.add(unit, envelope)
        self.keeping.remember(root)
        return digest

    def bind(self, manifest: Manifest) -> Digest:
        """Record a release and sign that it was put together, on top of what its target serves.

        Raises:
            AndonError: See `andon.gates.releasing.bind`; nothing is written then.
        """
        return bind(self.keeping, manifest)

    def admit(self, release: Digest, target: str) -> Receipt:
        """Check the whole chain of a release again, from its bytes, and let the target serve it.

        Raises:
            RefusedError: A proof is missing; the message says which, and who can give it.
        """
        return admit_release(self.keeping, release, target)

    def rollback(self, *, target: str, to: Digest, by: str, reason: str) -> Receipt:
        """Let a target serve a release again that was admitted to it before.

        Raises:
            RefusedError: It was never admitted to this target, or was revoked; or nobody is named who asks.
        """
        return roll_back(self.keeping, target=target, to=to, by=by, reason=reason)

    def revoke(self, *, release: Digest, by: str, reason: str) -> Digest:
        """Sign that a release must not be loaded any more, anywhere.

        Raises:
            RefusedError: It is not a release, or nobody is named who asks.
        """
        return revoke(self.keeping, release=release, by=by, reason=reason)

    def revoked(self) -> frozenset[Digest]:
        """Every release that was revoked, for servers to know."""
        return revoked_releases(self.keeping)

    def serving(self, model_name: str, target: str) -> Digest:
        """The release a target serves, as signed decisions say; empty when there is none.

        Raises:
            IntegrityError: Its name stands where no decision put it (`gates.ref-moved`).
        """
        root = self.keeping.record.root()
        return self.keeping.serving(self.keeping.decisions(root), root, model_name, target)[0]

    def champion(self, model_name: str, target: str) -> Digest:
        """The model a target serves, as signed decisions say; empty when there is none."""
        return self.keeping.model_of(self.serving(model_name, target))
