"""Every type of resource, with all of its properties, made by CloudFormation and looked at."""

import io
import json
import zipfile
from typing import Any

import pytest

from embedded_aws.cloudformation.types import SUPPORTED
from tests.conftest import Embedded
from tests.unit.embedded_aws.gaps.conftest import create_stack

NAME = "resources"
TAGS = [{"Key": "team", "Value": "ml"}]
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}
POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}],
}
BASIC_POLICY = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
MACHINE = {
    "StartAt": "Pass",
    "States": {"Pass": {"Type": "Pass", "Result": {"table": "${Table}"}, "End": True}},
}
TEMPLATE: dict[str, Any] = {
    "Parameters": {"Code": {"Type": "String"}},
    "Conditions": {"Never": {"Fn::Equals": ["a", "b"]}},
    "Resources": {
        "Bucket": {
            "Type": "AWS::S3::Bucket",
            "Properties": {
                "BucketName": f"{NAME}-bucket",
                "BucketEncryption": {
                    "ServerSideEncryptionConfiguration": [
                        {
                            "ServerSideEncryptionByDefault": {
                                "SSEAlgorithm": "aws:kms",
                                "KMSMasterKeyID": "alias/key",
                            },
                            "BucketKeyEnabled": True,
                        }
                    ]
                },
                "LifecycleConfiguration": {
                    "Rules": [
                        {
                            "Id": "old",
                            "Status": "Enabled",
                            "Prefix": "tmp/",
                            "ExpirationInDays": 3,
                            "NoncurrentVersionExpiration": {"NoncurrentDays": 5},
                            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
                        }
                    ]
                },
                "NotificationConfiguration": {
                    "EventBridgeConfiguration": {"EventBridgeEnabled": True}
                },
                "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
                "PublicAccessBlockConfiguration": {
                    "BlockPublicAcls": True,
                    "BlockPublicPolicy": True,
                    "IgnorePublicAcls": True,
                    "RestrictPublicBuckets": False,
                },
                "Tags": TAGS,
                "VersioningConfiguration": {"Status": "Enabled"},
            },
        },
        "BucketPolicy": {
            "Type": "AWS::S3::BucketPolicy",
            "Properties": {
                "Bucket": {"Ref": "Bucket"},
                "PolicyDocument": {
                    "Statement": [
                        {
                            "Effect": "Deny",
                            "Principal": "*",
                            "Action": "s3:*",
                            "Resource": {"Fn::Sub": "${Bucket.Arn}/*"},
                            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                        }
                    ]
                },
            },
        },
        "Queue": {
            "Type": "AWS::SQS::Queue",
            "Properties": {
                "QueueName": f"{NAME}-queue",
                "DelaySeconds": 1,
                "MaximumMessageSize": 2048,
                "MessageRetentionPeriod": 120,
                "ReceiveMessageWaitTimeSeconds": 2,
                "VisibilityTimeout": 90,
                "KmsMasterKeyId": "alias/key",
                "KmsDataKeyReusePeriodSeconds": 600,
                "SqsManagedSseEnabled": False,
                "Tags": TAGS,
                "RedrivePolicy": {
                    "deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]},
                    "maxReceiveCount": 5,
                },
            },
        },
        "Dead": {"Type": "AWS::SQS::Queue"},
        "Fifo": {
            "Type": "AWS::SQS::Queue",
            "Properties": {
                "QueueName": f"{NAME}.fifo",
                "FifoQueue": True,
                "ContentBasedDeduplication": True,
            },
        },
        "QueuePolicy": {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {
                "Queues": [{"Ref": "Queue"}],
                "PolicyDocument": {"Statement": [{"Sid": "ours"}]},
            },
        },
        "Table": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "TableName": f"{NAME}-table",
                "AttributeDefinitions": [
                    {"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "by")
                ],
                "KeySchema": [
                    {"AttributeName": "pk", "KeyType": "HASH"},
                    {"AttributeName": "sk", "KeyType": "RANGE"},
                ],
                "GlobalSecondaryIndexes": [
                    {
                        "IndexName": "global",
                        "KeySchema": [{"AttributeName": "by", "KeyType": "HASH"}],
                        "Projection": {"ProjectionType": "ALL"},
                    }
                ],
                "LocalSecondaryIndexes": [
                    {
                        "IndexName": "local",
                        "KeySchema": [
                            {"AttributeName": "pk", "KeyType": "HASH"},
                            {"AttributeName": "by", "KeyType": "RANGE"},
                        ],
                        "Projection": {"ProjectionType": "ALL"},
                    }
                ],
                "BillingMode": "PAY_PER_REQUEST",
                "DeletionProtectionEnabled": True,
                "PointInTimeRecoverySpecification": {
                    "PointInTimeRecoveryEnabled": True,
                    "RecoveryPeriodInDays": 9,
                },
                "SSESpecification": {"SSEEnabled": True, "KMSMasterKeyId": "alias/key"},
                "Tags": TAGS,
                "TimeToLiveSpecification": {"AttributeName": "expires_at", "Enabled": True},
            },
        },
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "RoleName": f"{NAME}-role",
                "Description": "a role",
                "Path": "/service/",
                "MaxSessionDuration": 7200,
                "AssumeRolePolicyDocument": TRUST,
                "ManagedPolicyArns": [BASIC_POLICY],
                "PermissionsBoundary": BASIC_POLICY,
                "Policies": [
                    {"PolicyName": "inline", "PolicyDocument": POLICY},
                    {"Fn::If": ["Never", {"PolicyName": "never"}, {"Ref": "AWS::NoValue"}]},
                ],
                "Tags": TAGS,
            },
        },
        "ManagedPolicy": {
            "Type": "AWS::IAM::ManagedPolicy",
            "Properties": {
                "ManagedPolicyName": f"{NAME}-policy",
                "Description": "a policy",
                "Path": "/",
                "PolicyDocument": POLICY,
                "Roles": [{"Ref": "Role"}],
            },
        },
        "Layer": {
            "Type": "AWS::Lambda::LayerVersion",
            "Properties": {
                "LayerName": f"{NAME}-layer",
                "Description": "a layer",
                "LicenseInfo": "Apache-2.0",
                "CompatibleArchitectures": ["arm64"],
                "CompatibleRuntimes": ["python3.13"],
                "Content": {"S3Bucket": {"Ref": "Code"}, "S3Key": "code.zip"},
            },
        },
        "Function": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "FunctionName": f"{NAME}-function",
                "Description": "a function",
                "Architectures": ["arm64"],
                "Code": {"S3Bucket": {"Ref": "Code"}, "S3Key": "code.zip"},
                "DeadLetterConfig": {"TargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}},
                "Environment": {"Variables": {"TABLE": {"Ref": "Table"}}},
                "EphemeralStorage": {"Size": 1024},
                "Handler": "app.lambda_handler",
                "KmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/k",
                "Layers": [{"Ref": "Layer"}],
                "MemorySize": 256,
                "PackageType": "Zip",
                "ReservedConcurrentExecutions": 2,
                "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                "Runtime": "python3.13",
                "Tags": TAGS,
                "Timeout": 7,
                "TracingConfig": {"Mode": "Active"},
                "VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]},
            },
        },
        "Permission": {
            "Type": "AWS::Lambda::Permission",
            "Properties": {
                "Action": "lambda:InvokeFunction",
                "FunctionName": {"Ref": "Function"},
                "Principal": "events.amazonaws.com",
                "SourceAccount": {"Ref": "AWS::AccountId"},
                "SourceArn": {"Fn::GetAtt": ["Rule", "Arn"]},
            },
        },
        "Mapping": {
            "Type": "AWS::Lambda::EventSourceMapping",
            "Properties": {
                "BatchSize": 100,
                "Enabled": False,
                "EventSourceArn": {"Fn::GetAtt": ["Queue", "Arn"]},
                "FunctionName": {"Ref": "Function"},
                "FunctionResponseTypes": ["ReportBatchItemFailures"],
                "MaximumBatchingWindowInSeconds": 3,
                "ScalingConfig": {"MaximumConcurrency": 2},
                "Tags": TAGS,
            },
        },
        "Rule": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "Name": f"{NAME}-rule",
                "Description": "a rule",
                "State": "DISABLED",
                "Tags": TAGS,
                "EventPattern": {"source": ["mine"], "detail": {"n": [{"exists": True}]}},
                "Targets": [
                    {
                        "Id": "queue",
                        "Arn": {"Fn::GetAtt": ["Queue", "Arn"]},
                        "DeadLetterConfig": {"Arn": {"Fn::GetAtt": ["Dead", "Arn"]}},
                        "RetryPolicy": {"MaximumRetryAttempts": 3},
                        "InputTransformer": {
                            "InputPathsMap": {"n": "$.detail.n"},
                            "InputTemplate": '{"n": <n>}',
                        },
                        "SqsParameters": {"MessageGroupId": "g"},
                        "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
                    },
                    {"Id": "part", "Arn": {"Fn::GetAtt": ["Dead", "Arn"]}, "InputPath": "$.detail"},
                    {"Id": "whole", "Arn": {"Fn::GetAtt": ["Dead", "Arn"]}, "Input": "{}"},
                ],
            },
        },
        "Schedule": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "Name": f"{NAME}-schedule",
                "ScheduleExpression": "rate(1 day)",
                "Targets": [{"Id": "dead", "Arn": {"Fn::GetAtt": ["Dead", "Arn"]}}],
            },
        },
        "Group": {
            "Type": "AWS::Scheduler::ScheduleGroup",
            "Properties": {"Name": f"{NAME}-group", "Tags": TAGS},
        },
        "Topic": {
            "Type": "AWS::SNS::Topic",
            "Properties": {
                "TopicName": f"{NAME}-topic",
                "DisplayName": "a topic",
                "KmsMasterKeyId": "alias/key",
                "Subscription": [{"Protocol": "email", "Endpoint": "someone@example.com"}],
                "Tags": TAGS,
            },
        },
        "TopicPolicy": {
            "Type": "AWS::SNS::TopicPolicy",
            "Properties": {
                "Topics": [{"Ref": "Topic"}],
                "PolicyDocument": {"Statement": [{"Sid": "ours"}]},
            },
        },
        "Subscription": {
            "Type": "AWS::SNS::Subscription",
            "Properties": {
                "TopicArn": {"Fn::GetAtt": ["Topic", "TopicArn"]},
                "Protocol": "sqs",
                "Endpoint": {"Fn::GetAtt": ["Dead", "Arn"]},
                "RawMessageDelivery": True,
                "FilterPolicy": {"status": ["FAILED"]},
                "FilterPolicyScope": "MessageBody",
            },
        },
        "Machine": {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {
                "StateMachineName": f"{NAME}-machine",
                "StateMachineType": "STANDARD",
                "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
                "DefinitionS3Location": {"Bucket": {"Ref": "Code"}, "Key": "machine.json"},
                "DefinitionSubstitutions": {"Table": {"Ref": "Table"}},
                "LoggingConfiguration": {
                    "Level": "ERROR",
                    "IncludeExecutionData": True,
                    "Destinations": [
                        {
                            "CloudWatchLogsLogGroup": {
                                "LogGroupArn": {"Fn::GetAtt": ["LogGroup", "Arn"]}
                            }
                        }
                    ],
                },
                "TracingConfiguration": {"Enabled": True},
                "Tags": TAGS,
            },
        },
        "Inline": {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {
                "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
                "Definition": MACHINE,
                "DefinitionSubstitutions": {"Table": {"Fn::Sub": "of ${Table}"}},
            },
        },
        "LogGroup": {
            "Type": "AWS::Logs::LogGroup",
            "Properties": {"LogGroupName": f"/{NAME}", "RetentionInDays": 30, "Tags": TAGS},
        },
        "Parameter": {
            "Type": "AWS::SSM::Parameter",
            "Properties": {
                "Name": f"/{NAME}/parameter",
                "Type": "String",
                "Value": {"Ref": "Table"},
                "Description": "a parameter",
                "AllowedPattern": ".*",
                "DataType": "text",
                "Tier": "Standard",
            },
        },
        "Alarm": {
            "Type": "AWS::CloudWatch::Alarm",
            "Properties": {
                "AlarmName": f"{NAME}-alarm",
                "AlarmDescription": "an alarm",
                "ActionsEnabled": False,
                "AlarmActions": ["arn:aws:sns:us-east-1:123456789012:alarm"],
                "OKActions": ["arn:aws:sns:us-east-1:123456789012:ok"],
                "InsufficientDataActions": ["arn:aws:sns:us-east-1:123456789012:unknown"],
                "ComparisonOperator": "GreaterThanThreshold",
                "DatapointsToAlarm": 2,
                "Dimensions": [
                    {"Name": "QueueName", "Value": {"Fn::GetAtt": ["Queue", "QueueName"]}}
                ],
                "EvaluationPeriods": 3,
                "MetricName": "ApproximateAgeOfOldestMessage",
                "Namespace": "AWS/SQS",
                "Period": 60,
                "Statistic": "Maximum",
                "Threshold": 600,
                "TreatMissingData": "notBreaching",
                "Unit": "Seconds",
                "Tags": TAGS,
            },
        },
    },
    "Outputs": {
        "Bucket": {"Value": {"Ref": "Bucket"}},
        "QueueUrl": {"Value": {"Ref": "Queue"}},
        "Machine": {"Value": {"Ref": "Machine"}},
        "MachineArn": {"Value": {"Fn::GetAtt": ["Machine", "Arn"]}},
        "InlineArn": {"Value": {"Fn::GetAtt": ["Inline", "Arn"]}},
        "Layer": {"Value": {"Ref": "Layer"}},
        "Topic": {"Value": {"Ref": "Topic"}},
        "Subscription": {"Value": {"Ref": "Subscription"}},
        "Never": {"Condition": "Never", "Value": "x"},
    },
}


