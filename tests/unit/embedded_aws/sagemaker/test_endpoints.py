import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from urllib3 import HTTPHeaderDict

from embedded_aws.errors import AwsError

if TYPE_CHECKING:
    from tests.unit.embedded_aws.sagemaker.conftest import Bench

ARN = "arn:aws:sagemaker:us-east-1:123456789012:endpoint/e"


def statuses(bench: "Bench") -> list[str]:
    """List the statuses that EventBridge heard of."""
    return [detail["EndpointStatus"] for _, detail, _ in bench.events]


def logs(bench: "Bench") -> list[Path]:
    """List the logs of all endpoints."""
    return list((bench.settings.state / "logs/aws/sagemaker/Endpoints").glob("*/*"))


def started(bench: "Bench") -> list[int]:
    """List the processes that ever served: each tells its id when it starts."""
    lines = [line for log in logs(bench) for line in log.read_text().splitlines()]
    return [int(line.split()[1]) for line in lines if line.startswith("serving ")]


def alive(bench: "Bench") -> list[int]:
    """List the processes that serve."""
    found = []
    for pid in started(bench):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, 0)
            found.append(pid)
    return found


def test_an_endpoint_serves(bench: "Bench") -> None:
    """Creating passes to InService; body, content type and accept reach the model and back."""
    bench.model("iris")
    bench.call("CreateEndpoint", EndpointName="E", EndpointConfigName="iris")
    assert bench.call("DescribeEndpoint", EndpointName="E")["EndpointStatus"] == "Creating"
    endpoint = bench.wait_for_endpoint("e")
    assert endpoint["EndpointArn"] == ARN
    assert endpoint["EndpointConfigName"] == "iris"
    [variant] = endpoint["ProductionVariants"]
    assert variant["CurrentInstanceCount"] == 1
    assert variant["DeployedImages"][0]["SpecifiedImage"] == bench.image()
    answer = bench.sagemaker.invoke_endpoint(
        "E",
        b"1,2",
        {
            "content-type": "text/csv",
            "Accept": "text/iris",
            "X-Amzn-Sagemaker-Custom-Attributes": "trace=1",
        },
    )
    assert (answer.status, answer.body) == (200, b"iris|1,2|text/csv|text/iris")
    assert answer.headers["Content-Type"] == "text/iris"
    assert answer.headers["x-Amzn-Invoked-Production-Variant"] == "main"
    assert answer.headers["X-Amzn-SageMaker-Custom-Attributes"] == "trace=1"
    assert statuses(bench) == ["CREATING", "IN_SERVICE"]
    kind, detail, resources = bench.events[-1]
    assert (kind, resources) == ("SageMaker Endpoint State Change", [ARN])
    assert (detail["EndpointName"], detail["EndpointConfigName"]) == ("E", "iris")
    assert isinstance(detail["LastModifiedTime"], int)


def test_deleting_ends_it(bench: "Bench") -> None:
    """After DeleteEndpoint there is no endpoint, no process, no file; the log stays."""
    bench.model("iris")
    bench.endpoint("e", "iris")
    assert len(alive(bench)) == 1
    bench.call("DeleteEndpoint", EndpointName="e")
    wait_until(lambda: bench.call("ListEndpoints")["Endpoints"] == [])
    with pytest.raises(AwsError, match="Could not find endpoint"):
        bench.call("DescribeEndpoint", EndpointName="e")
    assert alive(bench) == []
    assert not list((bench.settings.state / "endpoints/e").iterdir())
    assert len(started(bench)) == 1
    assert statuses(bench)[-1] == "DELETING"


def test_names_differ_in_more_than_case(bench: "Bench") -> None:
    """Endpoint names are unique whatever their case, also before the first is in service."""
    bench.model("iris")
    bench.call("CreateEndpoint", EndpointName="e", EndpointConfigName="iris")
    with pytest.raises(AwsError) as refusal:
        bench.call("CreateEndpoint", EndpointName="E", EndpointConfigName="iris")
    assert refusal.value.message == f'Cannot create already existing endpoint "{ARN}".'


