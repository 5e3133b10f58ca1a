"""Stacks: a failure is seen and cleaned up, updates and change sets do what they say."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, WaiterError

from tests.conftest import Embedded
from tests.unit.embedded_aws.gaps.conftest import create_stack, failure

BROKEN_RULE = {
    "Type": "AWS::Events::Rule",
    "DependsOn": "Bucket",
    "Properties": {"EventPattern": {"source": []}},
}

POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}],
}


def bucket(name: str, **properties: Any) -> dict[str, Any]:
    """Give a bucket as a resource."""
    return {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": name, **properties}}


def machine(text: str) -> dict[str, Any]:
    """Give a template with a state machine and its role."""
    definition = {"StartAt": "P", "States": {"P": {"Type": "Pass", "Comment": text, "End": True}}}
    return {
        "Resources": {
            "Role": {
                "Type": "AWS::IAM::Role",
                "Properties": {"AssumeRolePolicyDocument": {"Statement": []}},
            },
            "Machine": {
                "Type": "AWS::StepFunctions::StateMachine",
                "Properties": {
                    "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
                    "Definition": definition,
                },
            },
        },
        "Outputs": {"Arn": {"Value": {"Ref": "Machine"}}},
    }


def status(embedded: Embedded, name: str) -> dict[str, Any]:
    """Describe a stack."""
    found = embedded.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    stack: dict[str, Any] = found[0]
    return stack


def buckets(embedded: Embedded) -> set[str]:
    """Name the buckets that there are."""
    return {found["Name"] for found in embedded.client("s3").list_buckets()["Buckets"]}


def test_a_failure_is_told_and_rolled_back(embedded: Embedded) -> None:
    """The waiter ends, the events name resource and reason, and what was made is gone."""
    template = {
        "Resources": {"Bucket": bucket("stacks-broken"), "Rule": BROKEN_RULE},
        "Outputs": {"Name": {"Value": {"Ref": "Rule"}}},
    }
    reasons = failure(embedded, "stacks-broken", template)
    assert "Empty arrays are not allowed" in reasons["Rule"]
    stack = status(embedded, "stacks-broken")
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "[Rule]" in stack["StackStatusReason"]
    assert "Outputs" not in stack
    assert "stacks-broken" not in buckets(embedded)


def test_a_circle_is_told(embedded: Embedded) -> None:
    """Resources that need each other fail with a reason, not with a crash."""
    template = {
        "Resources": {
            "A": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Ref": "B"}}},
            "B": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Ref": "A"}}},
        }
    }
    assert "Circular dependency" in str(failure(embedded, "stacks-circle", template))


def test_every_resource_has_its_event(embedded: Embedded) -> None:
    """A stack's events tell of each resource in the order in which they were made."""
    create_stack(embedded, "stacks-events", machine("a"))
    events = embedded.client("cloudformation").describe_stack_events(StackName="stacks-events")
    told = [
        (event["LogicalResourceId"], event["ResourceStatus"])
        for event in reversed(events["StackEvents"])
    ]
    assert told == [
        ("stacks-events", "CREATE_IN_PROGRESS"),
        ("Role", "CREATE_COMPLETE"),
        ("Machine", "CREATE_COMPLETE"),
        ("stacks-events", "CREATE_COMPLETE"),
    ]


def test_an_update_changes_what_changed(embedded: Embedded) -> None:
    """A changed definition is taken over, a resource that is gone is removed, a new one made."""
    cloudformation = embedded.client("cloudformation")
    template = machine("first")
    template["Resources"]["Old"] = bucket("stacks-old")
    create_stack(embedded, "stacks-update", template)
    arn = status(embedded, "stacks-update")["Outputs"][0]["OutputValue"]

    template = machine("second")
    template["Resources"]["New"] = bucket("stacks-new")
    cloudformation.update_stack(StackName="stacks-update", TemplateBody=json.dumps(template))
    cloudformation.get_waiter("stack_update_complete").wait(StackName="stacks-update")
    stack = status(embedded, "stacks-update")
    assert stack["Outputs"][0]["OutputValue"] == arn
    states = embedded.client("stepfunctions")
    assert "second" in states.describe_state_machine(stateMachineArn=arn)["definition"]
    assert "stacks-old" not in buckets(embedded)
    assert "stacks-new" in buckets(embedded)
    with pytest.raises(ClientError, match="No updates are to be performed"):
        cloudformation.update_stack(StackName="stacks-update", TemplateBody=json.dumps(template))


