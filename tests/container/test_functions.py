"""Every function with every event: the real `sam local invoke`, and our own Lambda, agree."""

import json
import socket
import subprocess
import time
from concurrent.futures import wait
from pathlib import Path

import pytest
from botocore.exceptions import EndpointConnectionError

from dropforge.function import invoke
from dropforge.target import local_target

from .bases import ROOT
from .conftest import Compared
from .sam import EVENTS, SAM_SECONDS, comparable, environment


@pytest.mark.parametrize("event", EVENTS, ids=lambda path: path.stem)
def test_sam_local_invoke_answers_as_the_embedded_lambda(
    event: Path, compared: Compared, invocations: list[tuple[str, ...]]
) -> None:
    """The same document, or the same error."""
    answered = compared.answers[event].result()
    equal = "yes" if answered.real == answered.embedded else "no"
    case = event.name.removesuffix(".json").partition(".")[2]
    said = (brief(answered.real), brief(answered.embedded))
    invocations.append((answered.function, case, *said, equal, f"{answered.seconds:.1f}"))
    assert answered.real == answered.embedded


def brief(answer: str) -> str:
    """Word an answer so that it fits into a table."""
    return answer if len(answer) < 48 else f"{answer[:45]}..."


def test_sam_local_start_lambda_answers_boto3(compared: Compared) -> None:
    """One function, by the API that programs use."""
    wait(compared.answers.values())
    both = compared.both.result()
    sam, event = both.sam, ROOT / "events/judge_model.promoted.json"
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
    assert real == comparable(invoke(both.ours, "JudgeModel", event.read_bytes()).answer)
