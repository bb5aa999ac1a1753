"""The gatekeeper: the one who judges, signs, admits and takes back, and holds the gate's key."""

from dataclasses import dataclass

from andon.attest import envelope as envelopes
from andon.gates.handing import hand_in
from andon.gates.judging import counts_of, judge, question_of
from andon.gates.keeping import Keeping
from andon.gates.passage import Pass, newest_pass
from andon.gates.releasing import admit_release, bind, revoke, revoked_releases, roll_back
from andon.gates.request import Judgement, JudgeRequest, Question, Receipt
from andon.gates.signoff import Count
from andon.gates.verdict import content_of
from andon.kernel.digest import Digest
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

    def question(self, request: JudgeRequest) -> Question:
        """What exactly people sign about who answer for a request.

        Raises:
            RefusedError: The target is unknown, or its floor allows another policy only.
        """
        return question_of(self.keeping, request)

    def counts(self, request: JudgeRequest) -> tuple[Count, ...]:
        """How the people that a request needs stand now; nothing is decided or written.

        Raises:
            AndonError: See `andon.gates.judging.counts_of`.
        """
        return counts_of(self.keeping, request)

    def pass_of(self, subject: Digest, gate: str) -> Pass:
        """The Pass that opens an artefact to the next stage, judged again from its values and its policy.

        Raises:
            RefusedError: There is none, and why.
        """
        root = self.keeping.record.root()
        about = self.keeping.record.known((subject, content_of(self.keeping.manifests.get(subject))), root)
        return newest_pass(about, root, factory=root.factory, gate=gate, subject=subject)

    def hand_in(self, envelope: envelopes.Envelope) -> Digest:
        """Append what a person signed: a sign-off, a waiver, an annulment or a delegation.

        Whether a sign-off or a delegation counts is decided when a gate judges. A waiver or an annulment that could not
        count is refused at once.

        Raises:
            InputError: It is none of these, or is about another factory or something unknown.
            RefusedError: No person of the trust root signed it (`gates.not-a-person`), or this person may not.
        """
        return hand_in(self.keeping, envelope)

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

    def revoke(self, *, digest: Digest, by: str, reason: str) -> Digest:
        """Sign that a release must not be loaded any more anywhere, or that a waiver or a delegation counts no more.

        Raises:
            RefusedError: It is none of these, or nobody is named who asks.
        """
        return revoke(self.keeping, digest=digest, by=by, reason=reason)

    def revoked(self) -> frozenset[Digest]:
        """The digests of everything that was revoked, for servers to know."""
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
