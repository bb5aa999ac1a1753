"""A token in software (SoftHSM), with which everything is done as with one of metal."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

PIN = "4711-pin"
MODULES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
)


@dataclass(frozen=True)
class SoftToken:
    """A token called `people`, and the module that reads it."""

    module: str
    folder: Path
    label: str = "people"

    def uri(self, name: str, more: str = "") -> str:
        return f"pkcs11:token={self.label};object={name}?module-path={self.module}{more}"

    def new(self, label: str) -> Path:
        """Another token; the folder that is it."""
        before = set(self.folder.iterdir())
        words = ("--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", "0815-so-pin")
        subprocess.run(["softhsm2-util", *words], check=True, capture_output=True)
        (made,) = set(self.folder.iterdir()) - before
        return made


@contextmanager
def software_token(folder: Path) -> Iterator[SoftToken]:
    """A token in a folder, made when it is not there; one for all tests of a process, which loads SoftHSM once."""
    module = next((path for path in MODULES if Path(path).exists()), "")
    if not module or not shutil.which("softhsm2-util"):
        assert os.environ.get("CI") != "true", "SoftHSM is missing; see `make debian`"
        pytest.skip("SoftHSM is not installed here, so no key on a token is tested: apt-get install softhsm2")
    settings, is_new = folder / "softhsm2.conf", not folder.exists()
    (folder / "tokens").mkdir(parents=True, exist_ok=True)
    settings.write_text(f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n")
    with pytest.MonkeyPatch.context() as surroundings:
        surroundings.setenv("SOFTHSM2_CONF", str(settings))
        token = SoftToken(module, folder / "tokens")
        if is_new:
            token.new(token.label)
        yield token
