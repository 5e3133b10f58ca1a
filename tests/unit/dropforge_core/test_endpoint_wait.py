from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from dropforge_core.aws_errors import platform_faults
from dropforge_core.contracts import EndpointState, EndpointWait
from dropforge_core.endpoint_wait import EndpointWaits
from dropforge_core.endpoints import endpoint_state
from dropforge_core.errors import ServiceUnavailableError

from tests.unit.dropforge_core.stack import Stack

NAME = "dropforge-iris"
WAIT = EndpointWait(endpoint=NAME, task_token="token")  # noqa: S106
MISSING = f'Could not find endpoint "arn:aws:sagemaker:us-east-1:123456789012:endpoint/{NAME}".'


def described(status: str, **more: Any) -> dict[str, Any]:
    """SageMaker's Describe answer."""
    return {
        "EndpointName": NAME,
        "EndpointArn": f"arn:aws:sagemaker:us-east-1:123456789012:endpoint/{NAME}",
        "EndpointConfigName": "iris-config",
        "EndpointStatus": status,
        "CreationTime": 1,
        "LastModifiedTime": datetime(2026, 11, 21, 5, 20, 11, 250_000, UTC),
        **more,
    }


def describing(stack: Stack, *answers: dict[str, Any]) -> Stubber:
    """Moto's endpoints know no transition: Describe is answered from a list."""
    stub = Stubber(stack.clients.sagemaker)
    for answer in answers:
        stub.add_response("describe_endpoint", answer, {"EndpointName": NAME})
    return stub


def test_a_missing_endpoint(stack: Stack) -> None:
    """SageMaker's exact message for an endpoint that is not there means Missing."""
    with Stubber(stack.clients.sagemaker) as stub:
        stub.add_client_error("describe_endpoint", "ValidationException", MISSING)
        state = endpoint_state(stack.clients.sagemaker, NAME)
    assert state == EndpointState(endpoint=NAME, exists=False, status="Missing", updatable=False)


@pytest.mark.parametrize(
    ("code", "message", "status"),
    [
        ("ValidationException", 'Could not find endpoint configuration "x".', 400),
        ("ValidationException", "1 validation error detected", 400),
        ("ValidationException", f"Sorry: {MISSING}", 400),
        ("ResourceNotFound", MISSING, 400),
        ("ThrottlingException", MISSING, 400),
        ("AccessDeniedException", "no", 403),
        ("InternalFailure", "oops", 500),
    ],
)
def test_every_other_error_is_no_missing_endpoint(
    stack: Stack, code: str, message: str, status: int
) -> None:
    """No other error is read as missing; throttles and 5xx are the platform's fault."""
    platforms = code == "ThrottlingException" or status >= 500
    with Stubber(stack.clients.sagemaker) as stub:
        stub.add_client_error("describe_endpoint", code, message, http_status_code=status)
        with (
            pytest.raises(ServiceUnavailableError if platforms else ClientError),
            platform_faults(),
        ):
            endpoint_state(stack.clients.sagemaker, NAME)


@pytest.mark.parametrize(
    "status",
    [
        "OutOfService",
        "Creating",
        "Updating",
        "SystemUpdating",
        "RollingBack",
        "InService",
        "Deleting",
        "Failed",
        "UpdateRollbackFailed",
    ],
)
def test_only_in_service_can_be_updated(stack: Stack, status: str) -> None:
    """Of SageMaker's statuses only InService takes an update now."""
    with describing(stack, described(status, FailureReason="why")):
        state = endpoint_state(stack.clients.sagemaker, NAME)
    assert state.updatable == (status == "InService")
    assert (state.status, state.config, state.failure_reason) == (status, "iris-config", "why")
    assert state.modified_at == 1795238411250


class Tokens:
    """Step Functions' side of the tokens; moto's interpreter would want a whole machine."""

    def __init__(self, error: str = "") -> None:
        """Answer every token, or refuse with an error of this code."""
        self.answered: list[tuple[str, str]] = []
        self._error = error

    @property
    def stepfunctions(self) -> Any:
        """Itself: the client."""
        return self

    def send_task_success(self, **request: str) -> None:
        """Keep an answer."""
        if self._error:
            raise ClientError({"Error": {"Code": self._error}}, "SendTaskSuccess")
        self.answered.append((request["taskToken"], request["output"]))


def waits(stack: Stack, tokens: Tokens) -> EndpointWaits:
    """The waits, with the stack's ledger and SageMaker client."""
    object.__setattr__(tokens, "sagemaker", stack.clients.sagemaker)
    clients: Any = tokens
    return EndpointWaits(ledger=stack.ledger, clients=clients, now=stack.clock.now)


def test_an_end_that_is_reached_is_answered_at_once(stack: Stack) -> None:
    """The endpoint settled before the wait began, and its event came before the token."""
    tokens = Tokens()
    with describing(stack, described("InService")):
        answer = waits(stack, tokens).begin(WAIT)
    assert (answer.answered, answer.status) == (True, "InService")
    ((token, output),) = tokens.answered
    assert token == WAIT.task_token
    assert EndpointState.model_validate_json(output).status == "InService"
    assert stack.ledger.waiting_token(NAME) is None


def test_the_event_answers_a_wait(stack: Stack) -> None:
    """While it changes nothing is answered; the event that comes at the end answers, once."""
    tokens = Tokens()
    with describing(stack, *map(described, ("Updating", "Updating", "Failed"))):
        assert not waits(stack, tokens).begin(WAIT).answered
        assert not waits(stack, tokens).look(NAME).answered
        assert waits(stack, tokens).look(NAME).answered
        assert not waits(stack, tokens).look(NAME).answered, "a second event for the same change"
    assert len(tokens.answered) == 1


@pytest.mark.parametrize("error", ["TaskTimedOut", "TaskDoesNotExist", "InvalidToken"])
def test_a_late_token_is_no_error(stack: Stack, error: str) -> None:
    """A wait that has timed out is forgotten."""
    with describing(stack, described("InService")):
        assert not waits(stack, Tokens(error)).begin(WAIT).answered
    assert stack.ledger.waiting_token(NAME) is None


def test_an_answer_that_fails_is_kept(stack: Stack) -> None:
    """When Step Functions cannot be reached the token stays for the next try."""
    with (
        describing(stack, described("InService")),
        pytest.raises(ServiceUnavailableError),
        platform_faults(),
    ):
        waits(stack, Tokens("ThrottlingException")).begin(WAIT)
    assert stack.ledger.waiting_token(NAME) == "token"
