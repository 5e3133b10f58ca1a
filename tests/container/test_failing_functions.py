"""A handler that raises, takes too long, takes too much, or ends: the same error both ways."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dropforge.build import build
from dropforge.project import Project
from dropforge.target import Target, local_target
from embedded_aws.deploy import deploy_stack
from tests.loop.conftest import start_hurried

from .bases import ROOT
from .sam import SAM, run
from .stack import STOP_SECONDS

_HANDLERS = """
import os, time

def raises(event, context):
    raise ValueError("no such thing")

def hangs(event, context):
    time.sleep(600)

def eats(event, context):
    eaten = []
    while True:
        eaten.append(b"x" * (1 << 24))

def leaves(event, context):
    os._exit(3)
"""
_TEMPLATE = """
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Globals:
  Function: {{Runtime: python3.13, MemorySize: 128, Architectures: [{architecture}]}}
Resources:
"""


_FUNCTION = """
  {name}:
    Type: AWS::Serverless::Function
    Properties: {{CodeUri: code, Handler: app.{handler}, Timeout: {timeout}}}
"""
_TIMEOUTS = {"Raises": 20, "Hangs": 5, "Eats": 60, "Leaves": 20}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a stack of such functions."""
    folder = tmp_path_factory.mktemp("failing")
    (folder / "code").mkdir()
    (folder / "code/app.py").write_text(_HANDLERS)
    architecture = build(Project(ROOT, folder / "state")).architecture
    path = folder / "template.yaml"
    functions = [
        _FUNCTION.format(name=name, handler=name.lower(), timeout=timeout)
        for name, timeout in _TIMEOUTS.items()
    ]
    path.write_text(_TEMPLATE.format(architecture=architecture) + "".join(functions))
    return path


@dataclass(frozen=True)
class Deployed:
    """The stack in an embedded AWS."""

    target: Target
    names: dict[str, str]

    def invoke(self, function: str) -> Any:
        """Invoke a function by its logical id; return its answer."""
        invoked = self.target.client("lambda").invoke(FunctionName=self.names[function])
        return json.loads(invoked["Payload"].read())


@pytest.fixture(scope="module")
def deployed(template: Path) -> Iterator[Deployed]:
    """Deploy it to an embedded AWS."""
    state = template.parent / "state"
    process = start_hurried(state)
    try:
        record = json.loads((state / "embedded.json").read_text())
        target = local_target(record["endpoint_url"], "failing", "us-east-1")
        deploy_stack(target.client, template, "failing", {}, "packages")
        found = target.cloudformation.describe_stack_resources(StackName="failing")
        names = {
            resource["LogicalResourceId"]: resource["PhysicalResourceId"]
            for resource in found["StackResources"]
        }
        yield Deployed(target, names)
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        ("Raises", "ValueError"),
        ("Hangs", "Sandbox.Timedout"),
        ("Eats", "Runtime.ExitError"),
        ("Leaves", "Runtime.ExitError"),
    ],
)
def test_a_failing_handler_has_the_same_error_both_ways(
    function: str, kind: str, deployed: Deployed, template: Path, lambda_base: str
) -> None:
    """SAM tells of a timeout on stderr, or its emulator on stdout, whoever's clock is first."""
    assert deployed.invoke(function)["errorType"] == kind
    image = ("--skip-pull-image", "--invoke-image", lambda_base, "--region", "us-east-1")
    command = [str(SAM), "local", "invoke", function, "--template", str(template), *image]
    done = run(command, template.parent, str(deployed.target.endpoint_url))
    if kind == "Sandbox.Timedout":
        said = done.stdout.strip()
        assert said in {"", "Task timed out after 5.00 seconds"}
        assert said or f"Function '{function}' timed out after 5 seconds" in done.stderr
    else:
        assert json.loads(done.stdout)["errorType"] == kind