@pytest.mark.parametrize("environment", [{"EXIT": "1"}, {"PING_STATUS": "404"}])
def test_a_container_that_does_not_come_up_fails_the_endpoint(
    make_bench: "Callable[..., Bench]", environment: dict[str, str]
) -> None:
    """A program that ends, or never answers /ping with 200, is Failed with AWS's reason."""
    bench = make_bench(startup=1)
    bench.model("iris", Environment=environment)
    bench.call("CreateEndpoint", EndpointName="e", EndpointConfigName="iris")
    endpoint = bench.wait_for_endpoint("e", "Failed")
    assert endpoint["FailureReason"] == (
        "The primary container for production variant main did not pass the ping health check."
        " Please check CloudWatch logs for this endpoint."
    )
    assert statuses(bench) == ["CREATING", "FAILED"]
    assert alive(bench) == []
    with pytest.raises(AwsError, match="Endpoint e of account 123456789012 not found"):
        bench.invoke("e")
    with pytest.raises(AwsError, match="Cannot update failed endpoint"):
        bench.call("UpdateEndpoint", EndpointName="e", EndpointConfigName="iris")
    bench.call("DeleteEndpoint", EndpointName="e")


def test_a_program_that_ends_is_not_waited_for(bench: "Bench") -> None:
    """An early exit fails the endpoint long before the startup limit of eight minutes."""
    bench.model("iris", Environment={"EXIT": "1"})
    begun = time.monotonic()
    bench.call("CreateEndpoint", EndpointName="e", EndpointConfigName="iris")
    bench.wait_for_endpoint("e", "Failed")
    assert time.monotonic() - begun < 60


def test_model_data_that_went_away_fails_the_endpoint(bench: "Bench") -> None:
    """The reason names the container and the URL, as AWS's does."""
    bench.model("iris")
    bench.s3.delete_object(Bucket=bench.bucket, Key="models/iris/model.tar.gz")
    bench.call("CreateEndpoint", EndpointName="e", EndpointConfigName="iris")
    reason = bench.wait_for_endpoint("e", "Failed")["FailureReason"]
    uri = f"s3://{bench.bucket}/models/iris/model.tar.gz"
    assert reason.startswith(
        f'Failed to download model data for container "primary" from URL: "{uri}".'
    )


def test_no_request_is_lost_in_an_update(bench: "Bench") -> None:
    """While the new model takes over, every request is answered, first by the old, then by it."""
    for name in ("one", "two"):
        bench.model(name)
    bench.endpoint("e", "one")
    answers: list[bytes] = []
    failures: list[object] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            try:
                status, body = bench.invoke("e", b"sleep 0.005")
            except AwsError as err:
                failures.append(err)
            else:
                answers.append(body.split(b"|")[0]) if status == 200 else failures.append(body)

    askers = [threading.Thread(target=ask) for _ in range(4)]
    for asker in askers:
        asker.start()
    wait_until(lambda: answers.count(b"one") >= 50)
    bench.call("UpdateEndpoint", EndpointName="e", EndpointConfigName="two")
    during = bench.call("DescribeEndpoint", EndpointName="e")
    wait_until(lambda: answers.count(b"two") >= 50)
    done.set()
    for asker in askers:
        asker.join()
    assert failures == []
    assert (during["EndpointStatus"], during["EndpointConfigName"]) == ("Updating", "one")
    assert during["PendingDeploymentSummary"]["EndpointConfigName"] == "two"
    after = bench.wait_for_endpoint("e")
    assert after["EndpointConfigName"] == "two"
    assert "PendingDeploymentSummary" not in after
    assert statuses(bench) == ["CREATING", "IN_SERVICE", "UPDATING", "IN_SERVICE"]
    wait_until(lambda: len(alive(bench)) == 1)


