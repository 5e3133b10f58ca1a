"""Every function with every event: the real `sam local invoke`, and our own Lambda, agree.

Both act on an embedded AWS of their own that starts empty, since functions change what is there.
"""

import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from dropforge.build import build
from dropforge.function import invoke
from dropforge.project import Project
from dropforge.target import Target, local_target

from .bases import ROOT
from .engine import docker
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
    """
    credentials = {"AWS_ACCESS_KEY_ID": "sam", "AWS_SECRET_ACCESS_KEY": "sam"}
    asked = {"AWS_ENDPOINT_URL_STS": url, "SAM_CLI_TELEMETRY": "0"}
    return without_aws() | credentials | asked


def logical_id(event: Path) -> str:
    """Give the name that template.yaml has for the function of an event."""
    return "".join(word.capitalize() for word in event.name.split(".")[0].split("_"))


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """An embedded AWS with the stack, in which our own Lambda runs the functions."""
    tool = Tool(ROOT, tmp_path_factory.mktemp("ours") / "state")
    found = tool.document("local", "up")
    yield local_target(found["endpoint_url"], "dropforge", "us-east-1")
    tool("local", "down")


@pytest.fixture(scope="module")
def sam(tool: Tool, lambda_base: str, tmp_path_factory: pytest.TempPathFactory) -> Sam:
    """`sam local` with an embedded AWS that containers reach.

    The functions get the variables that the stack gives them. Where AWS is, SAM passes on to no
    container, so an image says it; where Slack's stand-in is, a parameter does.
    """
    folder = tmp_path_factory.mktemp("sam")
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
    (folder / "Dockerfile").write_text(f"FROM {lambda_base}\nENV AWS_ENDPOINT_URL={url}\n")
    docker("build", "--quiet", "--tag", _IMAGE, str(folder))
    built = build(Project(ROOT, tool.state))
    template = built.folder / "template.yaml"
    return Sam(folder, template, built.architecture, found["endpoint_url"])


def comparable(answer: Any) -> Any:
    """Take out of an answer what cannot be the same twice."""
    if isinstance(answer, dict) and "errorType" in answer:
        answer = {name: answer[name] for name in ("errorType", "errorMessage")}
    return _DIFFERS.sub("...", json.dumps(answer, sort_keys=True))


@pytest.mark.parametrize("event", EVENTS, ids=lambda path: path.stem)
def test_sam_local_invoke_answers_as_the_embedded_lambda(
    event: Path, ours: Target, sam: Sam, invocations: list[tuple[str, ...]]
) -> None:
    """The same document, or the same error."""
    function = logical_id(event)
    embedded = comparable(invoke(ours, function, event.read_bytes()).answer)
    began = time.monotonic()
    real = comparable(sam.invoke(function, event))
    seconds = f"{time.monotonic() - began:.1f}"
    equal = "yes" if real == embedded else "no"
    case = event.name.removesuffix(".json").partition(".")[2]
    invocations.append((function, case, brief(real), brief(embedded), equal, seconds))
    assert real == embedded


def brief(answer: str) -> str:
    """Word an answer so that it fits into a table."""
    return answer if len(answer) < 48 else f"{answer[:45]}..."


def test_sam_local_start_lambda_answers_boto3(ours: Target, sam: Sam) -> None:
    """One function, by the API that programs use."""
    event = ROOT / "events/judge_model.promoted.json"
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [*sam.command("start-lambda"), "--host", "127.0.0.1", "--port", str(port)]
    with (sam.folder / "start-lambda.log").open("wb") as log:
        server = subprocess.Popen(
            command, cwd=sam.folder, env=environment(sam.url), stdout=log, stderr=subprocess.STDOUT
        )
    try:
        client = local_target(f"http://127.0.0.1:{port}", "none", "us-east-1").client("lambda")
        deadline = time.monotonic() + SAM_SECONDS
        while True:
            try:
                answer = client.invoke(FunctionName="JudgeModel", Payload=event.read_bytes())
                break
            except EndpointConnectionError:
                assert server.poll() is None, (sam.folder / "start-lambda.log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.5)
        real = comparable(json.loads(answer["Payload"].read()))
    finally:
        server.terminate()
        server.wait(SAM_SECONDS)
    assert real == comparable(invoke(ours, "JudgeModel", event.read_bytes()).answer)
