"""The catalogue as the page `docs/attacks.md`: written by `python -m tests.redteam.table`, compared by a test."""

from itertools import groupby
from pathlib import Path
from typing import Final

from tests.redteam.catalogue import Attack, everything
from tests.redteam.tier_one import FILES

PAGE: Final = Path(__file__).parents[2] / "docs" / "attacks.md"
SUBJECTS: Final = {
    1: "Bytes exchanged between the check and the use",
    2: "Something served that is no release",
    3: "The last step run alone",
    4: "Gates left out",
    5: "Targets and releases renamed",
    6: "Thresholds changed",
    7: "The policy's text changed",
    8: "Verdicts that lie",
    9: "Values that are none",
    10: "Too few rows",
    11: "Tried again until it passes",
    12: "Rows and measurements of one's own",
    13: "Evidence, lineage and publication exchanged",
    14: "Measured values rewritten",
    15: "A Pass invented",
    16: "The gate's signature by others",
    17: "The gate's signature by another service",
    18: "Signatures forged",
    19: "One person as two",
    20: "One's own work approved",
    21: "Approvals used for something else",
    22: "The deployment changed after the approval",
    23: "Roles that one does not hold",
    24: "Roles lost in between",
    25: "Approvals out of their time",
    26: "Rejections passed over",
    27: "Waivers that do not cover",
    28: "What nobody may waive",
    29: "Rows of the ledger changed",
    30: "The ledger cut back",
    31: "The ledger written anew with keys",
    32: "Names and notes moved by hand",
    33: "The engine's state changed",
    34: "History deleted",
    35: "Clocks turned",
    36: "One kind of document taken for another",
    37: "Releases on other targets",
    38: "The trust root",
    39: "Revoked releases, and who asks",
    40: "Files hidden in a model",
    41: "Features and data changed at serving",
    42: "Others than people approve",
    44: "Bundles forged or trimmed",
    45: "Ways around by command",
    46: "Malformed documents",
    47: "Keys of the same user",
    48: "The route moved",
    49: "Delegations",
    50: "Floors",
    51: "Sockets and processes of other users",
    52: "Witnesses deceived",
    53: "Recovery without right",
    54: "Evidence packs",
    55: "Traces that only an audit finds",
}
HEAD: Final = """\
# Attacks

Every way around a gate that we know of, executed. `make test` makes each attack once; `make redteam` makes them at both
tiers and then switches each check of the rooms that decide off in turn: one of these attacks must then get through. An
attack counts as stopped when what the attacker wanted was not reached, and the refusal names the check that stopped it.

At tier T0 everything runs as one OS user, and whoever is that user can read every key: *it catches mistakes, not
attackers*. What is **open** there is named here and not hidden. At T1 ([tiers](tiers.md)) the gatekeeper is an OS user
of its own: *denied* means that the operating system refused the attack's first move to the developer's user, the
runner's, the server's and a stranger's alike. Where both columns name the same check, the gatekeeper refuses what is
asked of it, whoever asks.

There is no attack on monitors or breakers yet: releases do not have any.

"""
FOOT: Final = """\

This page is written by `python -m tests.redteam.table`, and a test compares it with the catalogue.
"""


def page() -> str:
    """The whole page."""
    attacks = everything()
    t0 = [one for one in attacks if one.needs != "apart"]
    opened = [one for one in t0 if one.open_at_t0]
    counts = f"{len(t0)} attacks at T0, of which {len(opened)} are open; {len(attacks)} at T1, all stopped.\n"
    parts = [HEAD, counts]
    for number, group in groupby(attacks, key=_row):
        parts.append(f"\n## {SUBJECTS[number]}\n\n| | attack | door | at T0 | at T1 |\n|---|---|---|---|---|\n")
        parts += [_line(one) for one in group]
    return "".join(parts) + FOOT


def _row(one: Attack) -> int:
    return int(one.number.rstrip("abcdefghijklmnopqrstuvwxyz"))


def _line(one: Attack) -> str:
    codes = ", ".join(f"`{code}`" for code in sorted(one.codes - {"denied"}))
    at_t0 = (
        "there are no sockets" if one.needs == "apart" else f"**open**: {one.open_at_t0}" if one.open_at_t0 else codes
    )
    is_denied = one.needs != "apart" and (one.open_at_t0 or one.door in FILES)
    at_t1 = "denied" if is_denied else codes or "denied"
    return f"| {one.number} | {one.title} | {one.door} | {at_t0} | {at_t1} |\n"


if __name__ == "__main__":
    PAGE.write_text(page())