def test_a_request_in_the_old_model_is_answered(bench: "Bench", tmp_path: Path) -> None:
    """The old model ends only when the requests in it have been answered."""
    for name in ("one", "two"):
        bench.model(name)
    bench.endpoint("e", "one")
    with held(bench, tmp_path / "go") as answers:
        bench.call("UpdateEndpoint", EndpointName="e", EndpointConfigName="two")
        bench.wait_for_endpoint("e")
        assert bench.invoke("e")[1].startswith(b"two")
        assert len(alive(bench)) == 2
    assert answers[0][0] == 200
    assert answers[0][1].startswith(b"one")
    wait_until(lambda: len(alive(bench)) == 1)


def test_an_update_that_fails_is_rolled_back(bench: "Bench") -> None:
    """The old config stays in service, with the reason; the next good update clears it."""
    bench.model("one")
    bench.model("bad", Environment={"EXIT": "1"})
    bench.endpoint("e", "one")
    bench.call("UpdateEndpoint", EndpointName="e", EndpointConfigName="bad")
    endpoint = bench.wait_for_endpoint("e")
    assert endpoint["EndpointConfigName"] == "one"
    assert "did not pass the ping health check" in endpoint["FailureReason"]
    assert statuses(bench)[2:] == ["UPDATING", "ROLLING_BACK", "IN_SERVICE"]
    assert bench.invoke("e")[1].startswith(b"one")
    bench.call("UpdateEndpoint", EndpointName="e", EndpointConfigName="one")
    assert "FailureReason" not in bench.wait_for_endpoint("e")


def test_an_endpoint_in_transition_is_left_alone(bench: "Bench") -> None:
    """Neither update nor delete is taken while it is created or updated."""
    bench.model("one", Environment={"PING_STATUS": "500"})
    bench.call("CreateEndpoint", EndpointName="e", EndpointConfigName="one")
    for operation, more in (
        ("UpdateEndpoint", {"EndpointConfigName": "one"}),
        ("DeleteEndpoint", {}),
    ):
        with pytest.raises(AwsError) as refusal:
            bench.call(operation, EndpointName="e", **more)
        assert refusal.value.code == "ValidationException"
        assert refusal.value.message == f'Cannot update in-progress endpoint "{ARN}".'


def test_an_update_needs_its_config(bench: "Bench") -> None:
    """A config that is not there leaves the endpoint in service."""
    bench.model("one")
    bench.endpoint("e", "one")
    with pytest.raises(AwsError, match="Could not find endpoint configuration"):
        bench.call("UpdateEndpoint", EndpointName="e", EndpointConfigName="none")
    assert bench.call("DescribeEndpoint", EndpointName="e")["EndpointStatus"] == "InService"


def test_a_serving_process_that_dies_is_started_again(
    make_bench: "Callable[..., Bench]", caplog: pytest.LogCaptureFixture
) -> None:
    """Killed, it is back after the delay; meanwhile requests are refused as unavailable."""
    bench = make_bench(restart_delay=0.2)
    bench.model("iris")
    bench.endpoint("e", "iris")
    [before] = alive(bench)
    os.kill(before, signal.SIGKILL)
    with pytest.raises(AwsError) as refusal:
        bench.invoke("e")
    assert (refusal.value.code, refusal.value.status) == ("ServiceUnavailable", 503)
    wait_until(lambda: answers(bench))
    assert len(started(bench)) == 2
    assert before not in alive(bench)
    assert "the program ended with status 137" in caplog.text


def test_a_request_that_kills_the_model(make_bench: "Callable[..., Bench]") -> None:
    """Its caller gets an error, not silence, and the endpoint lives on."""
    bench = make_bench(restart_delay=0.1)
    bench.model("iris")
    bench.endpoint("e", "iris")
    with pytest.raises(AwsError, match="not available"):
        bench.invoke("e", b"die")
    wait_until(lambda: answers(bench))


