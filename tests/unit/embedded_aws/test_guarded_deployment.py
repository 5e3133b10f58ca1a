"""A canary whose model fails: its errors reach CloudWatch, the alarm sounds, all goes back."""

import io
import tarfile
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import Embedded
from tests.unit.embedded_aws.sagemaker.conftest import IMAGE, ROLE, SERVE
from tests.unit.embedded_aws.test_alarms import wait_for

NAME = "guarded"


def status_of(embedded: Embedded) -> dict[str, Any]:
    """Describe the endpoint."""
    described = embedded.client("sagemaker").describe_endpoint(EndpointName=NAME)
    return dict(described)


def wait_until_settled(embedded: Embedded) -> dict[str, Any]:
    """Wait for the endpoint to be in service."""
    deadline = time.monotonic() + 30
    while True:
        described = status_of(embedded)
        if described["EndpointStatus"] == "InService":
            return described
        assert time.monotonic() < deadline, described
        time.sleep(0.1)


@pytest.fixture
def endpoint(embedded: Embedded) -> Embedded:
    """Have an endpoint of two instances, and configs for `good` and `bad`, which fails."""
    folder = embedded.state / "images" / "test" / "image" / "1"
    folder.mkdir(parents=True, exist_ok=True)
    program = SERVE.replace("else 200\n", 'else int(os.environ.get("STATUS", "200"))\n')
    assert program != SERVE
    (folder / "serve").write_text(f"#!/usr/bin/env python3\n{program}")
    (folder / "serve").chmod(0o755)
    s3, sagemaker = embedded.client("s3"), embedded.client("sagemaker")
    s3.create_bucket(Bucket=NAME)
    for name, environment in (("good", {}), ("bad", {"STATUS": "500"})):
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as tar:
            member = tarfile.TarInfo("name")
            member.size = len(name)
            tar.addfile(member, io.BytesIO(name.encode()))
        s3.put_object(Bucket=NAME, Key=f"{name}.tar.gz", Body=packed.getvalue())
        container = {
            "Image": IMAGE,
            "ModelDataUrl": f"s3://{NAME}/{name}.tar.gz",
            "Environment": environment,
        }
        sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)
        variant = {
            "VariantName": "main",
            "ModelName": name,
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": 2,
        }
        sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=NAME, EndpointConfigName="good")
    wait_until_settled(embedded)
    return embedded


def test_errors_of_a_canary_roll_it_back(endpoint: Embedded) -> None:
    """With nobody's help but the alarm's, the old config serves again within seconds."""
    cloudwatch, sagemaker = endpoint.client("cloudwatch"), endpoint.client("sagemaker")
    runtime = endpoint.client("sagemaker-runtime")
    cloudwatch.put_metric_alarm(
        AlarmName="guarded-errors",
        Namespace="AWS/SageMaker",
        MetricName="Invocation5XXErrors",
        Dimensions=[
            {"Name": "EndpointName", "Value": NAME},
            {"Name": "VariantName", "Value": "main"},
        ],
        Statistic="Average",
        Period=60,
        EvaluationPeriods=1,
        Threshold=0.1,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
    )
    wait_for(endpoint, "guarded-errors", "OK")
    sagemaker.update_endpoint(
        EndpointName=NAME,
        EndpointConfigName="bad",
        DeploymentConfig={
            "BlueGreenUpdatePolicy": {
                "TrafficRoutingConfiguration": {
                    "Type": "CANARY",
                    "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 50},
                    "WaitIntervalInSeconds": 120,
                }
            },
            "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "guarded-errors"}]},
        },
    )
    errors: list[str] = []
    deadline = time.monotonic() + 30
    while status_of(endpoint)["EndpointStatus"] != "InService":
        assert time.monotonic() < deadline
        try:
            runtime.invoke_endpoint(EndpointName=NAME, Body=b"x", ContentType="text/csv")
        except ClientError as err:
            errors.append(err.response["Error"]["Code"])
        time.sleep(0.02)
    described = wait_until_settled(endpoint)
    assert set(errors) == {"ModelError"}
    assert described["EndpointConfigName"] == "good"
    assert "guarded-errors" in described["FailureReason"]
    for _ in range(4):
        answer = runtime.invoke_endpoint(EndpointName=NAME, Body=b"x", ContentType="text/csv")
        assert answer["Body"].read().startswith(b"good")
    sagemaker.delete_endpoint(EndpointName=NAME)
