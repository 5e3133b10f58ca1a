from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from dropforge_core.aws_errors import platform_faults
from dropforge_core.contracts import Champion, EndpointState, Training
from dropforge_core.endpoints import with_training, with_what_serves
from dropforge_core.errors import ServiceUnavailableError

from tests.unit.dropforge_core.stack import Stack

ARN = "arn:aws:sagemaker:us-east-1:123456789012"
RUN = "iris_flowers-20261121t052011-1a2b3c4d"
DATA = f"s3://artifacts/runs/{RUN}/train/{RUN}-train-1/output/model.tar.gz"
OTHER = f"s3://artifacts/runs/{RUN}/train/other/output/model.tar.gz"
LATER = "iris_flowers-20261122t052011-5e6f7a8b"
MODELS = f"s3://artifacts/runs/{LATER}/preprocess/models/"
BEFORE = f"{MODELS}before/model.tar.gz"
CONFIG_GONE = f'Could not find endpoint configuration "{ARN}:endpoint-config/c".'
MODEL_GONE = f'Could not find model "{ARN}:model/m".'


def a_state(status: str = "InService") -> EndpointState:
    """An endpoint with a config."""
    return EndpointState(
        endpoint="dropforge-iris",
        exists=True,
        status=status,
        updatable=status == "InService",
        config="c",
    )


def with_config(stack: Stack, **variant: str | int) -> Stubber:
    """SageMaker with a config of two variants."""
    stub = Stubber(stack.clients.sagemaker)
    first = {"VariantName": "AllTraffic", **(variant or {"ModelName": "m"})}
    config = {
        "EndpointConfigName": "c",
        "EndpointConfigArn": f"{ARN}:endpoint-config/c",
        "ProductionVariants": [first, {"VariantName": "Second", "ModelName": "other"}],
        "CreationTime": 1,
    }
    stub.add_response("describe_endpoint_config", config, {"EndpointConfigName": "c"})
    return stub


def with_model(stack: Stack, model: dict[str, Any]) -> Stubber:
    """SageMaker with a config of two variants, and the first one's model."""
    stub = with_config(stack)
    common = {"ModelName": "m", "ModelArn": f"{ARN}:model/m", "CreationTime": 1}
    stub.add_response("describe_model", {**common, **model}, {"ModelName": "m"})
    return stub


@pytest.mark.parametrize(
    ("model", "champion"),
    [
        ({"PrimaryContainer": {"ModelDataUrl": DATA}}, Champion(model_data=DATA, run_id=RUN)),
        ({"Containers": [{"ModelDataUrl": DATA}]}, Champion(model_data=DATA, run_id=RUN)),
        (
            # Trained by one run, preprocessed by a later one, whose model it is.
            {"Containers": [{"ModelDataUrl": BEFORE}, {"ModelDataUrl": DATA}, {"Image": "bare"}]},
            Champion(model_data=DATA, models=MODELS, run_id=LATER),
        ),
        ({"Containers": [{"ModelDataUrl": DATA}, {"ModelDataUrl": OTHER}]}, None),
        ({"Containers": [{"ModelDataUrl": BEFORE}]}, None),
        ({"PrimaryContainer": {"Image": "without-data"}}, None),
        ({}, None),
        (
            {"PrimaryContainer": {"ModelDataUrl": "s3://elsewhere/by-hand/model.tar.gz"}},
            Champion(model_data="s3://elsewhere/by-hand/model.tar.gz"),
        ),
    ],
)
def test_the_model_that_serves(stack: Stack, model: Any, champion: Champion | None) -> None:
    """The first variant's trained archive, what preprocess made beside it, and whose it is."""
    with with_model(stack, model):
        found = with_what_serves(stack.clients.sagemaker, a_state())
    assert found == a_state().model_copy(update={"champion": champion})


def test_inference_components_are_no_champion(stack: Stack) -> None:
    """A variant without a model has no archive to compare with."""
    with with_config(stack, InstanceType="ml.m5.large"):
        assert with_what_serves(stack.clients.sagemaker, a_state()) == a_state()


@pytest.mark.parametrize("count", [1, 3])
def test_the_number_of_instances_that_the_config_asks_for(stack: Stack, count: int) -> None:
    """It is told whatever scaling has made of it, and whether there is a champion or not."""
    with with_config(stack, InitialInstanceCount=count):
        found = with_what_serves(stack.clients.sagemaker, a_state())
    assert (found.instance_count, found.champion) == (count, None)