@pytest.mark.parametrize(("status", "blame"), [(400, "client"), (500, "server")])
def test_a_containers_error_is_a_model_error(bench: "Bench", status: int, blame: str) -> None:
    """Clients see ModelError with the original status and message, as from AWS."""
    bench.model("iris")
    bench.endpoint("e", "iris")
    answer = bench.sagemaker.invoke_endpoint(
        "e", f"status {status}".encode(), {"Content-Type": "text/csv"}
    )
    assert answer.status == 424
    session = boto3.Session("a", "b", region_name="us-east-1")
    client: Any = session.client("sagemaker-runtime")
    headers: Any = HTTPHeaderDict(answer.headers)
    raw = Raw(answer.body)
    client.meta.events.register(
        "before-send",
        lambda **_: AWSResponse("", answer.status, headers, raw),
    )
    with pytest.raises(client.exceptions.ModelError) as refusal:
        client.invoke_endpoint(EndpointName="e", Body=b"")
    told = refusal.value.response
    original = f"iris|status {status}|text/csv|-"
    assert told["OriginalStatusCode"] == status
    assert told["OriginalMessage"] == original
    assert told["LogStreamArn"].endswith(":log-group:/aws/sagemaker/Endpoints/e")
    expected = f'Received {blame} error ({status}) from primary with message "{original}". See '
    assert told["Error"]["Message"].startswith(expected)


def test_an_answer_that_takes_too_long(make_bench: "Callable[..., Bench]") -> None:
    """After the limit of an invocation (60 s on AWS) it is a ModelError with status 0."""
    bench = make_bench(invocation=0.3)
    bench.model("iris")
    bench.endpoint("e", "iris")
    status, body = bench.invoke("e", b"sleep 3")
    assert status == 424
    assert b"Your invocation timed out" in body


def test_requests_that_are_refused(bench: "Bench") -> None:
    """Unknown endpoints, large bodies, other variants and unsupported parameters."""
    bench.model("iris")
    bench.endpoint("e", "iris")
    cases = [
        ("nope", b"", {}, "ValidationError", "Endpoint nope of account 123456789012 not found."),
        ("e", b"x" * 6_291_457, {}, "ValidationError", "less than or equal to 6291456"),
        ("e", b"", {"X-Amzn-SageMaker-Target-Variant": "b"}, "ValidationError", "Variant b not"),
        ("e", b"", {"X-Amzn-SageMaker-Target-Model": "m"}, "NotImplemented", "TargetModel"),
    ]
    for endpoint, body, headers, code, message in cases:
        with pytest.raises(AwsError, match=message) as refusal:
            bench.invoke(endpoint, body, headers)
        assert refusal.value.code == code
    status, _ = bench.invoke("e", headers={"X-Amzn-SageMaker-Target-Variant": "main"})
    assert status == 200


def test_a_serverless_endpoint_has_its_concurrency(bench: "Bench", tmp_path: Path) -> None:
    """A request beyond MaxConcurrency is throttled; one after another are not."""
    bench.model("iris")
    serverless = {"MemorySizeInMB": 1024, "MaxConcurrency": 1}
    bench.call(
        "CreateEndpointConfig",
        EndpointConfigName="serverless",
        ProductionVariants=[
            {"VariantName": "main", "ModelName": "iris", "ServerlessConfig": serverless}
        ],
    )
    bench.endpoint("e", "serverless")
    [variant] = bench.call("DescribeEndpoint", EndpointName="e")["ProductionVariants"]
    assert variant["CurrentServerlessConfig"] == serverless
    with held(bench, tmp_path / "go"), pytest.raises(AwsError) as refusal:
        bench.invoke("e")
    assert (refusal.value.code, refusal.value.status) == ("ThrottlingException", 400)
    assert bench.invoke("e")[0] == 200


