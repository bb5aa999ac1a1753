"""The trust root at tier T1: people verify it from their own pin and sign on their side; the files are not theirs."""

import pytest

from andon.attest.envelope import from_json
from andon.attest.trust_json import fingerprint, from_bytes
from tests.factories.tiers import apart_factory, need_users


@pytest.mark.slow
def test_an_owner_changes_the_policy_of_a_gatekeeper_whose_files_they_cannot_write():
    """Neither the owner's key nor their belief in the trust root depends on the process that keeps it."""
    need_users()
    with apart_factory(people=True, start=True) as apart:
        (first,) = apart.state.rglob("root-000001.json")
        root = from_bytes(from_json(first.read_bytes()).payload)
        for person in ("ada", "grace"):
            assert apart.andon(person, "policy", "pin", fingerprint(root)).code == 0
        shown = apart.andon("ada", "policy", "show", "--toml").out
        file = apart.code / "policy.toml"
        file.write_text(shown.replace("signoffs = {}", "signoffs = { operations = 1 }", 1))
        file.chmod(0o644)
        assert apart.andon("ada", "policy", "propose", str(file)).code == 0
        assert "policy.not-a-signer" in apart.andon("grace", "policy", "sign", "--as", "grace").err
        signed = apart.andon("ada", "policy", "sign", "--as", "ada")
        assert "Version 2 of the trust root is in force." in signed.out, signed.err
        assert first.with_name("root-000002.json").exists()
        assert apart.andon("grace", "policy", "diff").out.startswith("Version 2 against version 1:")
        assert apart.andon("eve", "policy", "withdraw").code != 0
