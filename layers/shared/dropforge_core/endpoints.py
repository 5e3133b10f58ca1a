"""The state of a SageMaker endpoint, the model that it serves, and when a change has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from dropforge_core.aws_errors import error_code
from dropforge_core.contracts import Champion, EndpointState
from dropforge_core.naming import run_of_uri

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker.type_defs import DescribeEndpointOutputTypeDef

MISSING = "Missing"
# SageMaker's message for an endpoint that is not there. "Could not find endpoint configuration"
# shares the beginning without the quote, and every other error must not be read as "missing".
_MISSING_MESSAGE = 'Could not find endpoint "'
# Of an endpoint config or a model that is not there.
_GONE_MESSAGE = "Could not find "
# Nothing more happens to an endpoint in one of these by itself.
_SETTLED = {"InService", "Failed", "OutOfService", "UpdateRollbackFailed", MISSING}


def describe(sagemaker: SageMakerClient, name: str) -> DescribeEndpointOutputTypeDef | None:
    """Describe an endpoint as SageMaker does, None when it does not exist.

    Raises:
        botocore.exceptions.ClientError: every error but that the endpoint does not exist.
    """
    try:
        return sagemaker.describe_endpoint(EndpointName=name)
    except ClientError as err:
        message = err.response.get("Error", {}).get("Message", "")
        if error_code(err) != "ValidationException" or not message.startswith(_MISSING_MESSAGE):
            raise
        return None


def endpoint_state(sagemaker: SageMakerClient, name: str) -> EndpointState:
    """Tell the state of an endpoint.

    Raises:
        botocore.exceptions.ClientError: every error but that the endpoint does not exist.
    """
    found = describe(sagemaker, name)
    if found is None:
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


def champion_of(sagemaker: SageMakerClient, state: EndpointState) -> Champion | None:
    """Find the model that serves: the first variant's, if it is one archive in one container.

    Returns:
        The champion, or None: nothing is in service, what serves cannot be given to a job as one
        archive, or its config or its model is gone.

    Raises:
        botocore.exceptions.ClientError: every error but that config or model do not exist.
    """
    if state.status != "InService" or state.config is None:
        return None
    try:
        config = sagemaker.describe_endpoint_config(EndpointConfigName=state.config)
        name = config["ProductionVariants"][0].get("ModelName", "")
        if not name:  # an endpoint of inference components
            return None
        model = sagemaker.describe_model(ModelName=name)
    except ClientError as err:
        message = err.response.get("Error", {}).get("Message", "")
        if error_code(err) != "ValidationException" or not message.startswith(_GONE_MESSAGE):
            raise
        return None
    primary = [model["PrimaryContainer"]] if "PrimaryContainer" in model else []
    containers = primary or model.get("Containers", [])
    data = containers[0].get("ModelDataUrl") if len(containers) == 1 else None
    return Champion(model_data=data, run_id=run_of_uri(data)) if data else None


def is_settled(state: EndpointState) -> bool:
    """Say whether a create or an update has come to its end, good or bad."""
    return state.status in _SETTLED