@pytest.fixture(scope="session")
def outputs(embedded: Embedded) -> dict[str, str]:
    """Create the stack; give its outputs."""
    s3 = embedded.client("s3")
    s3.create_bucket(Bucket=f"{NAME}-code")
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("app.py", "")
    s3.put_object(Bucket=f"{NAME}-code", Key="code.zip", Body=code.getvalue())
    s3.put_object(Bucket=f"{NAME}-code", Key="machine.json", Body=json.dumps(MACHINE))
    create_stack(embedded, NAME, TEMPLATE, Code=f"{NAME}-code")
    (stack,) = embedded.client("cloudformation").describe_stacks(StackName=NAME)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def test_outputs(outputs: dict[str, str]) -> None:
    """Outputs resolve references and attributes; one whose condition is false is not there."""
    arn = "arn:aws:states:us-east-1:123456789012:stateMachine:resources-machine"
    assert outputs["Bucket"] == "resources-bucket"
    assert outputs["QueueUrl"].endswith("/123456789012/resources-queue")
    assert outputs["Machine"] == outputs["MachineArn"] == arn
    assert outputs["Layer"].endswith(":layer:resources-layer:1")
    assert "Never" not in outputs


def test_bucket(embedded: Embedded, outputs: dict[str, str]) -> None:
    """A bucket has all that its properties ask for."""
    s3, bucket = embedded.client("s3"), {"Bucket": outputs["Bucket"]}
    assert s3.get_bucket_versioning(**bucket)["Status"] == "Enabled"
    assert s3.get_public_access_block(**bucket)["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True,
        "BlockPublicPolicy": True,
        "IgnorePublicAcls": True,
        "RestrictPublicBuckets": False,
    }
    (rule,) = s3.get_bucket_encryption(**bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"] == "alias/key"
    assert rule["BucketKeyEnabled"] is True
    controls = s3.get_bucket_ownership_controls(**bucket)["OwnershipControls"]
    assert controls["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    (rule,) = s3.get_bucket_lifecycle_configuration(**bucket)["Rules"]
    assert rule == {
        "ID": "old",
        "Status": "Enabled",
        "Filter": {"Prefix": "tmp/"},
        "Expiration": {"Days": 3},
        "NoncurrentVersionExpiration": {"NoncurrentDays": 5},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
    }
    assert s3.get_bucket_tagging(**bucket)["TagSet"] == TAGS
    assert "aws:SecureTransport" in s3.get_bucket_policy(**bucket)["Policy"]
    s3.put_object(**bucket, Key="k", Body=b"")  # the policy counts loopback as secure


def test_queue(embedded: Embedded, outputs: dict[str, str]) -> None:
    """A queue has its attributes, its dead-letter queue and its policy."""
    sqs = embedded.client("sqs")
    found = sqs.get_queue_attributes(QueueUrl=outputs["QueueUrl"], AttributeNames=["All"])
    attributes = found["Attributes"]
    assert attributes["DelaySeconds"] == "1"
    assert attributes["MaximumMessageSize"] == "2048"
    assert attributes["MessageRetentionPeriod"] == "120"
    assert attributes["ReceiveMessageWaitTimeSeconds"] == "2"
    assert attributes["VisibilityTimeout"] == "90"
    assert attributes["KmsMasterKeyId"] == "alias/key"
    assert attributes["KmsDataKeyReusePeriodSeconds"] == "600"
    assert json.loads(attributes["RedrivePolicy"])["maxReceiveCount"] == 5
    assert json.loads(attributes["Policy"])["Statement"] == [{"Sid": "ours"}]
    assert sqs.list_queue_tags(QueueUrl=outputs["QueueUrl"])["Tags"] == {"team": "ml"}


def test_table(embedded: Embedded, outputs: dict[str, str]) -> None:
    """A table has its keys, indexes, recovery, encryption and time to live."""
    assert outputs
    dynamodb, name = embedded.client("dynamodb"), {"TableName": f"{NAME}-table"}
    table = dynamodb.describe_table(**name)["Table"]
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert [index["IndexName"] for index in table["GlobalSecondaryIndexes"]] == ["global"]
    assert [index["IndexName"] for index in table["LocalSecondaryIndexes"]] == ["local"]
    assert table["DeletionProtectionEnabled"] is True
    assert table["SSEDescription"]["KMSMasterKeyArn"] == "alias/key"
    backups = dynamodb.describe_continuous_backups(**name)["ContinuousBackupsDescription"]
    recovery = backups["PointInTimeRecoveryDescription"]
    assert recovery["PointInTimeRecoveryStatus"] == "ENABLED"
    assert recovery["RecoveryPeriodInDays"] == 9
    ttl = dynamodb.describe_time_to_live(**name)["TimeToLiveDescription"]
    assert ttl == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}
    assert dynamodb.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"] == TAGS


def test_role(embedded: Embedded, outputs: dict[str, str]) -> None:
    """A role has its inline policies, AWS's managed policy and ours."""
    assert outputs
    iam, name = embedded.client("iam"), {"RoleName": f"{NAME}-role"}
    role = iam.get_role(**name)["Role"]
    assert role["MaxSessionDuration"] == 7200
    assert role["Path"] == "/service/"
    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == BASIC_POLICY
    assert role["AssumeRolePolicyDocument"] == TRUST
    assert role["Tags"] == TAGS
    assert iam.list_role_policies(**name)["PolicyNames"] == ["inline"]
    attached = iam.list_attached_role_policies(**name)["AttachedPolicies"]
    assert {policy["PolicyName"] for policy in attached} == {
        "AWSLambdaBasicExecutionRole",
        f"{NAME}-policy",
    }


def test_function(embedded: Embedded, outputs: dict[str, str]) -> None:
    """A function has everything that its properties say."""
    functions = embedded.client("lambda")
    found = functions.get_function(FunctionName=f"{NAME}-function")
    made = found["Configuration"]
    assert made["Architectures"] == ["arm64"]
    assert made["TracingConfig"] == {"Mode": "Active"}
    assert [layer["Arn"] for layer in made["Layers"]] == [outputs["Layer"]]
    assert made["Environment"]["Variables"] == {"TABLE": f"{NAME}-table"}
    assert made["EphemeralStorage"] == {"Size": 1024}
    assert made["KMSKeyArn"].endswith("key/k")
    assert (made["MemorySize"], made["Timeout"]) == (256, 7)
    assert made["VpcConfig"]["SubnetIds"] == ["subnet-1"]
    assert found["Tags"] == {"team": "ml"}
    assert found["Concurrency"]["ReservedConcurrentExecutions"] == 2
    statement = json.loads(functions.get_policy(FunctionName=f"{NAME}-function")["Policy"])
    assert "rule/resources-rule" in json.dumps(statement)
    layer = functions.get_layer_version(LayerName=f"{NAME}-layer", VersionNumber=1)
    assert layer["CompatibleArchitectures"] == ["arm64"]
    assert layer["CompatibleRuntimes"] == ["python3.13"]
    assert layer["LicenseInfo"] == "Apache-2.0"


def test_event_source_mapping(embedded: Embedded, outputs: dict[str, str]) -> None:
    """A mapping keeps its batching, its concurrency and its response types."""
    assert outputs
    mappings = embedded.client("lambda").list_event_source_mappings(FunctionName=f"{NAME}-function")
    (mapping,) = mappings["EventSourceMappings"]
    assert mapping["BatchSize"] == 100
    assert mapping["MaximumBatchingWindowInSeconds"] == 3
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 2}
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["State"] == "Disabled"