@pytest.mark.skipif(sys.platform != "linux", reason="no other system limits data")
def test_a_serverless_endpoint_has_its_memory(bench: "Bench") -> None:
    """A container that takes more than MemorySizeInMB fails; one on an instance may."""
    bench.model("greedy")
    program = bench.settings.state / "images/test/image/1/serve"
    grab = "held = bytearray(1500 * 1024 * 1024)\nprint("
    program.write_text(program.read_text().replace("print(", grab))
    for memory, status in ((1024, "Failed"), (2048, "InService")):
        name = f"with-{memory}"
        serverless = {"MemorySizeInMB": memory, "MaxConcurrency": 1}
        variant = {"VariantName": "main", "ModelName": "greedy", "ServerlessConfig": serverless}
        bench.call("CreateEndpointConfig", EndpointConfigName=name, ProductionVariants=[variant])
        bench.call("CreateEndpoint", EndpointName=name, EndpointConfigName=name)
        bench.wait_for_endpoint(name, status)


def test_a_serverless_variants_memory_comes_in_steps(bench: "Bench") -> None:
    """Of 1,024 MB, as AWS has it; its model alone does not say so."""
    bench.model("iris")
    serverless = {"MemorySizeInMB": 1500, "MaxConcurrency": 1}
    with pytest.raises(AwsError, match="MemorySizeInMB 1500 is not valid"):
        bench.config("iris2", ModelName="iris", ServerlessConfig=serverless)


def test_a_chain_hands_on_bodies_and_content_types(bench: "Bench") -> None:
    """What one container answers is what the next is asked; Accept is for the last."""
    containers = [
        {"Image": bench.image(), "ModelDataUrl": bench.model_data(name)} for name in ("a", "b")
    ]
    containers[1]["ContainerHostname"] = "last"
    bench.model("unused")
    bench.call("CreateModel", ModelName="chain", Containers=containers)
    bench.config("chain")
    bench.endpoint("e", "chain")
    status, body = bench.invoke("e", b"x", headers={"Accept": "text/b"})
    assert (status, body) == (200, b"b|a|x|text/csv|-|text/a|text/b")
    _, body = bench.invoke("e", b"status 400")
    assert b"Received client error (400) from container-1" in body
    assert sorted(log.name.rpartition("-")[2] for log in logs(bench)) == ["1.log", "last.log"]


def test_endpoints_are_listed(bench: "Bench") -> None:
    """ListEndpoints filters by status."""
    bench.model("iris")
    bench.endpoint("e", "iris")
    [listed] = bench.call("ListEndpoints", StatusEquals="InService")["Endpoints"]
    assert listed["EndpointArn"] == ARN
    assert bench.call("ListEndpoints", StatusEquals="Failed")["Endpoints"] == []


def test_stop_ends_everything(make_bench: "Callable[..., Bench]") -> None:
    """No process outlives `stop`, not even one that is just being started."""
    bench = make_bench()
    bench.model("one")
    bench.model("slow", Environment={"PING_STATUS": "500"})
    bench.endpoint("e", "one")
    bench.call("CreateEndpoint", EndpointName="f", EndpointConfigName="slow")
    wait_until(lambda: len(alive(bench)) == 2)
    bench.sagemaker.stop()
    assert alive(bench) == []


def answers(bench: "Bench") -> bool:
    """Whether the endpoint answers."""
    try:
        return bench.invoke("e")[0] == 200
    except AwsError:
        return False


@contextlib.contextmanager
def held(bench: "Bench", go: Path) -> Iterator[list[tuple[int, bytes]]]:
    """Have a request in the endpoint's model, and let it be answered at the end."""
    answers: list[tuple[int, bytes]] = []
    asker = threading.Thread(
        target=lambda: answers.append(bench.invoke("e", f"until {go}".encode()))
    )
    asker.start()
    wait_until(go.with_suffix(".inside").exists)
    try:
        yield answers
    finally:
        go.touch()
        asker.join(10)


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class Raw:
    """A body as botocore gets it from its HTTP library."""

    def __init__(self, body: bytes) -> None:
        """Keep it."""
        self._body = body

    def stream(self) -> list[bytes]:
        """Give it whole."""
        return [self._body]
