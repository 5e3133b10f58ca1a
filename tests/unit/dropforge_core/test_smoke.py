import io
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from botocore.response import StreamingBody
from botocore.stub import Stubber
from dropforge_core.aws_errors import platform_faults
from dropforge_core.contracts import SmokeTestInput, SmokeTestResult
from dropforge_core.errors import ServiceUnavailableError
from dropforge_core.published import SmokeSample
from dropforge_core.smoke import matches, smoke_test

from tests.unit.dropforge_core.stack import Stack

ENDPOINT = "dropforge-iris"
SETOSA = SmokeSample(data="5.1,3.5,1.4,0.2", expect="setosa")


def answering(stack: Stack, *answers: bytes) -> Stubber:
    """An endpoint that answers from a list."""
    stub = Stubber(stack.clients.sagemaker_runtime)
    for answer in answers:
        body = StreamingBody(io.BytesIO(answer), len(answer))
        stub.add_response("invoke_endpoint", {"Body": body, "ContentType": "text/csv"})
    return stub


def outcome(stack: Stack, *samples: SmokeSample) -> SmokeTestResult:
    """Test the endpoint with these samples."""
    asked = SmokeTestInput(endpoint=ENDPOINT, samples=samples)
    return smoke_test(stack.clients.sagemaker_runtime, asked)


@pytest.mark.parametrize(
    ("expected", "answer", "tolerance", "same"),
    [
        # Text.
        ("setosa", "setosa", 0, True),
        ("setosa", " setosa\n", 0, True),
        ("setosa", "virginica", 0, False),
        ("setosa", "Setosa", 0, False),
        ("setosa", "", 0, False),
        ("setosa", '"setosa"', 0, False),
        ("0.1,0.9", "0.1,0.9\n", 0, True),
        ("0.1,0.9", "0.1,0.90", 0, False),
        ("NaN", "NaN", 0, True),
        # Numbers.
        ("3.5", "3.50\n", 0, True),
        (3.5, "3.5", 0, True),
        (3, "3.0", 0, True),
        (3.5, "3.75", 0.25, True),
        (3.5, "3.25", 0.25, True),
        (3.5, "3.76", 0.25, False),
        (3.5, "NaN", 1, False),
        (3.5, "1e999", 1, False),
        (3.5, "1" + "0" * 400, 1, False),
        (3.5, "null", 1, False),
        (3.5, "[" * 100_000, 1, False),
        (3.5, "three", 1, False),
        # Other JSON.
        (True, "true", 0, True),
        (True, "1", 1, False),
        (1, "true", 1, False),
        ([1, 2], "[1, 2.5]", 0.5, True),
        ([1, 2], "[1, 2, 3]", 0.5, False),
        ([1, 2], "1", 0.5, False),
        ({"a": [0.5, "x", None]}, '{"a": [0.49, "x", null]}', 0.02, True),
        ({"a": [0.5, "x", None]}, '{"a": [0.49, "y", null]}', 0.02, False),
        ({"a": 1}, '{"a": 1, "b": 2}', 0, False),
        ({"a": 1}, '{"b": 1}', 0, False),
        ('{"a": 1}', '{ "a" : 1.0 }', 0, True),
        ({"a": 1}, "no JSON", 0, False),
    ],
)
def test_what_is_the_same(expected: Any, answer: str, tolerance: float, *, same: bool) -> None:
    """JSON by its values, numbers within the tolerance wherever they are; else text by itself."""
    assert matches(expected, answer, tolerance) is same