def test_rule(embedded: Embedded, outputs: dict[str, str]) -> None:
    """A rule has its pattern, its state and its targets with all they say."""
    assert outputs
    events = embedded.client("events")
    rule = events.describe_rule(Name=f"{NAME}-rule")
    assert rule["State"] == "DISABLED"
    assert json.loads(rule["EventPattern"])["detail"] == {"n": [{"exists": True}]}
    queue, part, whole = events.list_targets_by_rule(Rule=f"{NAME}-rule")["Targets"]
    assert queue["RetryPolicy"] == {"MaximumRetryAttempts": 3}
    assert queue["InputTransformer"]["InputPathsMap"] == {"n": "$.detail.n"}
    assert queue["DeadLetterConfig"]["Arn"].startswith("arn:aws:sqs:")
    assert (part["InputPath"], whole["Input"]) == ("$.detail", "{}")


def test_schedule(embedded: Embedded, outputs: dict[str, str]) -> None:
    """A rule may have a schedule in the place of a pattern."""
    assert outputs
    rule = embedded.client("events").describe_rule(Name=f"{NAME}-schedule")
    assert rule["ScheduleExpression"] == "rate(1 day)"


def test_schedule_group(embedded: Embedded, outputs: dict[str, str]) -> None:
    """A group of schedules has its name and tags."""
    assert outputs
    scheduler = embedded.client("scheduler")
    group = scheduler.get_schedule_group(Name=f"{NAME}-group")
    assert group["State"] == "ACTIVE"
    assert scheduler.list_tags_for_resource(ResourceArn=group["Arn"])["Tags"] == TAGS


