"""A release in memory: its admission, bytes and golden answers were checked, and its model is ready to answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from andon.contracts.model import Package
from andon.contracts.release import ReleaseFacts
from andon.contracts.wire import from_json
from andon.kernel.digest import Digest
from andon.kernel.errors import IntegrityError
from andon.line.package import MODEL, PACKAGE, Loader, Predictor, load_package, read_package
from andon.store.manifest import Manifest


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
    release: Manifest, model: Manifest, read: Callable[[Digest], bytes], loaders: Mapping[str, Loader]
) -> LoadedRelease:
    """Bring a release into memory whose admission and bundle the caller has just checked.

    Args:
        release: Its manifest.
        model: The manifest of its model.
        read: Reads an object, checked against its digest.
        loaders: Reads models, by the name of their format.

    Raises:
        InputError: The model cannot be read here.
        IntegrityError: The model is not this release's, or answers a golden question otherwise.
    """
    facts = from_json(ReleaseFacts, release.facts, "release")
    package = read_package(read(model.object(PACKAGE).sha256))
    if release.inputs_of("model") != (model.digest,) or package.name != facts.model_name:
        raise IntegrityError(
            "serve.other-model",
            "This model is not the one that the release names.",
            place=release.digest,
            found=f"{package.name}, {model.digest}",
            fix="Load the release by its digest; a model alone is never served.",
        )
    predictor = load_package(package, read(model.object(MODEL).sha256), loaders)
    return LoadedRelease(release.digest, model.digest, facts, package, predictor)
