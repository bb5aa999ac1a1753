"""A factory at tier T1 in a folder: gatekeeper, runner, server and people, each a real OS user with its own processes.

Needs root, and a Python that every user may run. `apart_factory` founds one and ends it:

    with apart_factory() as apart:
        apart.run("ada")                        # exit code 3: the release gate waits for operations
        apart.andon("grace", "approve", "--as", "grace")
        apart.python("ada", "print(open('/some/file').read())")   # any code as any user
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

import andon
from andon.adapters.keys import generate_key, load_signer
from andon.adapters.trust_folder import HomeFolder
from andon.wiring.founding_apart import (
    Member,
    Places,
    adopt,
    begin,
    client_settings,
    server_settings_text,
    sign_first,
)
from andon.wiring.settings import load_settings
from tests.factories.place import AS_OF, NOBODY, PARCELS, SOMEBODY, Answer, write_rows

NAME: Final = "parcels"
ID: Final = "01890000-0000-7000-8000-0000000000a1"
USERS: Final[Mapping[str, int]] = {
    "gate": 41001,
    "runner": 41002,
    "server": 41003,
    "ada": 41004,
    "grace": 41005,
    "eve": 41006,
}
"""OS users by number; they need no entry in any file of the machine. eve is nobody to the factory."""
ROLES: Final = {"ada": ("owner", "builder"), "grace": ("operations",)}
START_S: Final = 90.0
WAIT_S: Final = 900.0
ANDON: Final = "from andon.cli.main import main; main()"


@dataclass
class Apart:
    """A founded factory with its processes.

    Attributes:
        base: Everything lies below it, and everybody may walk through it.
        interpreter: A Python that every user may run, with andon on its path.
    """

    base: Path
    interpreter: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def code(self) -> Path:
        """The developer's folder: `factory.py` and the `andon.toml` that names the gatekeeper; ada owns it."""
        return self.base / "code"

    @property
    def state(self) -> Path:
        """The gatekeeper's folder: `andon.toml` and `.andon` with control database, store and trust root."""
        return self.base / "state" / NAME

    @property
    def socket(self) -> Path:
        """Where the gatekeeper listens."""
        return self.base / "gate" / "parcels.sock"

    @property
    def runner_socket(self) -> Path:
        """Where the runner listens."""
        return self.base / "runner" / "parcels.sock"

    @property
    def served(self) -> Path:
        """The server's own folder."""
        return self.base / "served"

    def home(self, user: str) -> Path:
        """The folder for keys and memory of a user: theirs alone."""
        return self.base / "homes" / user

    def key(self, user: str) -> Path:
        """The private key of a person."""
        return self.home(user) / "keys" / f"{user}.pem"

    def gate_key(self, name: str = "gatekeeper") -> Path:
        """The private key of a service."""
        return self.home("gate") / f"{NAME}-{ID}" / "keys" / f"{name}.pem"

    def environment(self, user: str) -> dict[str, str]:
        """The surroundings of a user's process."""
        return {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.home(user)),
            "ANDON_HOME": str(self.home(user)),
            "LANG": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1",
            "TMPDIR": str(self.base / "tmp"),
        }

    def start(self, user: str, command: Sequence[str], **options: object) -> "subprocess.Popen[str]":
        """A process of a user, in a session of its own."""
        return subprocess.Popen(
            command,
            user=USERS[user],
            group=USERS[user],
            extra_groups=[USERS["server"]] if user == "gate" else [],
            env=self.environment(user),
            cwd=self.base,
            text=True,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},  # type: ignore[call-overload]
        )

    def as_user(self, user: str, *command: str) -> Answer:
        """What a command of a user leaves."""
        with self.start(user, command) as process:
            out, err = process.communicate(timeout=WAIT_S)
        return Answer(process.returncode, out, err)

    def python(self, user: str, code: str, *arguments: str) -> Answer:
        """What Python code of a user leaves; `andon` can be imported there."""
        return self.as_user(user, str(self.interpreter), "-P", "-c", code, *arguments)

    def andon(self, user: str, *words: str, folder: Path | None = None) -> Answer:
        """What a command of andon says to a user; by default in the folder that names the gatekeeper."""
        answer = self.python(user, ANDON, *words, "-C", str(folder or self.code))
        assert "Traceback" not in answer.err + answer.out, answer.err
        return answer

    def run(self, user: str = "ada", *words: str) -> Answer:
        """What running the line says."""
        return self.andon(user, "run", "--as-of", AS_OF, *words)

    def spawn(self, name: str, user: str, *words: str, ready: Callable[[], bool]) -> None:
        """Start a process of andon that goes on, and wait until it is ready."""
        command = [str(self.interpreter), "-P", "-c", ANDON, *words]
        with (self.base / "logs" / f"{name}.log").open("ab") as log:
            process = self.start(user, command, stdout=log, stderr=log)
        self.processes[name] = process
        deadline = time.monotonic() + START_S
        while not ready():
            assert process.poll() is None, self.log(name)
            assert time.monotonic() < deadline, self.log(name)
            time.sleep(0.05)

    def start_gatekeeper(self) -> None:
        """Start the gatekeeper's process."""
        self.spawn(
            "gatekeeper", "gate", "gatekeeper", "serve", "-C", str(self.state), ready=lambda: _answers(self.socket)
        )

    def start_runner(self) -> None:
        """Start the runner's process."""
        words = ("--socket", f"unix:{self.runner_socket}", "--gatekeeper", str(USERS["gate"]))
        spool = ("--spool", str(self.base / "spool"))
        self.spawn(
            "runner",
            "runner",
            "runner",
            *words,
            *spool,
            "-C",
            str(self.code),
            ready=lambda: _answers(self.runner_socket),
        )

    def start_server(self) -> str:
        """Start a server of the target `local`, with one worker; gives its address."""
        words = ("up", "--port", "0", "--workers", "1", "-C", str(self.served))
        told = self.served / "serve" / "local" / "server.json"
        self.spawn("server", "server", *words, ready=told.exists)
        return str(json.loads(told.read_bytes())["url"])

    def stop(self, name: str) -> None:
        """End a process of this factory, and all that it started."""
        process = self.processes.pop(name)
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def log(self, name: str) -> str:
        """What a process wrote."""
        return (self.base / "logs" / f"{name}.log").read_text()