def test_topic(embedded: Embedded, outputs: dict[str, str]) -> None:
    """A topic has its attributes, tags, policy and subscriptions, its own and others'."""
    sns, arn = embedded.client("sns"), outputs["Topic"]
    assert arn == f"arn:aws:sns:us-east-1:123456789012:{NAME}-topic"
    attributes = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
    assert attributes["DisplayName"] == "a topic"
    assert attributes["KmsMasterKeyId"] == "alias/key"
    assert json.loads(attributes["Policy"])["Statement"] == [{"Sid": "ours"}]
    assert sns.list_tags_for_resource(ResourceArn=arn)["Tags"] == TAGS
    subscriptions = sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
    assert {each["Protocol"] for each in subscriptions} == {"email", "sqs"}
    subscription = outputs["Subscription"]
    told = sns.get_subscription_attributes(SubscriptionArn=subscription)["Attributes"]
    assert told["RawMessageDelivery"] == "true"
    assert json.loads(told["FilterPolicy"]) == {"status": ["FAILED"]}
    assert told["FilterPolicyScope"] == "MessageBody"


def test_state_machine(embedded: Embedded, outputs: dict[str, str]) -> None:
    """A machine's definition comes from S3 or the template, with its substitutions made."""
    states = embedded.client("stepfunctions")
    machine = states.describe_state_machine(stateMachineArn=outputs["Machine"])
    state = json.loads(machine["definition"])["States"]["Pass"]
    assert state["Result"] == {"table": f"{NAME}-table"}
    assert machine["tracingConfiguration"] == {"enabled": True}
    assert machine["loggingConfiguration"]["level"] == "ERROR"
    assert machine["loggingConfiguration"]["includeExecutionData"] is True
    tags = states.list_tags_for_resource(resourceArn=outputs["Machine"])["tags"]
    assert {"key": "team", "value": "ml"} in tags
    started = states.start_execution(stateMachineArn=outputs["Machine"])
    done = states.describe_execution(executionArn=started["executionArn"])
    assert done["status"] in {"RUNNING", "SUCCEEDED"}
    inline = states.describe_state_machine(stateMachineArn=outputs["InlineArn"])
    assert f"of {NAME}-table" in inline["definition"]


