"""The state of a SageMaker endpoint, and when a change of it has come to an end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from dropforge_core.aws_errors import error_code
from dropforge_core.contracts import EndpointState

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

MISSING = "Missing"
# SageMaker's message for an endpoint that is not there. "Could not find endpoint configuration"
# shares the beginning without the quote, and every other error must not be read as "missing".
_MISSING_MESSAGE = 'Could not find endpoint "'
# Nothing more happens to an endpoint in one of these by itself.
_SETTLED = {"InService", "Failed", "OutOfService", "UpdateRollbackFailed", MISSING}


def endpoint_state(sagemaker: SageMakerClient, name: str) -> EndpointState:
    """Describe an endpoint.

    Raises:
        botocore.exceptions.ClientError: every error but that the endpoint does not exist.
    """
    try:
        found = sagemaker.describe_endpoint(EndpointName=name)
    except ClientError as err:
        message = err.response.get("Error", {}).get("Message", "")
        if error_code(err) != "ValidationException" or not message.startswith(_MISSING_MESSAGE):
            raise
        return EndpointState(endpoint=name, exists=False, status=MISSING, updatable=False)
    status = found["EndpointStatus"]
    return EndpointState(
        endpoint=name,
        exists=True,
        status=status,
        updatable=status == "InService",
        config=found["EndpointConfigName"],
        failure_reason=found.get("FailureReason"),
    )


def is_settled(state: EndpointState) -> bool:
    """Say whether a create or an update has come to its end, good or bad."""
    return state.status in _SETTLED