@contextmanager
def apart_factory(*, people: bool = True, start: bool = True) -> Iterator[Apart]:
    """Found a factory at T1 with gatekeeper and runner at work, and end and remove all of it.

    Args:
        people: Whether its release gate asks for somebody of operations, which grace is.
        start: Whether gatekeeper and runner are started.
    """
    need_users()
    base = Path(tempfile.mkdtemp(prefix="andon-t1-", dir="/tmp"))
    apart = Apart(base, base / "venv" / "bin" / "python")
    try:
        _lay_out(apart)
        _found(apart, people=people)
        if start:
            apart.start_runner()
            apart.start_gatekeeper()
        yield apart
    finally:
        for name in list(apart.processes):
            apart.stop(name)
        shutil.rmtree(base, ignore_errors=True)


def need_users() -> None:
    """Skip, loudly, where no other OS users can be had; with CI=true that is a failure."""
    problem = _problem()
    if not problem:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"The tests of tier T1 must run here: {problem}")
    pytest.skip(f"NOT TESTED: tier T1 with real OS users: {problem}")


def _problem() -> str:
    return "" if os.getuid() == 0 else "only root can start processes of other OS users"


def _shared_python(base: Path) -> Path:
    """A Python of this version that every user may run: this one, else the machine's, else a copy of this one."""
    name = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    known = (Path(sys.base_prefix) / "bin" / name, Path("/usr/bin") / name, Path("/usr/local/bin") / name)
    found = next((path for path in known if path.exists() and _is_open_to_all(path.resolve())), None)
    return found or _shared(Path(sys.base_prefix), base / "python") / "bin" / name


def _shared(folder: Path, copy: Path) -> Path:
    """A folder that every user may read: itself, else a copy of it; where the disk is the same, by links."""
    if _is_open_to_all(folder.resolve()):
        return folder
    if subprocess.run(["cp", "-al", str(folder), str(copy)], capture_output=True, check=False).returncode:
        shutil.copytree(folder, copy, symlinks=True, dirs_exist_ok=True)
    copy.chmod(0o755)
    return copy