def test_log_group_parameter_and_alarm(embedded: Embedded, outputs: dict[str, str]) -> None:
    """Log group, parameter and alarm have what their properties say."""
    assert outputs
    logs = embedded.client("logs").describe_log_groups(logGroupNamePrefix=f"/{NAME}")
    assert logs["logGroups"][0]["retentionInDays"] == 30
    parameter = embedded.client("ssm").get_parameter(Name=f"/{NAME}/parameter")["Parameter"]
    assert parameter["Value"] == f"{NAME}-table"
    (alarm,) = embedded.client("cloudwatch").describe_alarms(AlarmNames=[f"{NAME}-alarm"])[
        "MetricAlarms"
    ]
    properties = TEMPLATE["Resources"]["Alarm"]["Properties"]
    same = properties.keys() - {"Dimensions", "Tags"}
    assert {name: alarm[name] for name in same} == {name: properties[name] for name in same}
    assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": f"{NAME}-queue"}]


def test_every_supported_property_is_tried() -> None:
    """The template above uses what the table of supported types and properties promises."""
    used: dict[str, set[str]] = {}
    for resource in TEMPLATE["Resources"].values():
        paths = used.setdefault(resource["Type"], set())
        paths |= _paths(resource.get("Properties", {}))
    untried = {
        f"{kind}.{path}"
        for kind, paths in SUPPORTED.items()
        for path in paths - used.get(kind, set())
    }
    assert untried == {
        # Each excludes another that is tried.
        "AWS::DynamoDB::Table.ProvisionedThroughput",
        "AWS::DynamoDB::Table.SSESpecification.SSEType",
        "AWS::Lambda::Function.Code.ZipFile",
        "AWS::StepFunctions::StateMachine.DefinitionString",
        "AWS::StepFunctions::StateMachine.DefinitionS3Location.Version",
    }


def _paths(value: Any, path: str = "") -> set[str]:
    if isinstance(value, list):
        return {found for item in value for found in _paths(item, path)}
    if not isinstance(value, dict):
        return {path}
    found = {path}
    for name, part in value.items():
        found |= _paths(part, f"{path}.{name}".lstrip("."))
    return found