def test_all_samples_answered_as_expected(stack: Stack) -> None:
    """Each is asked, with its content type; one without an expectation only has to be answered."""
    runtime = stack.clients.sagemaker_runtime
    asked: list[dict[str, Any]] = []
    runtime.meta.events.register(
        "before-parameter-build.sagemaker-runtime.InvokeEndpoint",
        lambda params, **_: asked.append(dict(params)),
    )
    anything = SmokeSample(data='{"ü": 1}', content_type="application/json")
    with answering(stack, b"setosa\n", b"whatever"):
        assert outcome(stack, SETOSA, anything) == SmokeTestResult(
            passed=True, reason="2 samples were answered as expected."
        )
    assert asked == [
        {"EndpointName": ENDPOINT, "ContentType": "text/csv", "Body": b"5.1,3.5,1.4,0.2"},
        {
            "EndpointName": ENDPOINT,
            "ContentType": "application/json",
            "Body": '{"ü": 1}'.encode(),
        },
    ]


def test_a_wrong_answer_fails_the_test(stack: Stack) -> None:
    """One sentence says which sample, what it got and what it should have got."""
    with answering(stack, b"setosa", b"virginica\n"):
        result = outcome(stack, SETOSA, SETOSA, SETOSA)
    assert result == SmokeTestResult(
        passed=False,
        reason="The smoke test failed: sample 2 ('5.1,3.5,1.4,0.2') was answered 'virginica',"
        " expected 'setosa'.",
    )


def test_what_is_long_is_shortened(stack: Stack) -> None:
    """A page of an answer, of a sample or of an expectation stays a sentence."""
    sample = SmokeSample(data="1\n2," * 9_999, expect=list(range(9_999)))
    with answering(stack, b"\xff\n" * 9_999):
        reason = outcome(stack, sample).reason
    assert len(reason) < 350
    assert "\n" not in reason
    assert reason.count("…") == 3


def test_a_models_error_fails_the_test(stack: Stack) -> None:
    """A model that answers with an error is no model to keep."""
    stub = Stubber(stack.clients.sagemaker_runtime)
    stub.add_client_error(
        "invoke_endpoint",
        "ModelError",
        "Received server error (500) from primary ...",
        http_status_code=424,
        modeled_fields={"OriginalStatusCode": 500, "OriginalMessage": "division by zero"},
    )
    with stub:
        result = outcome(stack, SETOSA)
    assert not result.passed
    assert "was answered with the model's error '500 division by zero'." in result.reason


@pytest.mark.parametrize("code", ["ValidationError", "AccessDeniedException"])
def test_a_question_that_is_refused_fails_the_test(stack: Stack, code: str) -> None:
    """An endpoint that is not there, or may not be asked, will not answer at a second try."""
    stub = Stubber(stack.clients.sagemaker_runtime)
    stub.add_client_error("invoke_endpoint", code, "Endpoint e not found.")
    with stub:
        result = outcome(stack, SETOSA)
    assert not result.passed
    assert f"could not be asked: {code}: Endpoint e not found." in result.reason


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("ThrottlingException", 400),
        ("ModelNotReadyException", 429),
        ("InternalFailure", 500),
        ("ServiceUnavailable", 503),
        ("InternalDependencyException", 530),
    ],
)
def test_a_platform_that_fails_says_nothing_of_the_model(
    stack: Stack, code: str, status: int
) -> None:
    """The state machine is to try again."""
    stub = Stubber(stack.clients.sagemaker_runtime)
    stub.add_client_error("invoke_endpoint", code, http_status_code=status)
    with stub, pytest.raises(ServiceUnavailableError), platform_faults():
        outcome(stack, SETOSA)


def test_an_answer_that_breaks_off_says_nothing_of_the_model(stack: Stack) -> None:
    """A connection that is lost while the answer is read is the platform's fault, too."""

    class Broken(StreamingBody):
        def read(self, *_: Any) -> bytes:
            raise ReadTimeoutError(endpoint_url="https://runtime")

    stub = Stubber(stack.clients.sagemaker_runtime)
    body = Broken(io.BytesIO(), 0)
    stub.add_response("invoke_endpoint", {"Body": body})
    with stub, pytest.raises(ServiceUnavailableError), platform_faults():
        outcome(stack, SETOSA)
