"""Delivery of events: who gets them, in what form, and where the lost ones end."""

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from embedded_aws import event_input
from embedded_aws.policies import admits
from tests.conftest import Embedded

ACCOUNT = "arn:aws:sqs:us-east-1:123456789012:"
OPEN = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:*"}]}
EVENT: dict[str, Any] = {
    "source": "mine",
    "time": "2026-01-01T00:00:00Z",
    "resources": ["r"],
    "detail": {"name": 'a "quoted" name', "size": 3, "tags": {"a": 1}},
}


class Rule:
    """What a template needs to know of a rule."""

    arn = "arn:aws:events:us-east-1:123456789012:rule/r"
    name = "r"


def queue(embedded: Embedded, name: str, policy: dict[str, Any] | None = None) -> str:
    """Make a queue; give its URL."""
    attributes = {"Policy": json.dumps(policy)} if policy else {}
    made = embedded.client("sqs").create_queue(QueueName=name, Attributes=attributes)
    return str(made["QueueUrl"])


def send(embedded: Embedded, source: str) -> None:
    """Send an event of our own."""
    embedded.client("events").put_events(
        Entries=[{"Source": source, "DetailType": "t", "Detail": '{"say": "event"}'}]
    )


def rule(embedded: Embedded, name: str, target: dict[str, Any], **more: str) -> str:
    """Make a rule for events whose source is its name; give its ARN."""
    events = embedded.client("events")
    pattern = json.dumps({"source": [name]})
    made = events.put_rule(Name=name, **({"EventPattern": pattern} | more))
    events.put_targets(Rule=name, Targets=[{"Id": "1", **target}])
    return str(made["RuleArn"])


def messages(embedded: Embedded, url: str) -> list[dict[str, Any]]:
    """Receive what a queue holds."""
    found: list[dict[str, Any]] = (
        embedded.client("sqs")
        .receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
        .get("Messages", [])
    )
    return found


def test_a_queue_must_admit_the_rule(embedded: Embedded) -> None:
    """Without a policy for it the event ends in the dead-letter queue, with the reason."""
    url, dead = queue(embedded, "events-closed"), queue(embedded, "events-dead", OPEN)
    arn = rule(
        embedded,
        "events.closed",
        {"Arn": f"{ACCOUNT}events-closed", "DeadLetterConfig": {"Arn": f"{ACCOUNT}events-dead"}},
    )
    send(embedded, "events.closed")
    assert messages(embedded, url) == []
    (lost,) = messages(embedded, dead)
    assert json.loads(lost["Body"])["source"] == "events.closed"
    attributes = {name: item["StringValue"] for name, item in lost["MessageAttributes"].items()}
    assert attributes["ERROR_CODE"] == "NO_PERMISSIONS"
    assert attributes["RULE_ARN"] == arn
    assert attributes["TARGET_ARN"] == f"{ACCOUNT}events-closed"

    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Condition": {"ArnEquals": {"aws:SourceArn": arn}},
    }
    embedded.client("sqs").set_queue_attributes(
        QueueUrl=url, Attributes={"Policy": json.dumps({"Statement": [statement]})}
    )
    send(embedded, "events.closed")
    assert len(messages(embedded, url)) == 1


