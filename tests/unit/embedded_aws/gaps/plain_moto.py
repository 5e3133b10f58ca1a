"""A program that says, for each gap that we close, whether plain moto still has it.

It prints one JSON object. The adapters are not imported here: when a value turns false, moto has
closed that gap itself and its module can go.
"""

import contextlib
import copy
import io
import json
import sys
import threading
import time
import zipfile
from collections.abc import Callable
from typing import Any

import boto3
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.core import serialize as moto_serialize
from moto.core.serialize import BaseJSONSerializer
from moto.dynamodb.exceptions import ConditionalCheckFailed
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.table import Table

REGION = "us-east-1"
QUEUE_ARN = "arn:aws:sqs:us-east-1:123456789012:"


def client(service: str) -> Any:
    """Make a client of plain moto."""
    make: Any = boto3.client
    return make(service, region_name=REGION)


def stack(**resources: dict[str, Any]) -> Any:
    """Create a stack of these resources; return the client."""
    cloudformation = client("cloudformation")
    template = json.dumps({"Resources": resources})
    cloudformation.create_stack(StackName="s", TemplateBody=template)
    return cloudformation


def role(**properties: Any) -> dict[str, Any]:
    """Give a role as a resource."""
    assume = {"AssumeRolePolicyDocument": {"Statement": []}, "RoleName": "r"}
    return {"Type": "AWS::IAM::Role", "Properties": assume | properties}


def s3_events() -> bool:
    """See two events with one sequencer."""
    sequencers = [
        json.loads(message["Body"])["detail"]["object"]["sequencer"]
        for message in _two_events({"source": ["aws.s3"]})
    ]
    return len(sequencers) != len(set(sequencers))


def s3_policies() -> bool:
    """See a policy lock everyone out whose condition is not met."""
    s3 = client("s3")
    s3.create_bucket(Bucket="bucket")
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": "*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    s3.put_bucket_policy(Bucket="bucket", Policy=json.dumps({"Statement": [statement]}))
    try:
        s3.put_object(Bucket="bucket", Key="k", Body=b"")
    except ClientError:
        return True
    return False


def dynamodb_answers() -> bool:
    """See a text be asked whether it is a set of bytes."""
    dynamodb = client("dynamodb")
    dynamodb.create_table(
        TableName="t",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
    )
    dynamodb.put_item(TableName="t", Item={"pk": {"S": "k"}})
    asked: list[str] = []
    plain = BaseJSONSerializer.get_value

    def get_value(self: Any, value: Any, key: str, shape: Any) -> Any:
        asked.append(key)
        return plain(self, value, key, shape)

    vars(moto_serialize)["BaseJSONSerializer"].get_value = get_value
    try:
        dynamodb.get_item(TableName="t", Key={"pk": {"S": "k"}})
    finally:
        vars(moto_serialize)["BaseJSONSerializer"].get_value = plain
    return "BS" in asked


def dynamodb_atomicity() -> bool:
    """See two conditional writes of one item succeed."""
    dynamodb = client("dynamodb")
    dynamodb.create_table(
        TableName="t",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
    )
    sys.setswitchinterval(1e-6)
    backend = dynamodb_backends["123456789012"][REGION]

    def write(key: str, done: list[str]) -> None:
        with contextlib.suppress(ConditionalCheckFailed):
            backend.put_item("t", {"pk": {"S": key}}, condition_expression=_IS_NEW)
            done.append(key)

    done: list[str] = []
    for number in range(300):
        threads = [threading.Thread(target=write, args=(str(number), done)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if len(done) > number + 1:
            return True
    return False


def dynamodb_transactions() -> bool:
    """See the whole table be copied."""
    dynamodb = client("dynamodb")
    dynamodb.create_table(
        TableName="t",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
    )
    copied: list[Any] = []
    copies = copy.deepcopy

    def seen(value: Any, *rest: Any) -> Any:
        copied.append(value)
        return copies(value, *rest)

    vars(copy)["deepcopy"] = seen
    try:
        put = {"TableName": "t", "Item": {"pk": {"S": "k"}}}
        dynamodb.transact_write_items(TransactItems=[{"Put": put}])
    finally:
        vars(copy)["deepcopy"] = copies
    return any(isinstance(value, Table) for value in copied)


def events_patterns() -> bool:
    """See a filter that does not exist be accepted."""
    pattern = {"source": [{"no-such-filter": "x"}]}
    return bool(client("events").put_rule(Name="r", EventPattern=json.dumps(pattern)))


def events_targets() -> bool:
    """See a disabled rule deliver."""
    events = client("events")
    queue = client("sqs").create_queue(QueueName="q")["QueueUrl"]
    events.put_rule(Name="r", EventPattern='{"source": ["mine"]}', State="DISABLED")
    events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": f"{QUEUE_ARN}q"}])
    events.put_events(Entries=[{"Source": "mine", "DetailType": "t", "Detail": "{}"}])
    return "Messages" in client("sqs").receive_message(QueueUrl=queue)


def cloudformation_references() -> bool:
    """See a null where NoValue was an item of a list."""
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "bucket"}}
    items = [{"Ref": "AWS::NoValue"}, {"Key": "k", "Value": "v"}]
    bucket["Properties"] |= {"Tags": items}  # type: ignore[operator]
    try:
        stack(Bucket=bucket)
    except (TypeError, ClientError):
        return True
    return False


