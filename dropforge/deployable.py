"""What a stack must be and have so that it can deploy a pipeline: seen before publishing."""

from botocore.exceptions import ClientError
from dropforge_core.pipeline_config import Train
from dropforge_core.serve_config import Serve

from dropforge import output
from dropforge.errors import InputError
from dropforge.target import Target

_FORBIDDEN = {"AccessDenied", "AccessDeniedException"}


def check_deployable(target: Target, serve: Serve, where: str) -> None:
    """Check what a pipeline.yaml, which lies at `where`, asks for against the stack.

    Raises:
        InputError: AWS would refuse the endpoint or its update there.
    """
    if serve.serverless:
        _check_network(target, where)
    if serve.rollout and serve.rollout.alarms:
        _check_alarms(target, serve.rollout.alarms, where)


def tell_of_progress(target: Target, train: Train, where: str) -> None:
    """Say so when a training's progress would be told to nobody."""
    if train.progress == "slack" and target.parameter("SlackWebhookSource") == "none":
        output.say(
            f"{where}: train.progress: stack {target.stack!r} has no Slack webhook"
            " (SlackWebhookSource): nobody is told."
        )


def _check_network(target: Target, where: str) -> None:
    """Refuse a serverless endpoint where the stack's parameters shut its models in."""
    refused = {
        "SubnetIds": target.parameter("SubnetIds") != "",
        "NetworkIsolation": target.parameter("NetworkIsolation") == "true",
    }
    given = " and ".join(name for name, is_given in refused.items() if is_given)
    if given:
        raise InputError(
            f"{where}: serve.serverless: stack {target.stack!r} has {given}, and AWS has no"
            " serverless endpoints in a VPC or without a network: serve it on an instance."
        )


def _check_alarms(target: Target, names: tuple[str, ...], where: str) -> None:
    """Refuse alarms that do not exist; say so when that cannot be seen."""
    try:
        found = target.client("cloudwatch").describe_alarms(
            AlarmNames=list(names), AlarmTypes=["MetricAlarm", "CompositeAlarm"]
        )
    except ClientError as err:
        if err.response["Error"]["Code"] not in _FORBIDDEN:
            raise
        output.say(f"{where}: serve.rollout.alarms: you may not look whether they exist.")
        return
    alarms = [*found.get("MetricAlarms", []), *found.get("CompositeAlarms", [])]
    missing = sorted(set(names) - {alarm["AlarmName"] for alarm in alarms})
    if missing:
        raise InputError(
            f"{where}: serve.rollout.alarms: there is no CloudWatch alarm {', '.join(missing)}"
            f" in {target.region}: create it first."
        )
