"""Fixed test keys, and a small trust root."""

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from andon.adapters.keys import Ed25519Signer, verifier
from andon.attest.trust_root import Demand, Floor, KeyState, Principal, RoleInterval, TrustRoot, Waivable
from andon.contracts.policy import Criterion
from andon.kernel.digest import of_bytes
from andon.kernel.signing import Verifier, public_key


def _signer(seed: int) -> Ed25519Signer:
    private = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    return Ed25519Signer(public_key(private.public_key().public_bytes_raw()), private)


def _active(*seeds: int) -> tuple[KeyState, ...]:
    return tuple(KeyState(_signer(seed).public, "active", 100) for seed in seeds)


@pytest.fixture(scope="session")
def signer_of() -> Callable[[int], Ed25519Signer]:
    """Signers with fixed keys, by number."""
    return _signer


@pytest.fixture(scope="session")
def verifiers_for() -> Callable[..., dict[str, Verifier]]:
    """Verifiers of fixed keys, by key id."""
    return lambda *seeds: {_signer(seed).key_id: verifier(_signer(seed).public) for seed in seeds}


@pytest.fixture(scope="session")
def root() -> TrustRoot:
    """Ada has two keys (1, 2), Ben (3) and Cleo (4) one each, the gatekeeper (5) and the log (6) are services."""
    return TrustRoot(
        version=1,
        domain="example.com",
        factory="flights",
        expires_ns=1_000_000,
        quorum=2,
        root_keys=tuple(_signer(seed).key_id for seed in (1, 2, 3)),
        principals=(
            Principal("ada", "person", _active(1, 2), (RoleInterval("model-owner", 100),)),
            Principal("ben", "person", _active(3), (RoleInterval("risk", 100, 500), RoleInterval("risk", 700))),
            Principal("cleo", "person", _active(4)),
            Principal("gatekeeper", "service", _active(5), (RoleInterval("gate", 100),)),
            Principal("ledger", "service", _active(6), (RoleInterval("log", 100),)),
        ),
        floors=(
            Floor("local", False, ("data", "training", "model", "release")),
            Floor(
                "eu",
                True,
                ("data", "training", "model", "release"),
                (("model-owner", 1), ("risk", 2), ("legal", 1)),
                owner="risk",
                tier="T1",
                criteria=(Demand("model", Criterion("auc", "ge", 0.75, side="lower", min_n=500)),),
                policies=(("data:flights", of_bytes(b"policy")),),
                waivable=(Waivable("model", "auc", "risk", 1_000_000),),
                first_criteria=(Demand("model:late", Criterion("auc", "ge", 0.8)),),
                first_signoffs=(("legal", 2),),
                looks=20,
            ),
        ),
    )


@pytest.fixture(scope="session")
def golden() -> Path:
    """The frozen wire formats."""
    return Path(__file__).parents[1] / "golden"
