"""The real `sam local`, and our own Lambda, each with an embedded AWS that starts empty."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dropforge.build import build
from dropforge.function import invoke
from dropforge.project import Project
from dropforge.target import Target, local_target

from .bases import ROOT
from .engine import docker, left_behind
from .tool import Tool, without_aws

EVENTS = sorted((ROOT / "events").glob("*.json"))
SAM_SECONDS = 200
SAM = Path(sys.executable).parent / "sam"
_IMAGE = "dropforge-stand-in/lambda-python-here:3.13"
# What differs from one invocation to the next: ids, and when it was.
_DIFFERS = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d{4}-\d\d-\d\dT[\d:.]+Z|\d{8}t\d{6}")


@dataclass(frozen=True)
class Sam:
    """`sam local`, whose containers reach an embedded AWS."""

    folder: Path
    template: Path
    architecture: str
    url: str

    def invoke(self, function: str, event: Path) -> Any:
        """Invoke a function; return its answer. SAM's exit status says nothing of a failure."""
        command = [*self.command("invoke", function), "--event", str(event)]
        done = run(command, self.folder, self.url)
        return json.loads(done.stdout)

    def command(self, verb: str, *arguments: str) -> list[str]:
        """Give a command line of `sam local`."""
        image = ("--skip-pull-image", "--invoke-image", _IMAGE)
        variables = ("--env-vars", str(self.folder / "variables.json"))
        where = ("--template", str(self.template), "--region", "us-east-1")
        here = ("--parameter-overrides", f"Architecture={self.architecture}")
        return [str(SAM), "local", verb, *arguments, *where, *here, *image, *variables]


@dataclass(frozen=True)
class Answered:
    """What both answered to an event, as far as it can be the same twice."""

    function: str
    real: str
    embedded: str
    seconds: float  # that `sam local invoke` took


@dataclass(frozen=True)
class Both:
    """The two that have to agree. Functions change what is there, so both get the same events."""

    sam: Sam
    ours: Target

    def ask(self, event: Path) -> Answered:
        """Invoke the function of an event by both."""
        function = logical_id(event)
        embedded = comparable(invoke(self.ours, function, event.read_bytes()).answer)
        began = time.monotonic()
        real = comparable(self.sam.invoke(function, event))
        return Answered(function, real, embedded, time.monotonic() - began)


@contextmanager
def both(folder: Path, lambda_base: str) -> Iterator[Both]:
    """Start an embedded AWS for each; in one, our own Lambda runs the functions."""
    ours, theirs = (Tool(ROOT, folder / name) for name in ("ours", "theirs"))
    try:
        url = ours.document("local", "up")["endpoint_url"]
        yield Both(_sam(theirs, lambda_base, folder), local_target(url, "dropforge", "us-east-1"))
    finally:
        downs = [tool("local", "down").returncode for tool in (ours, theirs)]
    assert downs == [0, 0]
    assert left_behind(theirs.state) == []


def _sam(tool: Tool, lambda_base: str, folder: Path) -> Sam:
    """Give the functions the variables that the stack gives them.

    Where AWS is, SAM passes on to no container, so an image says it; where Slack's stand-in is, a
    parameter does.
    """
    found = tool.document("local", "up", "--runtime", "docker")
    target = local_target(found["endpoint_url"], "dropforge", "us-east-1")
    pages = target.cloudformation.get_paginator("list_stack_resources").paginate(
        StackName="dropforge"
    )
    functions = {
        resource["LogicalResourceId"]: target.client("lambda").get_function_configuration(
            FunctionName=resource["PhysicalResourceId"]
        )["Environment"]["Variables"]
        for page in pages
        for resource in page["StackResourceSummaries"]
        if resource["ResourceType"] == "AWS::Lambda::Function"
    }
    (folder / "variables.json").write_text(json.dumps(functions))
    url = found["container_url"]
    webhook = (tool.state / "slack-webhook").read_text()
    target.client("ssm").put_parameter(
        Name="/dropforge/slack-webhook",
        Value=webhook.replace(found["endpoint_url"], url),
        Type="SecureString",
        Overwrite=True,
    )
    image = folder / "image"
    image.mkdir()
    (image / "Dockerfile").write_text(f"FROM {lambda_base}\nENV AWS_ENDPOINT_URL={url}\n")
    docker("build", "--quiet", "--tag", _IMAGE, str(image))
    built = build(Project(ROOT, tool.state))
    template = built.folder / "template.yaml"
    return Sam(folder, template, built.architecture, found["endpoint_url"])


def run(command: list[str], folder: Path, url: str) -> subprocess.CompletedProcess[str]:
    """Run `sam`; its exit status says only whether it could run the function."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment(url),
        capture_output=True,
        text=True,
        timeout=SAM_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


def environment(url: str) -> dict[str, str]:
    """Return this process's environment with the embedded AWS, and SAM without telemetry.

    SAM asks STS for the account at each start, and would wait long for one that cannot be reached.
    It starts often, so it is to find its modules compiled from the second time on.
    """
    credentials = {"AWS_ACCESS_KEY_ID": "sam", "AWS_SECRET_ACCESS_KEY": "sam"}
    asked = {"AWS_ENDPOINT_URL_STS": url, "SAM_CLI_TELEMETRY": "0"}
    return without_aws() | credentials | asked | {"PYTHONDONTWRITEBYTECODE": ""}


def logical_id(event: Path) -> str:
    """Give the name that template.yaml has for the function of an event."""
    return "".join(word.capitalize() for word in event.name.split(".")[0].split("_"))


def comparable(answer: Any) -> str:
    """Take out of an answer what cannot be the same twice."""
    if isinstance(answer, dict) and "errorType" in answer:
        answer = {name: answer[name] for name in ("errorType", "errorMessage")}
    return _DIFFERS.sub("...", json.dumps(answer, sort_keys=True))
