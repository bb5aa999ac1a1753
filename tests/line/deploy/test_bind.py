"""Binding a release, and whether its lineage is closed."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.contracts.declaration import Declaration, Release
from andon.contracts.model import Feature, Package
from andon.contracts.release import ReleaseFacts
from andon.contracts.wire import from_json
from andon.kernel.digest import of_bytes, of_value
from andon.kernel.errors import InputError
from andon.line.deploy.bind import Deployment, bind, measure_lineage
from andon.store.manifest import Input, Manifest

ENVIRONMENT = of_bytes(b"environment")
PACKAGE = Package(
    "late",
    "lightgbm-text",
    "binary",
    (Feature("x", "float", False),),
    (),
    {"spine": "S"},
    (),
    {},
    0,
    1,
    ENVIRONMENT,
    ENVIRONMENT,
)
DECLARATION = Declaration("flights", "ops", "", {}, (), (), (), (), (Release("late", "local", 20_000_000),), {})
DEPLOYMENT = Deployment("local", "", ("ada", "bob", "ada"), 3)


def artefact(kind: str, *inputs: Manifest, facts: int = 0) -> Manifest:
    return Manifest(kind, (), "", tuple(Input("of", one.digest) for one in inputs), "", {"n": facts})  # type: ignore[arg-type]


MODEL = artefact("model")
REPORT = artefact("report", MODEL)


def test_a_release_names_its_parts_and_reads_back() -> None:
    release = bind(MODEL, REPORT, PACKAGE, DECLARATION, DEPLOYMENT)
    facts = from_json(ReleaseFacts, release.facts)
    assert release.inputs_of("model") == (MODEL.digest,)
    assert release.inputs_of("report") == (REPORT.digest,)
    assert facts.initiators == ("ada", "bob")
    assert facts.plan == of_value(PACKAGE.plan)
    assert facts.declaration == DECLARATION.digest()
    assert (facts.latency_ns, facts.environment, facts.root_version) == (20_000_000, ENVIRONMENT, 3)


def test_binding_again_gives_the_same_release_and_any_other_part_another() -> None:
    first = bind(MODEL, REPORT, PACKAGE, DECLARATION, DEPLOYMENT).digest
    assert bind(MODEL, REPORT, PACKAGE, DECLARATION, DEPLOYMENT).digest == first
    other = artefact("model", facts=1)
    changed = [
        bind(other, artefact("report", other), PACKAGE, DECLARATION, DEPLOYMENT),
        bind(MODEL, artefact("report", MODEL, facts=1), PACKAGE, DECLARATION, DEPLOYMENT),
        bind(MODEL, REPORT, dataclasses.replace(PACKAGE, plan={"spine": "T"}), DECLARATION, DEPLOYMENT),
        bind(MODEL, REPORT, PACKAGE, dataclasses.replace(DECLARATION, owner="x"), DEPLOYMENT),
        bind(MODEL, REPORT, PACKAGE, DECLARATION, dataclasses.replace(DEPLOYMENT, predecessor=MODEL.digest)),
    ]
    assert len({first, *(one.digest for one in changed)}) == 6


@pytest.mark.parametrize(
    ("model", "report", "deployment", "code"),
    [
        (REPORT, REPORT, DEPLOYMENT, "deploy.unfit-parts"),
        (MODEL, MODEL, DEPLOYMENT, "deploy.unfit-parts"),
        (artefact("model", facts=9), REPORT, DEPLOYMENT, "deploy.unfit-parts"),
        (MODEL, REPORT, dataclasses.replace(DEPLOYMENT, initiators=()), "deploy.unfit-parts"),
        (MODEL, REPORT, dataclasses.replace(DEPLOYMENT, initiators=("",)), "deploy.unfit-parts"),
        (MODEL, REPORT, dataclasses.replace(DEPLOYMENT, target="moon"), "deploy.undeclared-target"),
    ],
)
def test_parts_that_do_not_belong_together_are_not_bound(
    model: Manifest, report: Manifest, deployment: Deployment, code: str
) -> None:
    with pytest.raises(InputError) as error:
        bind(model, report, PACKAGE, DECLARATION, deployment)
    assert error.value.code == code


@given(st.lists(st.lists(st.integers(0, 30), max_size=3), min_size=1, max_size=12), st.data())
def test_every_ancestor_without_a_manifest_is_counted_once(edges: list[list[int]], data: st.DataObject) -> None:
    nodes: list[Manifest] = []
    for number, parents in enumerate(edges):
        nodes.append(
            artefact(
                "batch",
                *{nodes[p % number].digest: nodes[p % number] for p in parents if number}.values(),
                facts=number,
            )
        )
    lost = {node.digest for node in nodes if data.draw(st.booleans())}
    kept = {node.digest: node for node in nodes if node.digest not in lost}
    release = artefact("release", nodes[-1])
    reachable, waiting = set(), [nodes[-1].digest]
    while waiting:
        digest = waiting.pop()
        reachable.add(digest)
        waiting += [item.digest for item in kept[digest].inputs] if digest in kept else []
    found = measure_lineage(release, kept.get)
    assert (found.value, found.n) == (len(reachable & lost), len(reachable))
