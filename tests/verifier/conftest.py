"""A pack from a real factory, and the verifier loaded from its file as others get it."""

import base64
import hashlib
import importlib.util
import json
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from andon.wiring.calls.evidence.exporting import VERIFIER, evidence_of
from andon.wiring.calls.releases import releases_of
from tests.wiring.small_factory import SmallFactory, released_in

SOURCE = Path(__file__).parents[2] / "src" / "andon" / "verifier" / VERIFIER


@dataclass
class Made:
    """A pack, the factory it is from, and the fingerprint of that factory's first trust root."""

    small: SmallFactory
    release: str
    root: str
    data: bytes


@pytest.fixture(scope="session")
def verify() -> ModuleType:
    """The verifier as a module of its own, from the bytes of its file."""
    spec = importlib.util.spec_from_file_location("andon_verify_alone", SOURCE)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def made(states, tmp_path_factory) -> Made:
    """A pack of a factory that was run to a released model."""
    small = released_in(states).copied_to(tmp_path_factory.mktemp("made"))
    with pytest.MonkeyPatch.context() as surroundings:
        surroundings.setenv("ANDON_HOME", str(small.home))
        surroundings.setenv("ANDON_AS", "ada")
        release = releases_of(small.folder).to_json()[0]["release"]
        return Made(small, release, fingerprint_of(small), evidence_of(small.folder, release))


@pytest.fixture
def released(made, tmp_path, monkeypatch) -> SmallFactory:
    """A copy of that factory, for tests that go on with it."""
    small = made.small.copied_to(tmp_path)
    monkeypatch.setenv("ANDON_HOME", str(small.home))
    monkeypatch.setenv("ANDON_AS", "ada")
    return small


@pytest.fixture
def check(verify, made) -> Callable[..., tuple[int, list[tuple[str, str]], list[str]]]:
    """Checks the bytes of a pack: exit code, problems by file, what holds."""

    def checked(data: bytes, root: str | None = made.root, **asked):
        wanted = {"max_age_ns": None, "witnesses": (), "seen": None, "now_ns": time.time_ns(), **asked}
        question = verify.Asked(root=root, **wanted)
        checks, index = verify.check_pack(data, question)
        return verify.report(checks, index, question), checks.problems, checks.held

    return checked


def fingerprint_of(small: SmallFactory) -> str:
    """What a person would have been told of the factory's trust root."""
    envelope = json.loads((small.folder / ".andon" / "trust" / "root-000001.json").read_bytes())
    return f"sha256:{hashlib.sha256(base64.b64decode(envelope['payload'])).hexdigest()}"


@pytest.fixture(scope="session")
def bare_python(tmp_path_factory) -> Path:
    """A folder with `cryptography` and what it needs, and nothing else."""
    import cffi
    import cryptography

    folder = tmp_path_factory.mktemp("bare")
    for package in (cryptography, cffi):
        shutil.copytree(Path(package.__file__).parent, folder / package.__name__)
    for file in Path(cffi.__file__).parents[1].glob("_cffi_backend*"):
        shutil.copy(file, folder)
    return folder
