import io
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber
from dropforge_core.errors import InvalidInputError, ServiceUnavailableError

from tests.unit.dropforge_core.stack import Stack

MODIFIED = datetime(2026, 11, 21, 5, 20, 11, tzinfo=UTC)
RUN = "iris-20261121t052011-1a2b3c4d"
MESSAGE = 'Could not find endpoint "arn:aws:sagemaker:us-east-1:123456789012:endpoint/{}".'


@pytest.fixture
def no_endpoints(stack: Stack) -> Any:
    """SageMaker as it answers in an empty account, in its own words (moto has others)."""

    def missing(name: str) -> Stubber:
        stub = Stubber(stack.clients.sagemaker)
        stub.add_client_error("describe_endpoint", "ValidationException", MESSAGE.format(name))
        return stub

    return missing


@pytest.mark.parametrize("event", ["check_endpoint.missing", "check_endpoint.in_service"])
def test_check_endpoint_on_an_empty_stack(
    functions: Any, sample: Any, no_endpoints: Any, output: Any, event: str
) -> None:
    """Without an endpoint the answer says so, and it is counted."""
    asked = sample(event)
    with no_endpoints(asked["endpoint"]):
        answer = functions.invoke("check_endpoint", asked)
    expected = {"exists": False, "status": "Missing", "updatable": False}
    assert answer == {"endpoint": asked["endpoint"], **expected}
    assert output()[1] == {"EndpointMissing": 1}


def test_check_endpoint_of_one_that_serves(
    functions: Any, stack: Stack, sample: Any, output: Any
) -> None:
    """Status, config, whether it can be updated and the model that serves are told."""
    asked = sample("check_endpoint.in_service")
    stub = Stubber(stack.clients.sagemaker)
    described = {
        "EndpointName": asked["endpoint"],
        "EndpointArn": "arn:aws:sagemaker:us-east-1:123456789012:endpoint/dropforge-iris",
        "EndpointConfigName": "iris-1",
        "EndpointStatus": "InService",
        "CreationTime": 1,
        "LastModifiedTime": MODIFIED,
    }
    stub.add_response("describe_endpoint", described)
    arn, data = "arn:aws:sagemaker:us-east-1:123456789012:x/y", f"s3://a/runs/{RUN}/model.tar.gz"
    config = {
        "EndpointConfigName": "iris-1",
        "EndpointConfigArn": arn,
        "ProductionVariants": [
            {"VariantName": "AllTraffic", "ModelName": "iris-1", "InitialInstanceCount": 2}
        ],
        "CreationTime": 1,
    }
    stub.add_response("describe_endpoint_config", config)
    container = {"ModelDataUrl": data}
    model = {"ModelName": "iris-1", "ModelArn": arn, "CreationTime": 1}
    stub.add_response("describe_model", {**model, "PrimaryContainer": container})
    with stub:
        answer = functions.invoke("check_endpoint", asked)
    expected = {"exists": True, "status": "InService", "updatable": True, "config": "iris-1"}
    seen = {"modified_at": 1795238411000, "instance_count": 2}
    champion = {"model_data": data, "run_id": RUN}
    assert answer == {"endpoint": "dropforge-iris", **expected, **seen, "champion": champion}
    assert output()[1] == {"EndpointFound": 1}


@pytest.mark.filterwarnings("ignore:No application metrics")
def test_check_endpoint_does_not_guess(functions: Any, stack: Stack, sample: Any) -> None:
    """A throttle is raised by the name that the state machine retries."""
    with Stubber(stack.clients.sagemaker) as stub:
        stub.add_client_error("describe_endpoint", "ThrottlingException", "Rate exceeded")
        with pytest.raises(ServiceUnavailableError):
            functions.invoke("check_endpoint", sample("check_endpoint.missing"))


@pytest.mark.filterwarnings("ignore:No application metrics")
@pytest.mark.parametrize("event", [{}, {"endpoint": ""}, {"endpoint": "e", "more": 1}])
@pytest.mark.parametrize("function", ["check_endpoint", "answer_endpoint_wait", "smoke_test"])
def test_wrong_input_is_the_callers_fault(functions: Any, function: str, event: Any) -> None:
    """Input that fits no contract is refused."""
    with pytest.raises(InvalidInputError):
        functions.invoke(function, event)


