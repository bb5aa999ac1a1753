"""The gates that a chain must have passed, one by one: which are demanded, by what, and whether their Pass holds."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, get_args

from andon.attest.trust_root import Floor
from andon.contracts.declaration import Declaration
from andon.contracts.policy import Policy, Tier
from andon.contracts.release import ReleaseFacts
from andon.gates.chain import Chain, release_facts, single_input
from andon.gates.criteria import weigh
from andon.gates.passage import (
    Pass,
    count_people,
    decide,
    demanded,
    final_verdicts,
    found_again,
    makers_of,
    newest_pass,
    rules_for,
)
from andon.gates.refusal import refuse
from andon.gates.said import Said
from andon.gates.verdict import content_of
from andon.gates.waiver import read_waiver
from andon.kernel.digest import Digest
from andon.kernel.errors import RefusedError

_TIERS: Final = get_args(Tier)


def _is_required(chain: Chain, floor: Floor, gate: str) -> bool:
    """Whether a gate of the model is demanded: by the floor or by the factory itself."""
    kind = gate.partition(":")[0]
    asked = {*floor.gates, *(one.gate for one in (*floor.criteria, *floor.first_criteria))}
    pinned = {name for name, _ in floor.policies}
    return not asked.isdisjoint((kind, gate)) or gate in pinned or _declared(chain.declaration, gate) is not None


def _declared(declaration: Declaration, gate: str) -> Policy | None:
    return next((policy for policy in declaration.gates if policy.gate == gate), None)


def check_gate(chain: Chain, floor: Floor, facts: ReleaseFacts, gate: str, subject: Digest) -> list[Digest]:
    """What the Pass of one gate relied on: under exactly the declared policy and the floor, its people counted again.

    A gate that neither the floor nor the factory demands gives nothing.
    """
    if not _is_required(chain, floor, gate):
        return []
    declared = _declared(chain.declaration, gate)
    if declared is None:
        raise refuse(
            "gates.gate-undeclared",
            f"The target demands the gate {gate}, and the factory does not declare it.",
            chain.target,
            "no such gate",
            "Declare the gate in the factory, then run the line.",
        )
    passed = find_pass(chain, gate, subject)
    _check_demanded(chain, floor, facts, declared, passed)
    return [*_relied(chain, passed, subject), *_count_again(chain, facts, passed, subject)]


def _check_demanded(chain: Chain, floor: Floor, facts: ReleaseFacts, declared: Policy, passed: Pass) -> None:
    """A Pass must be for this target, over what is declared and demanded there, against the champion it follows."""
    verdict, gate = passed.verdict, declared.gate
    if verdict.target != chain.target:
        raise refuse(
            "gates.other-target",
            f"The gate {gate} passed for another target.",
            passed.digest,
            verdict.target or "no target",
        )
    if not reaches(verdict.tier, floor.tier):
        raise refuse(
            "gates.tier-too-low",
            f"The gate {gate} judged below the trust tier that {floor.target} needs.",
            passed.digest,
            f"{verdict.tier}, and {floor.tier} is needed",
            "Let it judge again, with the gatekeeper set up as docs/tiers.md says.",
        )
    effective = demanded(declared, floor, is_first=not facts.predecessor)
    if (verdict.declared.digest(), verdict.policy.digest()) != (declared.digest(), effective.digest()):
        raise refuse(
            "gates.other-policy",
            f"The gate {gate} passed under another policy than the declared one with the floor of {floor.target}.",
            passed.digest,
            verdict.policy.digest(),
        )
    champion = champion_before(chain, facts)
    if any(one.baseline == "champion" for one in effective.criteria) and verdict.champion != champion:
        raise refuse(
            "gates.champion-moved",
            f"The gate {gate} compared with another model than the one this release follows.",
            passed.digest,
            f"{verdict.champion or 'none'}, and {champion or 'none'} served",
            "Run the line again: the model is measured against the one that serves now.",
        )


def reaches(tier: Tier, needed: Tier) -> bool:
    """Whether a trust tier is the needed one or a higher one."""
    return _TIERS.index(tier) >= _TIERS.index(needed)


def champion_before(chain: Chain, facts: ReleaseFacts) -> Digest:
    """The model of the release that this one follows; empty for the first.

    Raises:
        RefusedError: That release is not among the manifests (`gates.lineage-open`).
    """
    if not facts.predecessor:
        return ""
    if facts.predecessor not in chain.manifests:
        raise refuse("gates.lineage-open", "The release before this one is not recorded.", facts.predecessor, "nothing")
    return single_input(chain.manifests[facts.predecessor], "model", chain.manifests)


def _relied(chain: Chain, passed: Pass, subject: Digest) -> list[Digest]:
    """What a Pass rests on: itself, people, and waivers with the verdicts they are about."""
    verdict = passed.verdict
    about = chain.about(subject, verdict.content)
    waived = [one.read_as(read_waiver).verdict for one in about if one.digest in verdict.waivers]
    return [passed.digest, *verdict.signoffs, *verdict.waivers, *waived]


def find_pass(chain: Chain, gate: str, subject: Digest) -> Pass:
    """The Pass of a gate over an artefact, if its newest verdict is one and no failure stands.

    Raises:
        RefusedError: There is none, and why; or a measured failure on the same bytes and rows is final
            (`gates.failure-is-final`).
    """
    about = chain.about(subject, content_of(chain.manifests[subject]))
    passed = newest_pass(about, chain.root, factory=chain.declaration.factory, gate=gate, subject=subject)
    _check_waivers(chain, passed, about)
    _check_final(chain, passed, subject, about)
    return passed


def _check_waivers(chain: Chain, passed: Pass, about: Sequence[Said]) -> None:
    """Waivers that a Pass relied on must hold at the moment that counts, not only when it was judged."""
    verdict = passed.verdict
    if not verdict.waivers:
        return
    started = release_facts(chain.manifests[chain.release]).initiators  # they made the release, if not this verdict
    asked = replace(verdict, excluded=(*verdict.excluded, *started))
    now = found_again(asked, about, chain.root, now_ns=chain.at_ns, only=verdict.waivers)
    void = [one.criterion.text() for one, then in zip(now, verdict.findings, strict=True) if one.holds != then.holds]
    if void:
        raise refuse(
            "gates.waiver-void",
            f"The gate {verdict.gate} passed on a waiver that holds no more.",
            verdict.subject,
            "; ".join(void),
            "Have it waived again by who may, or train another model.",
        )


def _check_final(chain: Chain, passed: Pass, subject: Digest, about: Sequence[Said]) -> None:
    content = content_of(chain.manifests[subject])
    verdict = passed.verdict
    failed = final_verdicts(
        about,
        chain.root,
        content=content,
        gate=verdict.gate,
        rows=verdict.evidence.rows,
        target=chain.target,
        now_ns=chain.at_ns,
    )
    if failed or verdict.content != content:
        raise refuse(
            "gates.failure-is-final",
            f"The gate {verdict.gate} failed these bytes on these rows before, and that stands.",
            subject,
            ", ".join(failed),
            "Train another model; a measured failure is final.",
        )


def data_pass(chain: Chain, floor: Floor, batch: Digest) -> Pass:
    """The Pass of a batch. It may have been judged under another policy, if its values satisfy the present one too.

    A data gate judges before anybody knows where a model goes, so the target's floor is held against its values here.
    """
    gates = {policy.gate: policy for policy in chain.declaration.gates if policy.gate.startswith("data:")}
    refusal = refuse("gates.no-pass", "No data gate of the factory passed this batch.", batch, "no verdict")
    for gate, declared in gates.items():
        try:
            passed = find_pass(chain, gate, batch)
        except RefusedError as error:
            refusal = refusal if error.code == "gates.no-pass" else error
            continue
        _check_data(chain, demanded(declared, floor, is_first=False), passed)
        return passed
    raise refusal


def _check_data(chain: Chain, effective: Policy, passed: Pass) -> None:
    """What is demanded of a batch now, held against its values and against the people who spoke about it.

    A batch stays in use for years, so what counts is that its people were right when it was judged, and that nobody has
    rejected it since. How it compared with what was published then is not asked again by a later policy. Nobody was
    ever asked to accept rows that only the policy of now calls too few.
    """
    verdict = passed.verdict
    is_same = verdict.policy == effective
    findings = verdict.weighed if is_same else weigh(_lasting(effective), verdict.evidence, verdict.champion)
    counts = count_people(
        rules_for(effective, findings),
        verdict.question(),
        chain.about(verdict.subject),
        chain.root,
        excluded=verdict.excluded,
        now_ns=verdict.time_ns,
    )
    missing = "; ".join(filter(None, (one.missing() for one in counts)))
    is_few = any(one.holds == "too few" and one.criterion.severity == "block" for one in findings)
    if (is_few and not is_same) or decide(findings, ()) != "PASSED":
        raise refuse(
            "gates.other-policy",
            f"This batch passed {verdict.gate}, and does not satisfy what is demanded of it for this target now.",
            verdict.subject,
            "; ".join(f"{f.criterion.text()}: {f.why}" for f in findings if f.holds != "yes"),
            "Ingest the batch again, or train without it.",
        )
    if missing:
        raise refuse(
            "gates.people-missing",
            f"The gate {verdict.gate} lacks people.",
            verdict.subject,
            missing,
            "Ingest the batch again and have it signed off, or train without it.",
        )


def _lasting(policy: Policy) -> Policy:
    """What is demanded of a batch for as long as it is used: everything but how it compared when it was published."""
    return replace(policy, criteria=tuple(one for one in policy.criteria if one.baseline != "published"))


def _count_again(chain: Chain, facts: ReleaseFacts, passed: Pass, subject: Digest) -> list[Digest]:
    """The sign-offs that count at the moment that matters: people may have left, or changed their mind, since."""
    verdict = passed.verdict
    rules = rules_for(verdict.policy, verdict.findings)
    if not rules:
        return []
    counts = count_people(
        rules,
        verdict.question(),
        chain.about(subject),
        chain.root,
        excluded=(*verdict.excluded, *facts.initiators, *_makers(chain)),
        now_ns=chain.at_ns,
    )
    missing = "; ".join(filter(None, (one.missing() for one in counts)))
    if missing:
        raise refuse(
            "gates.people-missing",
            f"The gate {verdict.gate} lacks people.",
            subject,
            missing,
            "Have the people named sign off: andon approve.",
        )
    return [digest for one in counts for digest in (*(d for _, d in one.approved), *one.lent)]


def _makers(chain: Chain) -> frozenset[str]:
    """Whoever trained or measured the model of a release, in whichever run: they do not approve their own work."""
    model = single_input(chain.manifests[chain.release], "model", chain.manifests)
    return makers_of(chain.about(model, content_of(chain.manifests[model])), chain.root)


def check_release_gate(chain: Chain, floor: Floor, facts: ReleaseFacts) -> list[Digest]:
    """The release gate's Pass, which a target that asks for people cannot do without."""
    gate = f"release:{facts.model_name}"
    relied = check_gate(chain, floor, facts, gate, chain.release)
    if not relied and (floor.signoffs or floor.first_signoffs):
        raise refuse(
            "gates.gate-undeclared",
            f"The target asks for people, and the factory does not declare the gate {gate}.",
            chain.target,
            "no such gate",
            "Declare the gate in the factory, then run the line.",
        )
    return relied
