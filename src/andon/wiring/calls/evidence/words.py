"""The pages of an evidence pack that people read: what was demanded, and how to check the pack."""

from andon.attest.trust_root import Floor, floor_of
from andon.contracts.policy import Finding, Policy
from andon.kernel.clock import SECOND_NS, iso
from andon.wiring.calls.evidence.gathered import Gathered

_DAY_NS = 86_400 * SECOND_NS


def policy_text(gathered: Gathered) -> str:
    """What the factory and the target demand, and what each verdict was judged by."""
    floor = floor_of(gathered.root, gathered.facts.target)
    lines = [f"What was demanded of release {gathered.release}", ""]
    lines += ["1. What the factory declares", ""]
    for policy in gathered.declaration.gates:
        lines += _policy(policy)
    lines += [f"2. What the target {floor.target} asks for at least, whatever the factory declares", "", *_floor(floor)]
    lines += ["3. What each verdict was judged by, the factory's demands and the floor's together", ""]
    for one in gathered.verdicts:
        lines += [f"{one.gate} {one.outcome}, ledger entry {one.entry}, statement {one.statement}"]
        lines += [f"  {_where(found)}: {found.holds}, {found.why}" for found in one.findings] + [""]
    return "\n".join(lines) + "\n"


def readme(gathered: Gathered) -> str:
    """How to check a pack, and what a check proves."""
    return f"""\
Evidence about release {gathered.release}
of {gathered.facts.model_name} for {gathered.facts.target}, factory {gathered.root.factory}.
The ledger had {gathered.head.size} entries, the last of {iso(gathered.last_ns)}.

How to check it
---------------
You need Python 3.11 or newer, the package `cryptography`, and one file: andon_verify.py. Get that file from a release
of andon or from `andon export verifier`, never from whoever gave you this pack: this pack holds none on purpose.

    python andon_verify.py PACK.zip --root FINGERPRINT

FINGERPRINT is that of the first trust root of the factory. Ask the owners of the factory for it, by another way than
this pack: whoever made a pack could have made the keys as well. Without it the verifier says UNANCHORED and exits 3. It
exits 0 when everything holds, and 1 when something does not; then it names the file.

A trust root can be old without showing it. `--max-age 30d` refuses a pack whose ledger ends earlier than that, and
`--witness KEY` demands that this witness cosigned the head, not longer ago than --max-age.

What is in it
-------------
index.json says what every file is, and which items of the EU AI Act, SR 26-2 and ISO/IEC 42001 it is evidence for. That
is not the same as meeting them. index.dsse.json is the same bytes under the gatekeeper's signature. Each file in
statements/ was signed when it was said; it names its artefacts by digest, and the file of the same name in proofs/
shows where it stands in the ledger. Failed and rejected, waived and annulled is here like everything else.

What it does not prove
----------------------
What was never said to the gatekeeper is not here. tier.json says who could have signed something untrue.
"""


def _where(found: Finding) -> str:
    criterion = found.criterion
    return criterion.text() + (f", {found.slice}" if found.slice and found.slice != criterion.slice else "")


def _policy(policy: Policy) -> list[str]:
    lines = [f"gate {policy.gate}, owner {policy.owner}"]
    lines += [f"  {one.text()}{_small_print(one.min_n, one.baseline, one.severity)}" for one in policy.criteria]
    lines += [
        f"  {one.people} of {one.role} sign, not longer ago than {one.within_ns / _DAY_NS:g} days"
        for one in policy.signoffs
    ]
    return [*lines, f"  digest {policy.digest()}", ""]


def _small_print(min_n: int, baseline: str, severity: str) -> str:
    parts = [f"on {min_n} rows at least"] if min_n else []
    parts += [f"compared with {'the champion' if baseline == 'champion' else 'what was published'}"] if baseline else []
    parts += ["only shown"] if severity == "warn" else []
    return f" ({', '.join(parts)})" if parts else ""


def _floor(floor: Floor) -> list[str]:
    lines = [f"owner {floor.owner or 'not named'}", f"tier {floor.tier} at least, production: {_yes(floor.production)}"]
    lines += [f"gates that must have passed: {', '.join(floor.gates)}"]
    lines += [f"{people} of {role} sign" for role, people in floor.signoffs]
    lines += [f"{one.gate}: {one.criterion.text()}" for one in floor.criteria]
    lines += [f"{gate} has exactly the policy {digest}" for gate, digest in floor.policies]
    lines += [f"may be waived: {one.metric} of {one.gate}, by {one.role}" for one in floor.waivable]
    lines += [f"while nothing serves there: {one.gate}: {one.criterion.text()}" for one in floor.first_criteria]
    lines += [f"while nothing serves there: {people} of {role} sign" for role, people in floor.first_signoffs]
    lines += (
        []
        if floor.looks is None
        else [f"at most {floor.looks} looks at overlapping rows, each a model judged on some of them"]
    )
    lines += [f"{floor.witnesses} witnesses have cosigned the ledger"] if floor.witnesses else []
    return [*lines, ""]


def _yes(value: object) -> str:
    return "yes" if value else "no"