def test_a_wait_for_nothing(
    functions: Any, stack: Stack, sample: Any, no_endpoints: Any, output: Any
) -> None:
    """A missing endpoint has settled; a token that nobody waits on is no error."""
    asked = sample("answer_endpoint_wait.wait")
    tokens = Stubber(stack.clients.stepfunctions)
    tokens.add_client_error("send_task_success", "InvalidToken")
    with no_endpoints(asked["endpoint"]), tokens:
        answer = functions.invoke("answer_endpoint_wait", asked)
    assert answer == {"endpoint": asked["endpoint"], "answered": False, "status": "Missing"}
    lines, counted = output()
    assert counted == {"EndpointWaitPending": 1}
    assert asked["task_token"] not in str(lines)


@pytest.mark.parametrize("event", ["in_service", "failed"])
def test_an_event_that_nobody_waits_for(functions: Any, sample: Any, event: str) -> None:
    """SageMaker is not even asked."""
    answer = functions.invoke("answer_endpoint_wait", sample(f"answer_endpoint_wait.{event}"))
    assert answer == {"endpoint": "dropforge-iris", "answered": False}


@pytest.mark.parametrize(("event", "status"), [("in_service", "InService"), ("failed", "Failed")])
def test_an_event_answers_the_wait(  # noqa: PLR0913, PLR0917 - fixtures
    functions: Any, stack: Stack, sample: Any, output: Any, event: str, status: str
) -> None:
    """The token that waits gets the endpoint's state as Describe tells it."""
    stack.ledger.put_wait("dropforge-iris", "token", "now", 1)
    described = {
        "EndpointName": "dropforge-iris",
        "EndpointArn": "arn:aws:sagemaker:us-east-1:123456789012:endpoint/dropforge-iris",
        "EndpointConfigName": "iris-1",
        "EndpointStatus": status,
        "CreationTime": 1,
        "LastModifiedTime": MODIFIED,
    }
    endpoints, tokens = Stubber(stack.clients.sagemaker), Stubber(stack.clients.stepfunctions)
    endpoints.add_response("describe_endpoint", described)
    tokens.add_response("send_task_success", {})
    with endpoints, tokens:
        answer = functions.invoke("answer_endpoint_wait", sample(f"answer_endpoint_wait.{event}"))
        tokens.assert_no_pending_responses()
    assert answer == {"endpoint": "dropforge-iris", "answered": True, "status": status}
    assert output()[1] == {"EndpointWaitAnswered": 1}


@pytest.mark.parametrize("answer", [b"setosa\n", b"virginica\n"])
def test_a_smoke_test(
    functions: Any, stack: Stack, sample: Any, output: Any, answer: bytes
) -> None:
    """The answer to a golden sample decides, and either end is counted."""
    stub = Stubber(stack.clients.sagemaker_runtime)
    body = StreamingBody(io.BytesIO(answer), len(answer))
    stub.add_response("invoke_endpoint", {"Body": body})
    with stub:
        result = functions.invoke("smoke_test", sample("smoke_test.iris"))
    passed = answer == b"setosa\n"
    assert result["passed"] is passed
    assert output()[1] == {"SmokeTestPassed" if passed else "SmokeTestFailed": 1}


def test_a_smoke_test_of_an_endpoint_that_is_not_there(
    functions: Any, stack: Stack, sample: Any, output: Any
) -> None:
    """It fails in words, with the first of its samples."""
    message = "Endpoint dropforge-never-deployed of account 123456789012 not found."
    with Stubber(stack.clients.sagemaker_runtime) as stub:
        stub.add_client_error("invoke_endpoint", "ValidationError", message)
        result = functions.invoke("smoke_test", sample("smoke_test.json_answers"))
    assert not result["passed"]
    assert "sample 1" in result["reason"]
    assert "not found" in result["reason"]
    assert output()[1] == {"SmokeTestFailed": 1}


@pytest.mark.filterwarnings("ignore:No application metrics")
def test_a_smoke_test_on_a_platform_that_fails(functions: Any, stack: Stack, sample: Any) -> None:
    """The error has the name that the state machine retries."""
    with Stubber(stack.clients.sagemaker_runtime) as stub:
        stub.add_client_error("invoke_endpoint", "ServiceUnavailable", http_status_code=503)
        with pytest.raises(ServiceUnavailableError):
            functions.invoke("smoke_test", sample("smoke_test.iris"))
