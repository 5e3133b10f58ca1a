"""What publish sees of a stack before it publishes what could not be deployed there."""

import pytest
import yaml
from botocore.stub import Stubber

from dropforge.errors import InputError
from dropforge.project import Project
from dropforge.publish import publish
from dropforge.target import Target, local_target

from .conftest import PIPELINE, STACK

PARAMETERS = """\
Parameters:
  SubnetIds: { Type: String, Default: "" }
  NetworkIsolation: { Type: String, Default: "false" }
"""


def serve(project: Project, **section: object) -> None:
    """Give the pipeline another `serve`."""
    document = yaml.safe_load(PIPELINE) | {"serve": section}
    (project.pipelines / "iris/pipeline.yaml").write_text(yaml.safe_dump(document))


def with_parameters(target: Target, **values: str) -> Target:
    """Give the stack network parameters."""
    parameters = [{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()]
    target.cloudformation.update_stack(
        StackName="df",
        TemplateBody=PARAMETERS + STACK,
        Parameters=parameters,  # type: ignore[arg-type]
    )
    return local_target(str(target.endpoint_url), "df", "us-east-1")


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"SubnetIds": "subnet-1"}, "SubnetIds"),
        ({"NetworkIsolation": "true"}, "NetworkIsolation"),
        ({"SubnetIds": "subnet-1", "NetworkIsolation": "true"}, "SubnetIds and NetworkIsolation"),
    ],
)
def test_a_serverless_pipeline_needs_an_open_stack(
    project: Project, target: Target, parameters: dict[str, str], named: str
) -> None:
    """AWS refuses such an endpoint only after hours of training: publish refuses it at once."""
    serve(project, serverless={})
    shut = with_parameters(target, **parameters)
    with pytest.raises(InputError, match=f"'df' has {named}, and AWS has no"):
        publish(project, shut, ["iris"])
    assert shut.ledger.published("iris") is None
    serve(project, instance={})
    assert publish(project, shut, ["iris"])[0].is_new


def test_a_serverless_pipeline_on_an_open_stack(project: Project, target: Target) -> None:
    """Parameters that shut nothing in, or are not there at all, are no reason."""
    serve(project, serverless={})
    assert publish(project, target, ["iris"])[0].is_new
    serve(project, serverless={"memory_mb": 1024})
    open_stack = with_parameters(target, SubnetIds="", NetworkIsolation="false")
    assert publish(project, open_stack, ["iris"])[0].is_new


def test_alarms_must_exist(project: Project, target: Target) -> None:
    """A rollout whose alarm was mistyped could never be rolled back by it."""
    rollout = {"type": "all_at_once", "alarms": ["errors", "latency"]}
    serve(project, instance={}, rollout=rollout)
    cloudwatch = target.client("cloudwatch")
    alarm = {
        "Namespace": "AWS/SageMaker",
        "MetricName": "Invocation5XXErrors",
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanThreshold",
    }
    cloudwatch.put_metric_alarm(AlarmName="errors", **alarm)
    with pytest.raises(InputError, match="no CloudWatch alarm latency in us-east-1"):
        publish(project, target, ["iris"])
    cloudwatch.put_metric_alarm(AlarmName="latency", **alarm)
    assert publish(project, target, ["iris"])[0].is_new
    published = target.ledger.published("iris")
    assert published is not None
    assert published.serve.deployment is not None


def test_who_may_not_look_for_alarms_is_told(
    project: Project, target: Target, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not to be allowed to see an alarm is no proof that it is missing."""
    serve(project, instance={}, rollout={"type": "all_at_once", "alarms": ["errors"]})
    with Stubber(target.client("cloudwatch")) as stub:
        stub.add_client_error("describe_alarms", "AccessDenied")
        assert publish(project, target, ["iris"])[0].is_new
    assert "serve.rollout.alarms: you may not look whether they exist" in capsys.readouterr().err
