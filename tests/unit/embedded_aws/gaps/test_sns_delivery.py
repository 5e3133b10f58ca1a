"""What a topic sends, and who gets it."""

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import Embedded
from tests.unit.embedded_aws.gaps.conftest import create_stack
from tests.unit.embedded_aws.test_events import ACCOUNT, OPEN, messages, queue


def topic(embedded: Embedded, name: str) -> str:
    """Make a topic; give its ARN."""
    return str(embedded.client("sns").create_topic(Name=name)["TopicArn"])


def subscribe(embedded: Embedded, topic: str, protocol: str, endpoint: str) -> None:
    """Subscribe to a topic."""
    embedded.client("sns").subscribe(TopicArn=topic, Protocol=protocol, Endpoint=endpoint)


def test_a_queue_gets_what_is_published(embedded: Embedded) -> None:
    """The message arrives in SNS's envelope; without a policy for the topic nothing does."""
    arn = topic(embedded, "sns-fan")
    admits_topic = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Condition": {"ArnEquals": {"aws:SourceArn": arn}},
    }
    policy = {"Statement": [admits_topic]}
    opened, closed = queue(embedded, "sns-open", policy), queue(embedded, "sns-closed")
    for name in ("sns-open", "sns-closed", "sns-gone"):
        subscribe(embedded, arn, "sqs", f"{ACCOUNT}{name}")
    embedded.client("sns").publish(TopicArn=arn, Subject="about", Message="hello")
    [message] = messages(embedded, opened)
    told = json.loads(message["Body"])
    assert (told["Type"], told["TopicArn"]) == ("Notification", arn)
    assert (told["Subject"], told["Message"]) == ("about", "hello")
    assert messages(embedded, closed) == []


def test_a_function_gets_what_is_published(embedded: Embedded, echo: str) -> None:
    """It runs with SNS's event, once its policy admits the topic."""
    arn = topic(embedded, "sns-function")
    functions = embedded.client("lambda")
    subscribe(embedded, arn, "lambda", f"arn:aws:lambda:us-east-1:123456789012:function:{echo}")
    logs = embedded.state / "logs"

    def log() -> str:
        return "".join(path.read_text() for path in logs.rglob("*echo*/*.log"))

    before = log().count("KeyError")
    functions.add_permission(
        FunctionName=echo,
        StatementId="topic",
        Action="lambda:InvokeFunction",
        Principal="sns.amazonaws.com",
        SourceArn=arn,
    )
    embedded.client("sns").publish(TopicArn=arn, Message="hello")
    deadline = time.monotonic() + 20
    # The function wants another event: that it complains shows that it ran with SNS's.
    while log().count("KeyError") == before:
        assert time.monotonic() < deadline, "the function did not run"
        time.sleep(0.05)


def test_filters_choose(embedded: Embedded) -> None:
    """A subscription made by CloudFormation gets only what its filter lets through, raw."""
    resources: dict[str, Any] = {
        "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "sns-filtered"}},
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "sns-filtered"}},
        "QueuePolicy": {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {"Queues": [{"Ref": "Queue"}], "PolicyDocument": OPEN},
        },
        "Subscription": {
            "Type": "AWS::SNS::Subscription",
            "Properties": {
                "TopicArn": {"Ref": "Topic"},
                "Protocol": "sqs",
                "Endpoint": {"Fn::GetAtt": ["Queue", "Arn"]},
                "FilterPolicy": {"status": ["FAILED"]},
                "RawMessageDelivery": "true",
            },
        },
    }
    create_stack(embedded, "sns-filtered", {"Resources": resources})
    sns = embedded.client("sns")
    url = embedded.client("sqs").get_queue_url(QueueName="sns-filtered")["QueueUrl"]
    for status in ("DEPLOYED", "FAILED"):
        sns.publish(
            TopicArn="arn:aws:sns:us-east-1:123456789012:sns-filtered",
            Message=status,
            MessageAttributes={"status": {"DataType": "String", "StringValue": status}},
        )
    assert [message["Body"] for message in messages(embedded, url)] == ["FAILED"]


def test_what_nobody_would_get_is_refused(embedded: Embedded) -> None:
    """E-mail is kept for AWS; a web address and an SMS are refused by name."""
    arn = topic(embedded, "sns-refused")
    subscribe(embedded, arn, "email", "someone@example.com")
    embedded.client("sns").publish(TopicArn=arn, Message="hello")
    with pytest.raises(ClientError, match="protocol 'https'"):
        subscribe(embedded, arn, "https", "https://example.com")
    with pytest.raises(ClientError, match="NotImplemented"):
        embedded.client("sns").publish(PhoneNumber="+4915112345678", Message="hello")
    with pytest.raises(ClientError, match="NotFound"):
        embedded.client("sns").publish(TopicArn=f"{arn}-gone", Message="hello")


def test_a_topic_is_updated_in_place(embedded: Embedded) -> None:
    """Those who subscribed stay; the policy is taken back with its resource."""
    name = "sns-updated"
    resources: dict[str, Any] = {
        "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": name}},
        "Policy": {
            "Type": "AWS::SNS::TopicPolicy",
            "Properties": {
                "Topics": [{"Ref": "Topic"}],
                "PolicyDocument": {"Statement": [{"Sid": "ours"}]},
            },
        },
    }
    create_stack(embedded, name, {"Resources": resources})
    sns, arn = embedded.client("sns"), f"arn:aws:sns:us-east-1:123456789012:{name}"
    subscribe(embedded, arn, "email", "someone@example.com")
    resources["Topic"]["Properties"]["DisplayName"] = "new"
    del resources["Policy"]
    template = json.dumps({"Resources": resources})
    embedded.client("cloudformation").update_stack(StackName=name, TemplateBody=template)
    attributes = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
    assert attributes["DisplayName"] == "new"
    assert "ours" not in attributes["Policy"]
    assert len(sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]) == 1
