"""How people are told, as a file says it: a command as a list and an interval, or a refusal that says what is odd."""

from pathlib import Path

import pytest

from andon.kernel.clock import duration_ns
from andon.kernel.errors import InputError
from andon.wiring.remind_settings import UNTOLD, Remind, read_remind

PLACE = Path("andon.toml")


def test_nobody_is_told_unless_a_command_says_how():
    assert read_remind(PLACE, {}) == UNTOLD
    assert UNTOLD.notify == ()
    told = read_remind(PLACE, {"notify": ["tell", "--by", "mail"], "every": "4h"})
    assert told == Remind(("tell", "--by", "mail"), duration_ns("4h"))


@pytest.mark.parametrize(
    "table",
    [
        [],
        "tell",
        {"notify": "tell --by mail"},
        {"notify": ["tell", 1]},
        {"notify": [""]},
        {"every": "0s"},
        {"every": "daily"},
        {"every": 86400},
        {"evrey": "1d"},
    ],
)
def test_what_means_nothing_is_refused(table):
    with pytest.raises(InputError, match=r"settings\.malformed"):
        read_remind(PLACE, table)
