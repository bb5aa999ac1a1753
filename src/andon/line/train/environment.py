"""What a training ran in: exact distributions, Python, platform, and a fingerprint of its mathematics library."""

import math
import platform
import re
import sysconfig
from collections.abc import Callable, Iterable
from importlib import metadata
from typing import Final

from andon.contracts.model import Environment
from andon.kernel.digest import Digest, of_value

_FUNCTIONS: Final[tuple[Callable[[float], float], ...]] = (
    math.exp,
    math.log,
    math.log1p,
    math.expm1,
    math.sin,
    math.cos,
    math.tanh,
    math.sqrt,
    math.erf,
    math.cbrt,
)
# Arguments where mathematics libraries round differently: spread over the range, none of them special.
_ARGUMENTS: Final = tuple(math.ldexp(1 + (number * 0.6180339887498949) % 1.0, number % 11 - 6) for number in range(64))


def capture() -> Environment:
    """The environment of this process."""
    return Environment(
        python=f"{platform.python_implementation()} {platform.python_version()}",
        platform="-".join([sysconfig.get_platform(), *filter(None, platform.libc_ver())]),
        distributions=distributions((item.metadata["Name"], item.version) for item in metadata.distributions()),
        libm=libm_digest(),
    )


def distributions(found: Iterable[tuple[str | None, str]]) -> dict[str, str]:
    """Versions by normalised name, sorted; of a name found twice the first counts, as it does for an import."""
    versions: dict[str, str] = {}
    for name, version in found:
        if name:
            versions.setdefault(re.sub(r"[-_.]+", "-", name).lower(), version)
    return dict(sorted(versions.items()))


def libm_digest() -> Digest:
    """Digest of a fixed table of elementary functions: another one means other bits in features and predictions."""
    return of_value([[function(x).hex() for x in _ARGUMENTS] for function in _FUNCTIONS])