@pytest.mark.parametrize("status", ["Missing", "Creating", "Updating", "Failed", "OutOfService"])
def test_only_what_is_in_service_is_asked_for(stack: Stack, status: str) -> None:
    """Nothing is described of an endpoint that does not serve or is changing."""
    with Stubber(stack.clients.sagemaker):
        assert with_what_serves(stack.clients.sagemaker, a_state(status)) == a_state(status)


@pytest.mark.parametrize("gone", ["config", "model"])
def test_what_is_gone_is_no_error(stack: Stack, gone: str) -> None:
    """Somebody tidied up: the endpoint goes on without them, and so do we."""
    if gone == "config":
        stub = Stubber(stack.clients.sagemaker)
        stub.add_client_error("describe_endpoint_config", "ValidationException", CONFIG_GONE)
    else:
        stub = with_config(stack)
        stub.add_client_error("describe_model", "ValidationException", MODEL_GONE)
    with stub:
        assert with_what_serves(stack.clients.sagemaker, a_state()) == a_state()


@pytest.mark.parametrize(
    ("code", "message", "error"),
    [
        ("ThrottlingException", MODEL_GONE, ServiceUnavailableError),
        ("AccessDeniedException", MODEL_GONE, ClientError),
        ("ValidationException", "1 validation error detected", ClientError),
    ],
)
@pytest.mark.parametrize("call", ["describe_endpoint_config", "describe_model"])
def test_every_other_error_is_one(
    stack: Stack, call: str, code: str, message: str, error: type[Exception]
) -> None:
    """Not to know the champion is not the same as there being none."""
    is_first = call == "describe_endpoint_config"
    stub = Stubber(stack.clients.sagemaker) if is_first else with_config(stack)
    stub.add_client_error(call, code, message)
    with stub, pytest.raises(error), platform_faults():
        with_what_serves(stack.clients.sagemaker, a_state())


def champion_of(data: str) -> EndpointState:
    """An endpoint whose champion's trained archive lies there."""
    return a_state().model_copy(update={"champion": Champion(model_data=data, run_id=RUN)})


def test_how_the_champion_was_trained(stack: Stack) -> None:
    """Its job is in the archive's address: what decided the training comes from SageMaker."""
    job = {
        "TrainingJobName": "iris-flowers-train-1",
        "TrainingJobArn": f"{ARN}:training-job/iris-flowers-train-1",
        "ModelArtifacts": {"S3ModelArtifacts": "s3://x"},
        "TrainingJobStatus": "Completed",
        "SecondaryStatus": "Completed",
        "AlgorithmSpecification": {"TrainingImage": "image:1", "TrainingInputMode": "File"},
        "ResourceConfig": {"VolumeSizeInGB": 1},
        "StoppingCondition": {},
        "CreationTime": 1,
        "HyperParameters": {"depth": "3"},
        "Environment": {"TRAINED_ON": "1a2b"},
    }
    state = champion_of(f"s3://a/runs/{RUN}/train/iris-flowers-train-1/output/model.tar.gz")
    with Stubber(stack.clients.sagemaker) as stub:
        asked = {"TrainingJobName": "iris-flowers-train-1"}
        stub.add_response("describe_training_job", job, asked)
        found = with_training(stack.clients.sagemaker, state)
    assert found.training == Training(
        image="image:1", hyperparameters={"depth": "3"}, environment={"TRAINED_ON": "1a2b"}
    )


@pytest.mark.parametrize(
    "state",
    [a_state(), champion_of("s3://elsewhere/by-hand/model.tar.gz")],
    ids=["none", "strange"],
)
def test_who_was_not_trained_by_a_run_is_not_asked_for(stack: Stack, state: EndpointState) -> None:
    """No champion, or one that somebody else made."""
    with Stubber(stack.clients.sagemaker):
        assert with_training(stack.clients.sagemaker, state) == state


def test_a_training_job_that_is_gone(stack: Stack) -> None:
    """Then nothing is known of it; any other error is one."""
    state = champion_of(f"s3://a/runs/{RUN}/train/gone/output/model.tar.gz")
    with Stubber(stack.clients.sagemaker) as stub:
        for code in ("ValidationException", "ThrottlingException"):
            stub.add_client_error("describe_training_job", code, "Requested resource not found.")
        assert with_training(stack.clients.sagemaker, state) == state
        with pytest.raises(ClientError):
            with_training(stack.clients.sagemaker, state)
