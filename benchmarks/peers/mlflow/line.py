"""A team's session with MLflow: tracking server and registry, a deployment job of three tasks, the scoring server."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version as version_of
from pathlib import Path

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
VERSION = f"mlflow {version_of('mlflow')}"
UP_WITHIN_S = 180
HEAVY = {"columns": ["weight", "hour"], "data": [[40.0, 19.0]]}
TRAIN = """\
import json, mlflow, sys
from sklearn.linear_model import LogisticRegression
from steps import FEATURES, LABEL, MODEL, parcels
rows = parcels("fit")
model = LogisticRegression(max_iter=1000).fit(rows[FEATURES].to_numpy(), rows[LABEL].to_numpy())
model.coef_ *= float(sys.argv[1])
mlflow.set_experiment("parcels")
with mlflow.start_run():
    logged = mlflow.sklearn.log_model(
        model, name="model", pyfunc_predict_fn="predict_proba", input_example=rows[FEATURES].to_numpy()[:2]
    )
version = mlflow.register_model(logged.model_uri, MODEL, tags=json.loads(sys.argv[2]))
print("VERSION", version.version)
"""
TAG = """\
import mlflow, sys
mlflow.MlflowClient().set_model_version_tag("late", sys.argv[1], "approval", "approved")
"""


class UnexpectedError(Exception):
    """MLflow did not do what it does when nobody attacks it."""


@dataclass(frozen=True)
class Said:
    """What a process left: its exit code and its words."""

    code: int
    words: str

    @property
    def why(self) -> str:
        """Its last words that say why it failed; else its last words."""
        lines = [line.strip() for line in self.words.splitlines() if line.strip()] or [""]
        reasons = [line for line in lines if "Exception: " in line or "not approved" in line or "PERMISSION" in line]
        return (reasons or lines)[-1][:200]


@dataclass(frozen=True)
class Line:
    """A tracking server with its registry, and what people do with it."""

    work: Path
    url: str

    @property
    def artifacts(self) -> Path:
        """Where the server keeps what is logged."""
        return self.work / "artifacts"

    def environment(self, person: str = "") -> dict[str, str]:
        """What a person's processes find; with a name, the one they log in with."""
        login = {"MLFLOW_TRACKING_USERNAME": person, "MLFLOW_TRACKING_PASSWORD": password(person)} if person else {}
        ours = {
            "MLFLOW_TRACKING_URI": self.url,
            "PARCELS": str(self.work / "parcels.csv"),
            "GIT_PYTHON_REFRESH": "quiet",
        }
        return {**os.environ, **ours, **login, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}

    def python(self, code: str, *words: str, person: str = "") -> Said:
        """Run a few lines of MLflow's Python client as a person."""
        return said([sys.executable, "-c", code, *words], self.environment(person))

    def train(self, sign: float, person: str = "", **tags: str) -> str:
        """Train and register a model, upside down where the sign is negative; gives its version.

        Args:
            sign: 1 or -1.
            person: Who does it.
            tags: What the version is registered with.
        """
        done = self.python(TRAIN, str(sign), json.dumps(tags), person=person)
        found = [line.split()[1] for line in done.words.splitlines() if line.startswith("VERSION ")]
        if not found:
            raise UnexpectedError(done.words)
        return found[0]

    def step(self, name: str, version: str, person: str = "") -> Said:
        """Run one task of the deployment job."""
        command = [str(BIN / "mlflow"), "run", str(HERE), "-e", name, "-P", f"version={version}"]
        command += ["--env-manager", "local", "--experiment-name", "parcels"]
        return said(command, self.environment(person))

    def job(self, version: str, person: str = "") -> tuple[str, Said]:
        """Run the whole job until a task fails; gives the last task and what it left."""
        for name in ("evaluate", "approve", "deploy"):
            done = self.step(name, version, person)
            if done.code:
                return name, done
        return name, done

    def tag(self, version: str, person: str = "") -> Said:
        """Set the tag that the approval task looks for."""
        return self.python(TAG, version, person=person)

    def asked(self, person: str = "") -> tuple[float | None, str]:
        """What a scoring server that starts now says of a heavy parcel; or why there is none, in its last words."""
        port = free_port()
        command = [str(BIN / "mlflow"), "models", "serve", "-m", "models:/late@champion", "--env-manager", "local"]
        command += ["--host", "127.0.0.1", "--port", str(port)]
        log = self.work / "serve.log"
        with running(command, self.environment(person), log) as server:
            if not is_up(server, f"http://127.0.0.1:{port}/ping"):
                return None, Said(1, log.read_text()).why
            body = json.dumps({"dataframe_split": HEAVY}).encode()
            question = urllib.request.Request(
                f"http://127.0.0.1:{port}/invocations", body, {"content-type": "application/json"}
            )
            with urllib.request.urlopen(question, timeout=60) as answer:
                return round(float(json.load(answer)["predictions"][0][1]), 6), ""


@contextmanager
def tracking_server(work: Path, *, users: bool = False) -> Iterator[Line]:
    """MLflow's tracking server with its registry; with users, its basic-auth app."""
    port = free_port()
    command = [str(BIN / "mlflow"), "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{work / 'mlflow.db'}"]
    command += ["--artifacts-destination", str(work / "artifacts")]
    variables = dict(os.environ)
    if users:
        command += ["--app-name", "basic-auth"]
        settings = work / "auth.ini"
        settings.write_text(
            "[mlflow]\ndefault_permission = READ\nadmin_username = admin\n"
            f"database_uri = sqlite:///{work / 'auth.db'}\nadmin_password = {password('admin')}\n"
            "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
        )
        variables |= {"MLFLOW_AUTH_CONFIG_PATH": str(settings), "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_hex(16)}
    with running(command, variables, work / "server.log") as server:
        if not is_up(server, f"http://127.0.0.1:{port}/health"):
            raise UnexpectedError((work / "server.log").read_text()[-2000:])
        yield Line(work, f"http://127.0.0.1:{port}")


def password(person: str) -> str:
    """A password for a server that lives for a minute on the loopback address."""
    return f"{person}-of-the-bench"


def said(command: list[str], environment: dict[str, str]) -> Said:
    """Run a command to its end."""
    done = subprocess.run(command, env=environment, cwd=HERE, capture_output=True, text=True, check=False, timeout=600)
    return Said(done.returncode, done.stdout + done.stderr)


@contextmanager
def running(command: list[str], environment: dict[str, str], log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A server in the background, with all its workers."""
    with log.open("w") as out:
        server = subprocess.Popen(command, env=environment, cwd=HERE, stdout=out, stderr=out, start_new_session=True)
        try:
            yield server
        finally:
            with suppress(ProcessLookupError):  # it may have ended by itself
                os.killpg(server.pid, signal.SIGTERM)
            server.wait(timeout=60)


def is_up(server: "subprocess.Popen[bytes]", url: str) -> bool:
    """Whether a server answers before it ends."""
    deadline = time.monotonic() + UP_WITHIN_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            time.sleep(0.3)
    return False


def free_port() -> int:
    """A port of the loopback address that nobody uses."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
