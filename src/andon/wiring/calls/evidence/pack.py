"""The pack itself: what was gathered about a release, laid out as files, indexed, signed and zipped."""

from collections.abc import Mapping
from typing import Final

from andon.attest import envelope as envelopes
from andon.contracts.evidence import Measurement
from andon.contracts.wire import to_json
from andon.kernel.canonical import Json, dumps
from andon.kernel.digest import hex_of
from andon.kernel.signing import Signer
from andon.registry.bom import Materials, bill
from andon.registry.history import History, Judged
from andon.registry.openlineage import events
from andon.registry.prov import document
from andon.wiring.calls.evidence.archive import archive
from andon.wiring.calls.evidence.card import model_card
from andon.wiring.calls.evidence.gathered import Gathered
from andon.wiring.calls.evidence.index import sealed_index
from andon.wiring.calls.evidence.words import policy_text, readme
from andon.wiring.calls.releases import signers
from andon.wiring.calls.verdicts import measured

_LEVEL: Final = "L0"
_LEVEL_MEANS: Final = (
    "recorded: code, data, parameters, seed and environment are named by digest; nobody has run the training again "
    "from them and compared"
)


def make_pack(gathered: Gathered, tier: Mapping[str, Json], signer: Signer) -> bytes:
    """The bytes of a pack: the same records at the same head of the ledger always give the same ones.

    Args:
        gathered: All that was recorded about the release.
        tier: The trust tier of the factory, with what it does not protect against.
        signer: The gate's key, which signs the index.
    """
    files = {**_signed(gathered), **_derived(gathered), "tier.json": dumps(tier)}
    return archive({**files, **sealed_index(gathered, files, signer)})


def _signed(gathered: Gathered) -> dict[str, bytes]:
    """What is proved by its own digest, its own signature or the ledger."""
    files = {"release.json": gathered.manifests[gathered.release].to_bytes()}
    files |= {f"manifests/{hex_of(digest)}.json": one.to_bytes() for digest, one in gathered.manifests.items()}
    for one in gathered.sealed:
        files[f"statements/{hex_of(one.said.digest)}.dsse.json"] = one.envelope
        files[f"proofs/{hex_of(one.said.digest)}.tlog-proof"] = one.proof.encode()
    for version, envelope in enumerate(gathered.roots, start=1):
        files[f"trust/{version:06d}.dsse.json"] = envelopes.to_json(envelope)
    for size, note in gathered.heads.items():
        files[f"ledger/checkpoint-{size:012d}.txt"] = note.encode()
    if gathered.leaves:
        files["ledger/leaves.ndjson"] = b"".join(leaf + b"\n" for leaf in gathered.leaves)
    files["declaration.json"] = dumps(to_json(gathered.declaration))
    if gathered.page:
        files["report.html"] = gathered.page
    if gathered.record_bytes:
        files["training.json"] = gathered.record_bytes
    if gathered.environment:
        files["environment.json"] = dumps(to_json(gathered.environment))
    return files


def _derived(gathered: Gathered) -> dict[str, bytes]:
    """What is computed from the signed files, for people and for other tools."""
    history = history_of(gathered)
    found = _of_model(gathered)
    materials = Materials(
        model=gathered.model,
        package=gathered.package,
        purpose=gathered.declaration.purpose,
        owner=gathered.declaration.owner,
        measured=found,
        environment=gathered.environment,
        at_ns=gathered.last_ns,
    )
    return {
        "README.txt": readme(gathered).encode(),
        "policy.txt": policy_text(gathered).encode(),
        "metrics.json": dumps(_metrics(gathered)),
        "history.json": dumps(_history(gathered)),
        "lineage.ndjson": b"".join(dumps(event) + b"\n" for event in events(history)),
        "prov.json": dumps(document(history)),
        "bom.cdx.json": dumps(bill(history, materials)),
        "model-card.md": model_card(gathered, found).encode(),
        "reproduction.json": dumps({"model": gathered.model, "level": _LEVEL, "means": _LEVEL_MEANS}),
    }


def history_of(gathered: Gathered) -> History:
    """The lineage of a release with what was said about it, as it is exported to other tools."""
    logged: dict[str, int] = {}
    for one in gathered.said:
        for subject in one.subjects:
            logged.setdefault(subject, one.logged_ns)
    names = {one.digest: signers(one, gathered.root) for one in gathered.said}
    signoffs = {one.digest: one.statement.predicate.get("signoffs") for one in gathered.said}
    return History(
        factory=gathered.root.factory,
        release=gathered.release,
        model_name=gathered.facts.model_name,
        manifests=gathered.manifests,
        logged_ns={digest: at_ns for digest, at_ns in logged.items() if digest in gathered.manifests},
        judged=tuple(
            Judged(
                gate=one.gate,
                outcome=one.outcome,
                subject=one.subject,
                statement=one.statement,
                entry=one.entry,
                by=names[one.statement],
                findings=one.findings,
                signoffs=_digests(signoffs[one.statement]),
                logged_ns=one.time_ns,
            )
            for one in gathered.verdicts
        ),
        owners=_owners(gathered),
        contracts=gathered.declaration.contracts,
        plan=gathered.package.plan,
        parameters={
            **gathered.package.params,
            "andon.seed": gathered.package.seed,
            "andon.threads": gathered.package.threads,
        },
    )


def _owners(gathered: Gathered) -> dict[str, str]:
    """Who answers for each job, as the factory declares it."""
    declaration = gathered.declaration
    found = {f"gate.{policy.gate}": policy.owner for policy in declaration.gates}
    found |= {f"ingest.{origin.contract}": origin.owner for origin in declaration.origins}
    for model in declaration.models:
        features = next((one.owner for one in declaration.feature_sets if one.name == model.features), model.owner)
        found |= {f"features.{model.name}": features}
        found |= {f"{stage}.{model.name}": model.owner for stage in ("train", "validate", "deploy")}
    return found


def _of_model(gathered: Gathered) -> tuple[Measurement, ...]:
    """What was measured of the model on rows it never saw, the newest value of each metric and slice."""
    spoken = [one for one in gathered.verdicts[::-1] if one.gate.startswith("model:")]
    return tuple(measured(one for one in spoken if one.subject == gathered.model).values())


def _metrics(gathered: Gathered) -> Json:
    """Every measurement of every verdict, with its interval and rows, and the statement that it stands in."""
    return {
        "release": gathered.release,
        "model": gathered.model,
        "measured": [
            {
                "gate": one.gate,
                "outcome": one.outcome,
                "subject": one.subject,
                "statement": one.statement,
                "rows": one.evidence.rows,
                "measurements": [to_json(item) for item in one.evidence.measurements],
            }
            for one in gathered.verdicts
        ],
    }


def _history(gathered: Gathered) -> Json:
    """Every statement in the order of the ledger: when, what kind, about what, by whom."""
    return {
        "release": gathered.release,
        "state": gathered.state,
        "at": {"size": gathered.head.size, "time_ns": str(gathered.last_ns)},
        "statements": [
            {
                "entry": one.index,
                "time_ns": str(one.logged_ns),
                "type": one.statement.predicate_type,
                "statement": one.digest,
                "about": list(one.subjects),
                "by": signers(one, gathered.root),
            }
            for one in gathered.said
        ],
    }


def _digests(value: Json) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list | tuple) else ()