def test_a_parameter_alone_can_be_updated(embedded: Embedded) -> None:
    """A resource that uses a changed parameter through a condition is updated."""
    template = {
        "Parameters": {"On": {"Type": "String", "Default": "no"}},
        "Conditions": {"IsOn": {"Fn::Equals": [{"Ref": "On"}, "yes"]}},
        "Resources": {
            "Bucket": bucket(
                "stacks-parameter",
                VersioningConfiguration={"Status": {"Fn::If": ["IsOn", "Enabled", "Suspended"]}},
            )
        },
    }
    create_stack(embedded, "stacks-parameter", template)
    embedded.client("cloudformation").update_stack(
        StackName="stacks-parameter",
        UsePreviousTemplate=True,
        Parameters=[{"ParameterKey": "On", "ParameterValue": "yes"}],
    )
    found = embedded.client("s3").get_bucket_versioning(Bucket="stacks-parameter")
    assert found["Status"] == "Enabled"


def test_a_group_of_schedules_keeps_them_through_an_update(embedded: Embedded) -> None:
    """Only its tags can change, and what is in it stays."""

    def template(owner: str) -> dict[str, Any]:
        properties = {"Name": "stacks-group", "Tags": [{"Key": "owner", "Value": owner}]}
        group = {"Type": "AWS::Scheduler::ScheduleGroup", "Properties": properties}
        return {"Resources": {"Group": group}}

    create_stack(embedded, "stacks-group", template("one"))
    iam, queue = embedded.client("iam"), "arn:aws:sqs:us-east-1:123456789012:q"
    trusted = {"Effect": "Allow", "Principal": {"Service": "scheduler.amazonaws.com"}}
    trust = {"Version": "2012-10-17", "Statement": [trusted | {"Action": "sts:AssumeRole"}]}
    role = iam.create_role(RoleName="scheduler", AssumeRolePolicyDocument=json.dumps(trust))
    allowed = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": queue}
    policy = {"Version": "2012-10-17", "Statement": [allowed]}
    iam.put_role_policy(RoleName="scheduler", PolicyName="p", PolicyDocument=json.dumps(policy))
    scheduler = embedded.client("scheduler")
    scheduler.create_schedule(
        Name="daily",
        GroupName="stacks-group",
        ScheduleExpression="rate(1 day)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": queue, "RoleArn": role["Role"]["Arn"]},
    )
    embedded.client("cloudformation").update_stack(
        StackName="stacks-group", TemplateBody=json.dumps(template("two"))
    )
    assert status(embedded, "stacks-group")["StackStatus"] == "UPDATE_COMPLETE"
    found = scheduler.list_schedules(GroupName="stacks-group")["Schedules"]
    assert [one["Name"] for one in found] == ["daily"]
    arn = scheduler.get_schedule_group(Name="stacks-group")["Arn"]
    tags = scheduler.list_tags_for_resource(ResourceArn=arn)["Tags"]
    assert tags == [{"Key": "owner", "Value": "two"}]


