"""What a gatekeeper of its own is told in `andon.toml`: read strictly, refused with a way out."""

import os
import pwd

import pytest

from andon.kernel.errors import AndonError
from andon.wiring.processes.gatekeeper import checked
from andon.wiring.processes.runner import runner_settings
from andon.wiring.settings import load_settings

HEAD = '[factory]\nname = "parcels"\nid = "01890000-0000-7000-8000-000000000001"\n'
OTHER = os.getuid() + 7
GATE = f'[gatekeeper]\nsocket = "unix:/run/g/g.sock"\nrunner = "unix:/run/r/r.sock"\nrunner_user = {OTHER}\n'
PEOPLE = f"[people]\nada = {OTHER + 1}\n"


def settings_of(tmp_path, text: str):
    (tmp_path / "andon.toml").write_text(HEAD + text)
    return load_settings(tmp_path)


def refusal(action) -> AndonError:
    with pytest.raises(AndonError) as refused:
        action()
    return refused.value


def test_who_is_who_is_read_by_name_or_number(tmp_path):
    root = pwd.getpwuid(0).pw_name
    apart = settings_of(tmp_path, GATE + PEOPLE + f'grace = "{root}"\n').apart
    assert apart.people == {OTHER + 1: "ada", 0: "grace"}
    assert (str(apart.socket), apart.runner.uid, apart.measurer) == ("/run/g/g.sock", OTHER, apart.runner)


def test_a_second_runner_asks_models_where_it_is_named(tmp_path):
    more = f'measurer = "unix:/run/m/m.sock"\nmeasurer_user = {OTHER + 2}\n'
    apart = settings_of(tmp_path, GATE + more + PEOPLE).apart
    assert (apart.measurer.uid, str(apart.measurer.socket)) == (OTHER + 2, "/run/m/m.sock")


def test_a_folder_without_these_tables_has_no_gatekeeper_of_its_own(tmp_path):
    settings = settings_of(tmp_path, "")
    assert (settings.apart, settings.gatekeeper) == (None, None)
    assert refusal(lambda: checked(settings)).code == "gatekeeper.not-apart"


@pytest.mark.parametrize(
    "text",
    [
        GATE,
        PEOPLE,
        GATE + "[people]\n",
        GATE + f"[people]\nada = {OTHER + 1}\ngrace = {OTHER + 1}\n",
        GATE + '[people]\nada = "no such user here"\n',
        GATE + "[people]\nada = true\n",
        GATE + "[people]\nada = -1\n",
        GATE + f'[people]\n"../ada" = {OTHER}\n',
        GATE + "colour = 1\n" + PEOPLE,
        GATE.replace("unix:/run/g", "/run/g") + PEOPLE,
        GATE.replace("unix:/run/g", "unix:run/g") + PEOPLE,
        GATE.replace("/run/g", "/run/" + "g" * 120) + PEOPLE,
        GATE + "key = 7\n" + PEOPLE,
        '[state]\ngatekeeper = "tcp:1"\n',
    ],
)
def test_what_means_nothing_is_refused(tmp_path, text):
    error = refusal(lambda: settings_of(tmp_path, text))
    assert error.code == "settings.malformed"
    assert error.fix


def test_a_gatekeeper_that_is_a_person_or_runs_their_code_does_not_start(tmp_path):
    for text in (GATE.replace(str(OTHER), str(os.getuid())) + PEOPLE, GATE + f"[people]\nada = {os.getuid()}\n"):
        settings = settings_of(tmp_path, text)
        assert refusal(lambda s=settings: checked(s)).code == "gatekeeper.same-user"


def test_a_gatekeeper_whose_settings_others_write_does_not_start(tmp_path):
    settings = settings_of(tmp_path, GATE + PEOPLE)
    assert checked(settings) == settings.apart
    (tmp_path / "andon.toml").chmod(0o666)
    assert refusal(lambda: checked(settings)).code == "gatekeeper.open-settings"


def test_a_runner_does_not_start_as_the_gatekeepers_user(tmp_path):
    socket = "unix:/run/r/r.sock"
    assert runner_settings(tmp_path, socket, str(OTHER), tmp_path).gatekeeper == OTHER
    assert refusal(lambda: runner_settings(tmp_path, socket, str(os.getuid()), tmp_path)).code == "runner.same-user"
