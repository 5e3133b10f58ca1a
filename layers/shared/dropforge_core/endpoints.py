"""The state of a SageMaker endpoint, the model that it serves, and when a change has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from dropforge_core.aws_errors import error_code
from dropforge_core.contracts import Champion, EndpointState, Training
from dropforge_core.naming import models_folder_of, run_of_uri, training_job_of

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
        modified_at=round(found["LastModifiedTime"].timestamp() * 1000),
    )


def with_what_serves(sagemaker: SageMakerClient, state: EndpointState) -> EndpointState:
    """Add what the config in service says: the first variant's instances, and the champion.

    Returns:
        The state as it is when nothing is in service, or when the config is gone. There is no
        champion when what serves is not made as runs make it, or its model is gone.

    Raises:
        botocore.exceptions.ClientError: every error but that config or model do not exist.
    """
    if state.status != "InService" or state.config is None:
        return state
    try:
        config = sagemaker.describe_endpoint_config(EndpointConfigName=state.config)
    except ClientError as err:
        _check_gone(err)
        return state
    variant = config["ProductionVariants"][0]
    found = {
        "instance_count": variant.get("InitialInstanceCount"),
        # An endpoint of inference components names no model.
        "champion": _champion(sagemaker, variant.get("ModelName", "")),
    }
    return state.model_copy(update=found)


def with_training(sagemaker: SageMakerClient, state: EndpointState) -> EndpointState:
    """Add what the champion's training job was given.

    Returns:
        The state as it is when there is no champion, or no training job of ours made it.

    Raises:
        botocore.exceptions.ClientError: every error but that the job does not exist.
    """
    name = training_job_of(state.champion.model_data) if state.champion else None
    if name is None:
        return state
    try:
        job = sagemaker.describe_training_job(TrainingJobName=name)
    except ClientError as err:
        if error_code(err) != "ValidationException":
            raise
        return state
    training = Training(
        image=job["AlgorithmSpecification"].get("TrainingImage", ""),
        hyperparameters=job.get("HyperParameters", {}),
        environment=job.get("Environment", {}),
    )
    return state.model_copy(update={"training": training})


def is_settled(state: EndpointState) -> bool:
    """Say whether a create or an update has come to its end, good or bad."""
    return state.status in _SETTLED


def _champion(sagemaker: SageMakerClient, model_name: str) -> Champion | None:
    """Find the artifacts of a model: one of a training job, and those that preprocess made."""
    if not model_name:
        return None
    try:
        model = sagemaker.describe_model(ModelName=model_name)
    except ClientError as err:
        _check_gone(err)
        return None
    primary = [model["PrimaryContainer"]] if "PrimaryContainer" in model else []
    containers = primary or model.get("Containers", [])
    uris = [one["ModelDataUrl"] for one in containers if "ModelDataUrl" in one]
    folders = {folder for uri in uris if (folder := models_folder_of(uri))}
    trained = {uri for uri in uris if not models_folder_of(uri)}
    if len(trained) != 1 or len(folders) > 1:
        return None
    data, models = trained.pop(), next(iter(folders), None)
    # A run may have taken over another one's training, never its preprocessing.
    return Champion(model_data=data, models=models, run_id=run_of_uri(models or data))


def _check_gone(err: ClientError) -> None:
    """Raise an error again unless it says that a config or a model does not exist."""
    message = err.response.get("Error", {}).get("Message", "")
    if error_code(err) != "ValidationException" or not message.startswith(_GONE_MESSAGE):
        raise err