def cloudformation_templates() -> bool:
    """See SAM's function be left out."""
    function = {"Type": "AWS::Serverless::Function", "Properties": {}}
    stack(Function=function, Role=role())
    return not client("lambda").list_functions()["Functions"]


def cloudformation_stacks() -> bool:
    """See the reason of a failure nowhere in the stack's events."""
    try:
        stack(Permission={"Type": "AWS::Lambda::Permission", "Properties": {"FunctionName": "x"}})
    except Exception:  # noqa: BLE001 - whatever moto raises
        return True
    return False


def cloudwatch_alarms() -> bool:
    """See an alarm be content before anybody looked at its metric."""
    client("cloudwatch").put_metric_alarm(
        AlarmName="a",
        Namespace="n",
        MetricName="m",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    (alarm,) = client("cloudwatch").describe_alarms()["MetricAlarms"]
    return bool(alarm["StateValue"] == "OK")


def cloudwatch_metrics() -> bool:
    """See a metric not be found when its dimensions are asked for in another order."""
    cloudwatch, now = client("cloudwatch"), time.time()
    dimensions = [{"Name": "A", "Value": "z"}, {"Name": "B", "Value": "y"}]
    metric: dict[str, Any] = {"MetricName": "m", "Dimensions": dimensions}
    cloudwatch.put_metric_data(Namespace="n", MetricData=[{**metric, "Value": 1.0}])
    metric |= {"Namespace": "n", "Dimensions": dimensions[::-1]}
    query = {"Id": "q", "MetricStat": {"Metric": metric, "Period": 300, "Stat": "Sum"}}
    (result,) = cloudwatch.get_metric_data(
        MetricDataQueries=[query], StartTime=now - 60, EndTime=now + 60
    )["MetricDataResults"]
    return not result["Values"]


def cloudformation_cloudwatch() -> bool:
    """See an alarm be skipped."""
    stack(Alarm={"Type": "AWS::CloudWatch::Alarm", "Properties": {}})
    return not client("cloudwatch").describe_alarms()["MetricAlarms"]


def cloudformation_dynamodb() -> bool:
    """See time to live be dropped."""
    properties = {
        "TableName": "t",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "a", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "a", "KeyType": "HASH"}],
        "TimeToLiveSpecification": {"AttributeName": "b", "Enabled": True},
    }
    stack(Table={"Type": "AWS::DynamoDB::Table", "Properties": properties})
    described = client("dynamodb").describe_time_to_live(TableName="t")
    return bool(described["TimeToLiveDescription"]["TimeToLiveStatus"] == "DISABLED")


def cloudformation_iam() -> bool:
    """See managed policies be dropped."""
    policy = client("iam").create_policy(PolicyName="p", PolicyDocument=_POLICY)["Policy"]["Arn"]
    stack(Role=role(ManagedPolicyArns=[policy]))
    return not client("iam").list_attached_role_policies(RoleName="r")["AttachedPolicies"]


def cloudformation_lambda() -> bool:
    """See tracing be dropped."""
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("app.py", "")
    client("s3").create_bucket(Bucket="code")
    client("s3").put_object(Bucket="code", Key="k", Body=code.getvalue())
    properties = {
        "FunctionName": "f",
        "Handler": "app.handler",
        "Runtime": "python3.13",
        "Code": {"S3Bucket": "code", "S3Key": "k"},
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        "TracingConfig": {"Mode": "Active"},
    }
    stack(Role=role(), Function={"Type": "AWS::Lambda::Function", "Properties": properties})
    made = client("lambda").get_function_configuration(FunctionName="f")
    return bool(made["TracingConfig"]["Mode"] == "PassThrough")


def cloudformation_s3() -> bool:
    """See versioning be dropped."""
    properties = {"BucketName": "bucket", "VersioningConfiguration": {"Status": "Enabled"}}
    stack(Bucket={"Type": "AWS::S3::Bucket", "Properties": properties})
    return "Status" not in client("s3").get_bucket_versioning(Bucket="bucket")