def test_a_queue_that_is_not_there(embedded: Embedded) -> None:
    """An event for a queue that does not exist ends in the dead-letter queue."""
    dead = queue(embedded, "events-dead-2", OPEN)
    target = {
        "Arn": f"{ACCOUNT}events-nobody",
        "DeadLetterConfig": {"Arn": f"{ACCOUNT}events-dead-2"},
    }
    rule(embedded, "events.nobody", target)
    send(embedded, "events.nobody")
    (lost,) = messages(embedded, dead)
    assert lost["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "RESOURCE_NOT_FOUND"


@pytest.mark.usefixtures("embedded")
@pytest.mark.parametrize(
    "more", [{"State": "DISABLED"}, {"ScheduleExpression": "rate(1 day)", "EventPattern": ""}]
)
def test_some_rules_are_silent(embedded: Embedded, more: dict[str, str]) -> None:
    """A disabled rule and a schedule do not deliver events."""
    name = f"events.silent.{next(iter(more))}"
    url = queue(embedded, name.replace(".", "-"), OPEN)
    rule(embedded, name, {"Arn": f"{ACCOUNT}{name.replace('.', '-')}"}, **more)
    send(embedded, name)
    assert messages(embedded, url) == []


def test_a_function_is_invoked(embedded: Embedded, echo: str) -> None:
    """A Lambda target runs once it admits the rule, with the input that the target asks for."""
    arn = f"arn:aws:lambda:us-east-1:123456789012:function:{echo}"
    source = rule(embedded, "events.function", {"Arn": arn, "InputPath": "$.detail"})
    admit(embedded, echo, source, "rule")
    send(embedded, "events.function")
    deadline = time.monotonic() + 20
    logs = embedded.state / "logs"
    while "got event" not in "".join(path.read_text() for path in logs.rglob("*.log")):
        assert time.monotonic() < deadline, "the function did not run"
        time.sleep(0.05)


def admit(embedded: Embedded, function: str, rule: str, statement: str) -> None:
    """Let a rule invoke a function."""
    embedded.client("lambda").add_permission(
        FunctionName=function,
        StatementId=statement,
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=rule,
    )


def test_the_end_of_an_execution_reaches_a_function(embedded: Embedded, echo: str) -> None:
    """Step Functions' own events go to a rule's function, whatever killed the execution."""
    function = f"arn:aws:lambda:us-east-1:123456789012:function:{echo}"
    machine = {
        "StartAt": "Wait",
        "States": {"Wait": {"Type": "Wait", "Seconds": 60, "End": True}},
    }
    states = embedded.client("stepfunctions")
    made = states.create_state_machine(
        name="events-aborted",
        definition=json.dumps(machine),
        roleArn="arn:aws:iam::123456789012:role/echo",
    )["stateMachineArn"]
    pattern = {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {
            "status": ["FAILED", "TIMED_OUT", "ABORTED"],
            "stateMachineArn": [made],
        },
    }
    transformer = {
        "InputPathsMap": {"status": "$.detail.status", "name": "$.detail.name"},
        "InputTemplate": '{"say": "<name> <status>"}',
    }
    target = {"Arn": function, "InputTransformer": transformer}
    arn = rule(embedded, "events.aborted", target, EventPattern=json.dumps(pattern))
    admit(embedded, echo, arn, "aborted")
    started = states.start_execution(stateMachineArn=made, name="run-1")
    states.stop_execution(executionArn=started["executionArn"])
    deadline = time.monotonic() + 20
    logs = embedded.state / "logs"
    while "got run-1 ABORTED" not in "".join(path.read_text() for path in logs.rglob("*.log")):
        assert time.monotonic() < deadline, "the function did not run"
        time.sleep(0.05)


def test_an_approval_in_the_registry_is_an_event(embedded: Embedded) -> None:
    """Whoever changes a model package's status, rules hear of it."""
    url = queue(embedded, "events-approved", OPEN)
    pattern = {
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Model Package State Change"],
        "detail": {"ModelPackageGroupName": ["events-group"], "ModelApprovalStatus": ["Approved"]},
    }
    target = {"Arn": f"{ACCOUNT}events-approved"}
    rule(embedded, "events.approved", target, EventPattern=json.dumps(pattern))
    sagemaker = embedded.client("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName="events-group")
    made = sagemaker.create_model_package(ModelPackageGroupName="events-group")
    sagemaker.update_model_package(
        ModelPackageArn=made["ModelPackageArn"], ModelApprovalStatus="Approved"
    )
    [message] = messages(embedded, url)
    event = json.loads(message["Body"])
    assert event["resources"] == [made["ModelPackageArn"]]
    assert event["detail"]["ModelPackageVersion"] == 1


@pytest.mark.parametrize(
    ("target", "named"),
    [
        ({"Arn": "arn:aws:sns:us-east-1:123456789012:topic"}, "arn:aws:sns"),
        ({"Arn": "arn:aws:states:us-east-1:123456789012:stateMachine:m"}, "arn:aws:states"),
        ({"Arn": f"{ACCOUNT}q", "KinesisParameters": {"PartitionKeyPath": "x"}},
         "KinesisParameters"),
        ({"Arn": f"{ACCOUNT}q", "InputPath": "$.resources[0]"}, "$.resources[0]"),
    ],
)  # fmt: skip
def test_what_cannot_be_delivered_is_refused(
    embedded: Embedded, target: dict[str, Any], named: str
) -> None:
    """A target that would never get anything is refused when it is put."""
    with pytest.raises(ClientError) as caught:
        rule(embedded, "events.refused", target)
    assert named in caught.value.response["Error"]["Message"]


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ({}, json.dumps(EVENT)),
        ({"Input": '{"a": 1}'}, '{"a": 1}'),
        ({"InputPath": "$.detail.tags"}, '{"a": 1}'),
        ({"InputPath": "$.gone"}, "null"),
        ({"InputTransformer": {"InputPathsMap": {"n": "$.detail.name", "s": "$.detail.size"},
          "InputTemplate":
              '{"n": <n>, "s": <s>, "both": "<n>: <s>", "rule": "<aws.events.rule-name>"}'}},
         '{"n": "a \\"quoted\\" name", "s": 3, "both": "a \\"quoted\\" name: 3", "rule": "r"}'),
        ({"InputTransformer": {"InputPathsMap": {"x": "$.gone"}, "InputTemplate": '"<x>!"'}},
         '"!"'),
        ({"InputTransformer": {"InputTemplate": '{"whole": <aws.events.event>}'}},
         json.dumps({"whole": EVENT})),
    ],
)  # fmt: skip
def test_input(target: dict[str, Any], text: str) -> None:
    """A target is sent the event, a part, a constant or a filled template."""
    assert event_input.render(target, EVENT, Rule) == text


ALLOW = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:Send*"}


@pytest.mark.parametrize(
    ("statements", "admitted"),
    [
        ([], False),
        ([ALLOW], True),
        ([ALLOW | {"Principal": {"Service": ["s3.amazonaws.com", "events.amazonaws.com"]}}], True),
        ([ALLOW | {"Principal": {"Service": "s3.amazonaws.com"}}], False),
        ([ALLOW | {"Principal": {"AWS": "*"}}], True),
        ([ALLOW | {"Action": ["sqs:ReceiveMessage"]}], False),
        ([ALLOW | {"Condition": {"ArnLike": {"AWS:SourceArn": "arn:aws:events:*:rule/r*"}}}], True),
        ([ALLOW | {"Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:events:*:rule/x"}}}], False),
        ([ALLOW | {"Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}}}], True),
        ([ALLOW | {"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}}], False),
        ([ALLOW, ALLOW | {"Effect": "Deny"}], False),
        ([ALLOW, ALLOW | {"Effect": "Deny",
                          "Condition": {"Bool": {"aws:SecureTransport": "false"}}}], True),
    ],
)  # fmt: skip
def test_policies(statements: list[dict[str, Any]], admitted: bool) -> None:  # noqa: FBT001
    """A policy admits a rule by principal, action and source; a denial wins."""
    assert admits(statements, "events.amazonaws.com", "sqs:SendMessage", Rule.arn) is admitted
