"""What each file of an evidence pack can be evidence for: items of laws, guidance and standards, met or not."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

CAUTION: Final = (
    "This index says what a file is evidence for. It does not say that any rule is met, and it is no legal advice: "
    "whether the evidence is enough is for the people who answer for the system, and for those who examine it."
)
NOT_COVERED: Final = (
    "EU AI Act Annex IV 1(d)-(h): how the system is put on the market, hardware, user interface, instructions for use",
    "EU AI Act Annex IV 2(e): human oversight in use, beyond the sign-offs before a release",
    "EU AI Act Annex IV 5: the risk management system",
    "EU AI Act Annex IV 7 and 8: standards applied, and the declaration of conformity",
    "EU AI Act Annex IV 9: the post-market monitoring plan",
    "SR 26-2: model inventory, materiality and re-review triggers, which belong to the institution",
)


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a text that people must show something for."""

    text: str
    item: str
    about: str


ITEMS: Final[Mapping[str, Item]] = {
    "aia-iv-1": Item("EU AI Act", "Annex IV 1(a)-(c)", "intended purpose, versions, software it depends on"),
    "aia-iv-2a": Item("EU AI Act", "Annex IV 2(a)", "methods and steps of development"),
    "aia-iv-2b": Item("EU AI Act", "Annex IV 2(b)", "design choices, what the system optimises, its parameters"),
    "aia-iv-2c": Item("EU AI Act", "Annex IV 2(c)", "how components build on one another; computing resources"),
    "aia-iv-2d": Item("EU AI Act", "Annex IV 2(d)", "data: provenance, scope, how selected, labelled and cleaned"),
    "aia-iv-2g": Item("EU AI Act", "Annex IV 2(g)", "validation: metrics, dated and signed test logs and reports"),
    "aia-iv-2h": Item("EU AI Act", "Annex IV 2(h)", "cybersecurity measures: integrity of data, model and decisions"),
    "aia-iv-3": Item("EU AI Act", "Annex IV 3", "accuracy, also for specific groups; limits of performance"),
    "aia-iv-4": Item("EU AI Act", "Annex IV 4", "appropriateness of the performance metrics"),
    "aia-iv-6": Item("EU AI Act", "Annex IV 6", "changes through the lifecycle"),
    "aia-12": Item("EU AI Act", "Article 12", "automatic recording of events"),
    "aia-14": Item("EU AI Act", "Article 14", "people who can approve, reject, stop"),
    "sr-validation": Item("SR 26-2", "model validation", "evaluation of soundness and performance"),
    "sr-challenge": Item("SR 26-2", "effective challenge", "who challenged, with what standing, and what came of it"),
    "sr-monitoring": Item("SR 26-2", "ongoing monitoring", "outcomes and changes after release"),
    "iso-a624": Item("ISO/IEC 42001", "A.6.2.4", "verification and validation of the AI system"),
    "iso-a628": Item("ISO/IEC 42001", "A.6.2.8", "event logs"),
    "iso-a75": Item("ISO/IEC 42001", "A.7.5", "data provenance"),
}

# The first beginning that a path has decides; what each file is, and what it is evidence for.
FILES: Final[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
    ("README.txt", "how to check this pack", ()),
    ("release.json", "the manifest of the release", ("aia-iv-1", "aia-iv-2c", "aia-iv-6")),
    ("manifests/", "manifest of an artefact in the lineage", ("aia-iv-2d", "iso-a75")),
    (
        "statements/",
        "a signed statement",
        ("aia-iv-2g", "aia-iv-6", "aia-12", "aia-14", "sr-validation", "sr-challenge", "iso-a624", "iso-a628"),
    ),
    ("proofs/", "proof that the ledger holds a statement", ("aia-12", "aia-iv-2h", "iso-a628")),
    ("ledger/", "the ledger that the statements stand in", ("aia-12", "aia-iv-2h", "iso-a628")),
    ("trust/", "a version of the trust root: who may sign what", ("aia-14", "aia-iv-2h", "sr-challenge")),
    ("declaration.json", "what the factory declares", ("aia-iv-1", "aia-iv-2a", "aia-iv-2b", "aia-iv-2d")),
    ("policy.txt", "what was demanded, in words", ("aia-iv-4", "aia-14", "sr-validation", "sr-challenge", "iso-a624")),
    (
        "metrics.json",
        "everything that was measured",
        ("aia-iv-2g", "aia-iv-3", "aia-iv-4", "sr-validation", "iso-a624"),
    ),
    ("report.html", "the report on the validation", ("aia-iv-2g", "aia-iv-3", "sr-validation", "iso-a624")),
    ("training.json", "what the training wrote down", ("aia-iv-2a", "aia-iv-2b", "aia-iv-2c")),
    ("environment.json", "exact versions of everything installed", ("aia-iv-1", "aia-iv-2c", "aia-iv-2h")),
    ("lineage.ndjson", "lineage as OpenLineage events", ("aia-iv-2a", "aia-iv-2d", "iso-a75")),
    ("prov.json", "lineage as PROV-JSON", ("aia-iv-2a", "aia-iv-2d", "iso-a75")),
    ("bom.cdx.json", "bill of materials, CycloneDX", ("aia-iv-1", "aia-iv-2c", "aia-iv-2h")),
    ("model-card.md", "the model card", ("aia-iv-1", "aia-iv-3")),
    ("reproduction.json", "how far the model was reproduced", ("aia-iv-2a", "sr-validation")),
    ("history.json", "where the release stood, and since when", ("aia-iv-6", "aia-12", "sr-monitoring", "iso-a628")),
    ("tier.json", "what the trust in these records rests on", ("aia-iv-2h",)),
)


def file_entry(path: str) -> tuple[str, tuple[str, ...]]:
    """What a file is, and the keys of the items it can be evidence for.

    Raises:
        KeyError: No such file belongs into a pack.
    """
    for beginning, what, items in FILES:
        if path == beginning or (beginning.endswith("/") and path.startswith(beginning)):
            return what, items
    raise KeyError(path)