def cloudformation_sns() -> bool:
    """See a topic's tags be dropped."""
    tags = [{"Key": "k", "Value": "v"}]
    topic = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "t", "Tags": tags}}
    stack(Topic=topic)
    sns = client("sns")
    arn = sns.list_topics()["Topics"][0]["TopicArn"]
    return not sns.list_tags_for_resource(ResourceArn=arn)["Tags"]


def sns_delivery() -> bool:
    """See a queue without a policy be given a topic's message."""
    sns, sqs = client("sns"), client("sqs")
    queue = sqs.create_queue(QueueName="q")["QueueUrl"]
    topic = sns.create_topic(Name="t")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"{QUEUE_ARN}q")
    sns.publish(TopicArn=topic, Message="m")
    return "Messages" in sqs.receive_message(QueueUrl=queue)


def events_schedules() -> bool:
    """See a schedule be taken that is none."""
    try:
        client("events").put_rule(Name="r", ScheduleExpression="cron(whenever)")
    except ClientError:
        return False
    return True


def scheduler_schedules() -> bool:
    """See a schedule be taken that is none, of a role that is nobody's."""
    target = {"Arn": f"{QUEUE_ARN}q", "RoleArn": "arn:aws:iam::123456789012:role/nobody"}
    try:
        client("scheduler").create_schedule(
            Name="s",
            ScheduleExpression="cron(whenever)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target=target,
        )
    except ClientError:
        return False
    return True


def cloudformation_scheduler() -> bool:
    """See a group of schedules be skipped."""
    stack(Group={"Type": "AWS::Scheduler::ScheduleGroup", "Properties": {"Name": "g"}})
    groups = client("scheduler").list_schedule_groups()["ScheduleGroups"]
    return "g" not in [group["Name"] for group in groups]


def cloudformation_sqs() -> bool:
    """See a queue policy be skipped."""
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "q"}}
    properties = {"Queues": [{"Ref": "Queue"}], "PolicyDocument": {"Statement": []}}
    stack(Queue=queue, Policy={"Type": "AWS::SQS::QueuePolicy", "Properties": properties})
    sqs = client("sqs")
    url = sqs.get_queue_url(QueueName="q")["QueueUrl"]
    return "Policy" not in sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"]).get(
        "Attributes", {}
    )


def cloudformation_states() -> bool:
    """See a substitution not be made."""
    properties = {
        "StateMachineName": "m",
        "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
        "DefinitionString": '{"Comment": "${Name}"}',
        "DefinitionSubstitutions": {"Name": "value"},
    }
    stack(Role=role(), M={"Type": "AWS::StepFunctions::StateMachine", "Properties": properties})
    states = client("stepfunctions")
    (machine,) = states.list_state_machines()["stateMachines"]
    described = states.describe_state_machine(stateMachineArn=machine["stateMachineArn"])
    return "${Name}" in described["definition"]


def _two_events(pattern: dict[str, Any]) -> list[dict[str, Any]]:
    s3, sqs, events = client("s3"), client("sqs"), client("events")
    queue = sqs.create_queue(QueueName="q")["QueueUrl"]
    events.put_rule(
        Name="r", EventPattern=json.dumps(pattern | {"detail-type": ["Object Created"]})
    )
    events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": f"{QUEUE_ARN}q"}])
    s3.create_bucket(Bucket="bucket")
    s3.put_bucket_notification_configuration(
        Bucket="bucket", NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    for _ in range(2):
        s3.put_object(Bucket="bucket", Key="k", Body=b"")
    messages: list[dict[str, Any]] = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)[
        "Messages"
    ]
    return messages


_IS_NEW = "attribute_not_exists(pk)"
_POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}],
    }
)
_CHECKS: list[Callable[[], bool]] = [
    s3_events,
    s3_policies,
    events_patterns,
    events_schedules,
    scheduler_schedules,
    events_targets,
    sns_delivery,
    cloudwatch_alarms,
    cloudwatch_metrics,
    cloudformation_references,
    cloudformation_templates,
    cloudformation_stacks,
    cloudformation_cloudwatch,
    cloudformation_dynamodb,
    cloudformation_iam,
    cloudformation_lambda,
    cloudformation_s3,
    cloudformation_scheduler,
    cloudformation_sns,
    cloudformation_sqs,
    cloudformation_states,
    dynamodb_answers,
    dynamodb_transactions,
    dynamodb_atomicity,  # the last one: it makes Python switch threads all the time
]


def main() -> None:
    """Check each gap in a moto of its own."""
    found = {}
    for check in _CHECKS:
        with mock_aws():
            found[check.__name__] = check()
    print(json.dumps(found))  # noqa: T201


if __name__ == "__main__":
    main()