def test_an_update_that_cannot_be_made_is_told(embedded: Embedded) -> None:
    """A type without updates ends as UPDATE_FAILED with the reason; it can be mended after."""
    template = {"Resources": {"Group": {"Type": "AWS::Logs::LogGroup", "Properties": {}}}}
    create_stack(embedded, "stacks-stuck", template)
    cloudformation = embedded.client("cloudformation")
    changed = {"Resources": {"Group": template["Resources"]["Group"] | {
        "Properties": {"RetentionInDays": 7}}}}  # fmt: skip
    for _ in range(2):
        cloudformation.update_stack(StackName="stacks-stuck", TemplateBody=json.dumps(changed))
        with pytest.raises(WaiterError):
            cloudformation.get_waiter("stack_update_complete").wait(StackName="stacks-stuck")
        assert status(embedded, "stacks-stuck")["StackStatus"] == "UPDATE_FAILED"
    events = cloudformation.describe_stack_events(StackName="stacks-stuck")["StackEvents"]
    reasons = [event.get("ResourceStatusReason", "") for event in events]
    assert any("cannot update AWS::Logs::LogGroup" in reason for reason in reasons)
    more = template["Resources"] | {"Bucket": bucket("stacks-stuck")}
    cloudformation.update_stack(
        StackName="stacks-stuck", TemplateBody=json.dumps({"Resources": more})
    )
    assert status(embedded, "stacks-stuck")["StackStatus"] == "UPDATE_COMPLETE"


def test_a_change_set_creates_with_outputs(embedded: Embedded) -> None:
    """A stack made by a change set, as `sam deploy` does, has its resources and its outputs."""
    cloudformation = embedded.client("cloudformation")
    names = {"StackName": "stacks-change", "ChangeSetName": "create"}
    cloudformation.create_change_set(
        **names, ChangeSetType="CREATE", TemplateBody=json.dumps(machine("a"))
    )
    cloudformation.get_waiter("change_set_create_complete").wait(**names)
    assert len(cloudformation.describe_change_set(**names)["Changes"]) == 2
    cloudformation.execute_change_set(**names)
    cloudformation.get_waiter("stack_create_complete").wait(StackName="stacks-change")
    stack = status(embedded, "stacks-change")
    assert ":stateMachine:stacks-change-Machine-" in stack["Outputs"][0]["OutputValue"]


def test_a_change_set_that_fails_is_told(embedded: Embedded) -> None:
    """A change set's failure is seen in the stack's status, too."""
    cloudformation = embedded.client("cloudformation")
    names = {"StackName": "stacks-change-broken", "ChangeSetName": "create"}
    template = {"Resources": {"Bucket": bucket("stacks-change-broken"), "Rule": BROKEN_RULE}}
    cloudformation.create_change_set(
        **names, ChangeSetType="CREATE", TemplateBody=json.dumps(template)
    )
    cloudformation.execute_change_set(**names)
    assert status(embedded, "stacks-change-broken")["StackStatus"] == "ROLLBACK_COMPLETE"


def test_delete(embedded: Embedded) -> None:
    """Deleting a stack removes its resources, but not those that are to be retained."""
    template = {
        "Resources": {
            "Gone": bucket("stacks-gone"),
            "Kept": bucket("stacks-kept") | {"DeletionPolicy": "Retain"},
            **machine("a")["Resources"],
            "Policy": {
                "Type": "AWS::IAM::ManagedPolicy",
                "Properties": {"PolicyDocument": POLICY, "Roles": [{"Ref": "Role"}]},
            },
        }
    }
    template["Resources"]["Role"]["Properties"]["Policies"] = [
        {"PolicyName": "inline", "PolicyDocument": POLICY}
    ]
    create_stack(embedded, "stacks-delete", template)
    cloudformation = embedded.client("cloudformation")
    cloudformation.delete_stack(StackName="stacks-delete")
    cloudformation.get_waiter("stack_delete_complete").wait(StackName="stacks-delete")
    assert "stacks-gone" not in buckets(embedded)
    assert "stacks-kept" in buckets(embedded)
    machines = embedded.client("stepfunctions").list_state_machines()["stateMachines"]
    assert not any(found["name"].startswith("stacks-delete") for found in machines)
    iam = embedded.client("iam")
    left = [role["RoleName"] for role in iam.list_roles()["Roles"]]
    left += [policy["PolicyName"] for policy in iam.list_policies(Scope="Local")["Policies"]]
    assert not any(name.startswith("stacks-delete") for name in left)
