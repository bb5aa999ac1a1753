"""A revoked release is loaded by no server any more, and nothing falls back to it; a fix still goes forward."""

import pytest

from andon.adapters.keys import generate_key, load_signer
from andon.attest.statement import seal
from andon.gates.serving import Revocation, decision_statement
from andon.kernel.errors import IntegrityError, RefusedError, UsageError
from andon.wiring.calls.auditing import verify_factory
from andon.wiring.calls.revoking import revoke
from andon.wiring.factory import open_factory
from andon.wiring.revocations import publish_revocation, revoked_on
from andon.wiring.served import BundledReleases
from andon.wiring.serving import flip_back
from andon.wiring.settings import load_settings
from andon.wiring.targets import server_settings
from andon.wiring.trust import current_root


@pytest.fixture
def served(released):
    """The settings of the server of `local`, and the release that it serves."""
    settings = load_settings(released.folder)
    with open_factory(released.folder) as opened:
        return server_settings(settings, "local"), opened.gatekeeper.serving("late", "local")


def load(served):
    server, release = served
    return BundledReleases(server.serve_folder("late"), server).check(release)


def test_a_revoked_release_is_loaded_no_more(released, served):
    assert load(served).release == served[1]
    revoked = revoke(
        released.folder, "release", served[1][7:19], person="ada", reason="it was trained on the wrong depot"
    )
    assert (revoked.digest, revoked.by, revoked.serves) == (served[1], "ada", ("late on local",))
    with pytest.raises(RefusedError, match=r"gates\.revoked"):
        load(served)
    with pytest.raises(RefusedError, match=r"serve\.revoked"):
        flip_back(served[0], "late", served[1])
    again = revoke(released.folder, "release", served[1], person="ada", reason="said twice")
    assert again.statement == revoked.statement


def test_a_revocation_by_nobody_stops_every_load_and_is_said(released, served, tmp_path):
    """It could hide which release is meant, so none is loaded until it is mended."""
    settings = load_settings(released.folder)
    root = current_root(settings)
    generate_key(tmp_path / "stranger.pem")
    forged = decision_statement(Revocation(root.domain, root.factory, "sha256:" + "0" * 64, "ada", "because", 0))
    publish_revocation(settings.serving("local"), seal(forged, load_signer(tmp_path / "stranger.pem")))
    with pytest.raises(IntegrityError, match=r"serve\.revocation-damaged"):
        load(served)
    with pytest.raises(IntegrityError):
        revoked_on(settings.serving("local"), root)


def test_what_cannot_be_revoked_or_has_no_reason_is_refused(released, served):
    for kind, text, code in (
        ("release", "00000000", "look.unknown"),
        ("waiver", "00000000", "waiver.unknown"),
        ("delegation", "00000000", "delegation.unknown"),
        ("verdict", served[1], "revoke.unknown-kind"),
    ):
        with pytest.raises(UsageError, match=code):
            revoke(released.folder, kind, text, person="ada", reason="why")
    with pytest.raises(UsageError, match=r"revoke\.no-reason"):
        revoke(released.folder, "release", served[1], person="ada", reason=" ")
    with pytest.raises(UsageError, match=r"approve\.no-key"):
        revoke(released.folder, "release", served[1], person="nobody", reason="why")
    assert load(served).release == served[1]
    assert verify_factory(released.folder, lambda _: None).is_clean
