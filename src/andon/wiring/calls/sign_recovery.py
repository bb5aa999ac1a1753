"""Signing a recovery where the person's key is; the factory, and its gatekeeper, may be elsewhere."""

from collections.abc import Callable
from pathlib import Path

from andon.attest import envelope as envelopes
from andon.attest.statement import from_bytes, seal
from andon.wiring.ask import ask
from andon.wiring.calls.recovering import Recovered, RecoveryText, hand_in_recovery, propose_recovery
from andon.wiring.settings import load_settings
from andon.wiring.signing import person_signer


def recover_ledger(
    folder: Path,
    *,
    reason: str,
    person: str = "",
    key_uri: str = "",
    show: Callable[[RecoveryText], None] = lambda _: None,
) -> Recovered:
    """Sign that a restored ledger goes on without what it lost; with the last signature it does.

    The first person says why and signs; where the trust root asks for more people, each further one signs the same.

    Args:
        folder: The factory's folder.
        reason: Why; only the first person gives one.
        person: Who signs; empty for who is acting.
        key_uri: Their key, where it is not their file on this machine.
        show: Is given what will be signed, before it is.

    Raises:
        UsageError: A reason is missing (`recovery.no-reason`), or nothing was lost (`recovery.nothing-lost`).
        RefusedError: The person may not sign a trust root (`recovery.not-an-owner`), or what is here is not what
            others signed for.
        IntegrityError: The restored ledger does not hold by itself.
    """
    settings = load_settings(folder)
    signer = person_signer(settings, person or settings.person, key_uri)
    text = ask(propose_recovery, folder, reason)
    show(text)
    envelope = seal(from_bytes(text.statement.encode()), signer)
    return ask(hand_in_recovery, folder, envelopes.to_json(envelope).decode())
