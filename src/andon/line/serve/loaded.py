"""A release in memory: its admission, bytes and golden answers were checked, and its model is ready to answer."""

from collections.abc import Mapping
from dataclasses import dataclass

from andon.contracts.model import Package
from andon.contracts.release import ReleaseFacts
from andon.expressions.conformance import conformance
from andon.expressions.plan import plan_from_json
from andon.kernel.digest import Digest
from andon.kernel.errors import IntegrityError
from andon.line.package import MODEL, PACKAGE, Loader, Predictor, load_package, read_package


@dataclass(frozen=True, slots=True)
class LoadedRelease:
    """A release that may answer.

    Attributes:
        release: Digest of its manifest.
        model: Digest of the model's manifest.
        predictor: Gave the golden answers bit for bit when it was loaded.
    """

    release: Digest
    model: Digest
    facts: ReleaseFacts
    package: Package
    predictor: Predictor


def load_release(
    release: Digest, model: Digest, facts: ReleaseFacts, objects: Mapping[str, bytes], loaders: Mapping[str, Loader]
) -> LoadedRelease:
    """Bring a release into memory whose admission, bundle and bytes the caller has just checked.

    Args:
        release: Digest of its manifest.
        model: Digest of the manifest of its model.
        facts: The facts of the release.
        objects: The model's objects by name: the very bytes that were checked.
        loaders: Reads models, by the name of their format.

    Raises:
        InputError: The model cannot be read here.
        IntegrityError: The objects are not a package of the release's model, features come out otherwise here than
            where it learned, or it answers a golden question otherwise.
    """
    missing = {MODEL, PACKAGE} - set(objects)
    package = None if missing else read_package(objects[PACKAGE])
    if package is None or package.name != facts.model_name:
        raise IntegrityError(
            "serve.other-model",
            "These objects are not the package of the model that the release names.",
            place=release,
            found=", ".join(sorted(missing)) or repr(package and package.name),
            fix="Load the release by its digest; a model alone is never served.",
        )
    check_arithmetic(package)
    return LoadedRelease(release, model, facts, package, load_package(package, objects[MODEL], loaders))


def check_arithmetic(package: Package) -> None:
    """Return only if this machine computes the model's features as the one did that it learned on.

    Raises:
        IntegrityError: It does not, in some bit.
    """
    here = conformance(plan_from_json(package.plan))
    if here != package.arithmetic:
        raise IntegrityError(
            "package.other-arithmetic",
            "This machine computes features otherwise than the one on which the model learned.",
            place=package.name,
            found=f"{here} instead of {package.arithmetic}",
            fix="Serve with the mathematics library, time zones and Polars it learned with, or train again here.",
        )
