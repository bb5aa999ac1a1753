"""Approves one's own model, under the narrowest permissions with which a version can be registered at all."""

import sys
from pathlib import Path

from line import VERSION, UnexpectedError, password, tracking_server

SET_UP = """\
import sys, mlflow
from mlflow.server.auth.client import AuthServiceClient
auth = AuthServiceClient(mlflow.get_tracking_uri())
for name, password in zip(sys.argv[1::2], sys.argv[2::2]):
    auth.create_user(name, password)
mlflow.MlflowClient().create_registered_model("late")
experiment = mlflow.create_experiment("parcels")
auth.grant_user_permission("ada", "experiment", experiment, "EDIT")
auth.grant_user_permission("ada", "registered_model", "late", "EDIT")
auth.grant_user_permission("ada", "registered_model_version", "*", "READ")
auth.grant_user_permission("robot", "experiment", experiment, "EDIT")
auth.grant_user_permission("robot", "registered_model", "late", "EDIT")
"""


def main(work: Path) -> None:
    """Ada may register versions and edit none; the robot deploys, and only what bears the approval tag."""
    print(f"version: {VERSION}")
    with tracking_server(work, users=True) as line:
        people = [word for name in ("ada", "grace", "robot") for word in (name, password(name))]
        made = line.python(SET_UP, *people, person="admin")
        if made.code:
            raise UnexpectedError(made.words)
        first = line.train(1.0, person="ada")
        task, done = line.job(first, person="robot")
        print(f"ada registers version {first}; the robot's job stops at {task!r}: {done.why}")
        tagged = line.tag(first, person="ada")
        print(f"ada tags it approved, with READ on versions: exit code {tagged.code}: {tagged.why}")
        second = line.train(1.0, person="ada", approval="approved")
        print(f"ada registers version {second} and gives the tag approval=approved in the same request")
        task, done = line.job(second, person="robot")
        answer, words = line.asked(person="robot")
    if answer is not None and not done.code:
        print(f"SUCCEEDED: served version {second}, approved by nobody but its maker; it says {answer}")
    else:
        print(f"REFUSED {task}: {done.why or words}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