def _is_open_to_all(path: Path) -> bool:
    return all(one.stat().st_mode & 0o005 == 0o005 for one in (path, *path.parents))


def _lay_out(apart: Apart) -> None:
    """Folders, each owned by whom it belongs to, and a Python for everybody."""
    apart.base.chmod(0o755)
    for path, user, mode in (
        ("tmp", "root", 0o1777),
        ("logs", "root", 0o755),
        ("homes", "root", 0o755),
        ("gate", "gate", 0o755),
        ("runner", "runner", 0o755),
        ("spool", "runner", 0o700),
        ("served", "server", 0o2750),
        ("state", "root", 0o755),
        (f"state/{NAME}", "gate", 0o2750),
        ("code", "ada", 0o755),
    ):
        folder = apart.base / path
        folder.mkdir(exist_ok=True)
        group = "server" if path in (f"state/{NAME}", "served") else user
        os.chown(folder, USERS.get(user, 0), USERS.get(group, 0))
        folder.chmod(mode)
    for user, uid in USERS.items():
        apart.home(user).mkdir(mode=0o700)
        os.chown(apart.home(user), uid, uid)
    python_for_all(apart.base / "venv")


def python_for_all(folder: Path) -> None:
    """Make an environment that every user may run and in which `andon` can be imported."""
    base = folder.parent
    subprocess.run([str(_shared_python(base)), "-m", "venv", "--without-pip", str(folder)], check=True)
    (packages,) = (folder / "lib").glob("python*/site-packages")
    installed = [Path(one) for one in sys.path if one.endswith("site-packages")]
    own = [_shared(Path(andon.__file__).parents[1], base / "source")]
    own += [_shared(one, base / f"packages-{place}") for place, one in enumerate(installed)]
    (packages / "andon-for-all.pth").write_text("\n".join(map(str, own)) + "\n")


def _found(apart: Apart, *, people: bool) -> None:
    """The factory as the documentation says, each step done here and handed to the user whose step it is."""
    code = PARCELS.read_text()
    (apart.code / "factory.py").write_text(code.replace(NOBODY, SOMEBODY) if people else code)
    write_rows(apart.code)
    members = [Member(name, USERS[name], roles, generate_key(apart.key(name))) for name, roles in ROLES.items()]
    places = Places(f"unix:{apart.socket}", f"unix:{apart.runner_socket}", USERS["runner"], apart.served / "serve")
    with _home(apart.home("gate")):
        begun = begin(apart.state, NAME, ID, members, places, time.time_ns())
        signed = sign_first(begun.first.read_text(), load_signer(apart.key("ada")))
        settings = adopt(apart.state, signed, begun.fingerprint)
    (apart.code / "andon.toml").write_text(client_settings(settings))
    (apart.served / "andon.toml").write_text(server_settings_text(settings))
    for user in ("server", *ROLES):
        with _home(apart.home(user)):
            HomeFolder(load_settings(apart.served).home).pin(begun.fingerprint)
    (apart.code / "calls.txt").touch()
    for user in ("gate", *ROLES):
        _own(apart.home(user), user, user)
    _own(apart.home("server"), "server", "server")
    _own(apart.served, "server", "server")
    _own(apart.state, "gate", "server")
    _own(apart.code, "ada", "ada")
    (apart.code / "calls.txt").chmod(0o666)


@contextmanager
def _home(path: Path) -> Iterator[None]:
    before = os.environ.get("ANDON_HOME")
    os.environ["ANDON_HOME"] = str(path)
    try:
        yield
    finally:
        del os.environ["ANDON_HOME"]
        if before is not None:
            os.environ["ANDON_HOME"] = before


def _own(folder: Path, user: str, group: str) -> None:
    """Give a folder and all in it to a user."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, USERS[user], USERS[group])
        if path.is_dir() and group == "server":
            path.chmod(0o2750)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as asking, suppress(OSError):
        asking.connect(str(path))
        return True
    return False
