"""Templates: what is translated, what is checked, and what is refused by name."""

import json
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from tests.conftest import Embedded
from tests.unit.embedded_aws.gaps.conftest import create_stack

QUEUE = {"Type": "AWS::SQS::Queue"}


def refused(embedded: Embedded, template: dict[str, Any], **given: str) -> str:
    """Try to create a stack that is refused; give the message."""
    name = f"refused-{uuid4()}"
    with pytest.raises(ClientError) as caught:
        create_stack(embedded, name, template, **given)
    assert caught.value.response["Error"]["Code"] == "ValidationError"
    stacks = embedded.client("cloudformation").describe_stacks()["Stacks"]
    assert name not in {stack["StackName"] for stack in stacks}
    return str(caught.value.response["Error"]["Message"])


@pytest.mark.parametrize(
    ("resource", "named"),
    [
        ({"Type": "AWS::EC2::Instance"}, "R (AWS::EC2::Instance): the resource type"),
        ({"Type": "Custom::Thing"}, "R (Custom::Thing): the resource type"),
        ({"Type": "AWS::SQS::Queue", "Properties": {"Colour": "red"}},
         "R (AWS::SQS::Queue): the property Colour"),
        ({"Type": "AWS::S3::Bucket", "Properties": {"VersioningConfiguration": {
            "Status": "Enabled", "MfaDelete": "Enabled"}}},
         "R (AWS::S3::Bucket): the property VersioningConfiguration.MfaDelete"),
        ({"Type": "AWS::Events::Rule", "Properties": {"Targets": [
            {"Id": "1", "Arn": "a", "EcsParameters": {}}]}},
         "R (AWS::Events::Rule): the property Targets.EcsParameters"),
        ({"Type": "AWS::S3::Bucket", "Properties": {"LifecycleConfiguration": {"Fn::If": [
            "C", {"Ref": "AWS::NoValue"}, {"Rules": [{"Transitions": []}]}]}}},
         "R (AWS::S3::Bucket): the property LifecycleConfiguration.Rules.Transitions"),
        (QUEUE | {"CreationPolicy": {}}, "R (AWS::SQS::Queue): the attribute CreationPolicy"),
        (QUEUE | {"Properties": {"QueueName": {"Fn::ImportValue": "x"}}}, "Fn::ImportValue"),
        (QUEUE | {"Properties": {"QueueName": {"Fn::GetAtt": ["R", "Colour"]}}}, "Colour of R"),
        (QUEUE | {"Properties": {"QueueName": {"Fn::Sub": "${R.Colour}"}}}, "Colour of R"),
        (QUEUE | {"Properties": {"QueueName": {"Ref": "Nobody"}}}, "Nobody"),
    ],
)  # fmt: skip
def test_what_is_not_supported_is_refused_by_name(
    embedded: Embedded, resource: dict[str, Any], named: str
) -> None:
    """Nothing is dropped: the message names resource, type and property, and nothing is made."""
    template = {"Conditions": {"C": {"Fn::Equals": ["a", "a"]}}, "Resources": {"R": resource}}
    assert named in refused(embedded, template)


@pytest.mark.parametrize(
    ("template", "named"),
    [
        ({"Transform": "AWS::LanguageExtensions", "Resources": {"Q": QUEUE}}, "no transform but"),
        ({"Hooks": {}, "Resources": {"Q": QUEUE}}, "the section Hooks"),
        ({"Resources": {"Q": QUEUE}, "Outputs": {"O": {"Value": "x", "Export": {"Name": "x"}}}},
         "output O: Export"),
        ({"Resources": {"Q": QUEUE}, "Conditions": {"C": {"Fn::Contains": [["a"], "a"]}}},
         "Fn::Contains"),
        ({"Transform": "AWS::Serverless-2016-10-31",
          "Resources": {"F": {"Type": "AWS::Serverless::Function", "Properties": {}}}},
         "Resource with id [F] is invalid"),
    ],
)  # fmt: skip
def test_what_is_no_template_for_us_is_refused(
    embedded: Embedded, template: dict[str, Any], named: str
) -> None:
    """Sections, exports, transforms and functions that would be ignored are refused."""
    assert named in refused(embedded, template)


def test_text_that_is_no_template_is_refused(embedded: Embedded) -> None:
    """Text that is neither YAML nor JSON is an error of the caller's."""
    for text in ("{", "just text"):
        with pytest.raises(ClientError, match="Template format error"):
            embedded.client("cloudformation").create_stack(StackName="refused", TemplateBody=text)


@pytest.mark.parametrize(
    ("declared", "given", "named"),
    [
        ({"Type": "String"}, {}, "must have values"),
        ({"Type": "String", "Default": "a"}, {"Other": "b"}, "[Other] do not exist"),
        ({"Type": "String", "AllowedValues": ["a", "b"]}, {"P": "c"}, "enum value set: [a, b]"),
        ({"Type": "String", "AllowedPattern": "[a-z]+"}, {"P": "A"}, "pattern: [a-z]+"),
        ({"Type": "String", "AllowedPattern": "a", "ConstraintDescription": "an a"}, {"P": "b"},
         "an a"),
        ({"Type": "String", "MaxLength": 2}, {"P": "abc"}, "less than or equal to 2"),
        ({"Type": "String", "MinLength": 2}, {"P": "a"}, "greater than or equal to 2"),
        ({"Type": "Number", "MaxValue": 5}, {"P": "6"}, "less than or equal to 5"),
        ({"Type": "Number", "MinValue": 5}, {"P": "4"}, "greater than or equal to 5"),
        ({"Type": "Number"}, {"P": "four"}, "must be a number"),
        ({"Type": "AWS::SSM::Parameter::Value<String>"}, {"P": "x"}, "does not support type"),
    ],
)  # fmt: skip
def test_parameters_are_checked(
    embedded: Embedded, declared: dict[str, Any], given: dict[str, str], named: str
) -> None:
    """A parameter that breaks its own rules is refused, as on AWS."""
    template = {"Parameters": {"P": declared}, "Resources": {"Q": QUEUE}}
    assert named in refused(embedded, template, **given)


def test_rules_are_checked(embedded: Embedded) -> None:
    """A rule whose condition holds and whose assertion does not refuses the stack."""
    is_prod = {"Fn::Equals": [{"Ref": "Stage"}, "prod"]}
    template = {
        "Parameters": {"Stage": {"Type": "String"}, "Key": {"Type": "String", "Default": ""}},
        "Rules": {
            "ProdNeedsKey": {
                "RuleCondition": is_prod,
                "Assertions": [
                    {
                        "Assert": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Key"}, ""]}]},
                        "AssertDescription": "prod needs a key",
                    }
                ],
            }
        },
        "Resources": {"Q": QUEUE},
    }
    assert "prod needs a key" in refused(embedded, template, Stage="prod")
    create_stack(embedded, "rules-kept", template, Stage="prod", Key="k")
    create_stack(embedded, "rules-not-asked", template, Stage="test")


def test_yaml_tags_conditions_and_lists(embedded: Embedded) -> None:
    """Short tags are read; conditions, NoValue, lists and substitutions come out right."""
    template = """
Parameters:
  Names: {Type: CommaDelimitedList, Default: "one,two"}
  Secret: {Type: String, NoEcho: true, Default: hush}
  Size: {Type: Number, Default: 1}
Conditions:
  Small: !Equals [!Ref Size, 1]
  Big: !Not [!Condition Small]
Resources:
  Dead:
    Type: AWS::SQS::Queue
    Condition: Small
    DeletionPolicy: Retain
    UpdateReplacePolicy: Retain
  Missing:
    Type: AWS::SQS::Queue
    Condition: Big
  Queue:
    Type: AWS::SQS::Queue
    DependsOn: [Missing]
    Properties:
      DelaySeconds: !If [Big, 9, !Ref AWS::NoValue]
      RedrivePolicy: !If
        - Small
        - {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 3}
        - !Ref AWS::NoValue
      Tags:
        - !If [Small, {Key: size, Value: small}, !Ref AWS::NoValue]
        - !If [Big, {Key: size, Value: big}, !Ref AWS::NoValue]
Outputs:
  Second: {Value: !Select [1, !Ref Names]}
  Joined: {Value: !Join ["-", !Ref Names]}
  Split: {Value: !Select [1, !Split ["/", "a/b"]]}
  Sub: {Value: !Sub ["${AWS::Region}/${Dead.QueueName}/${X}/${!Literal}", {X: !Ref Size}]}
  Queue: {Value: !Ref Queue}
  Missing: {Condition: Big, Value: !Ref Missing}
"""
    cloudformation = embedded.client("cloudformation")
    cloudformation.create_stack(StackName="tags", TemplateBody=template)
    (stack,) = cloudformation.describe_stacks(StackName="tags")["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    outputs = {item["OutputKey"]: item["OutputValue"] for item in stack["Outputs"]}
    queue = outputs.pop("Queue")
    region, name, size, literal = outputs.pop("Sub").split("/")
    assert outputs == {"Second": "two", "Joined": "one-two", "Split": "b"}
    assert (region, size, literal) == ("us-east-1", "1", "${Literal}")
    assert name.startswith("tags-Dead-")
    parameters = {item["ParameterKey"]: item["ParameterValue"] for item in stack["Parameters"]}
    assert parameters == {"Names": "one,two", "Secret": "****", "Size": "1"}
    sqs = embedded.client("sqs")
    assert sqs.list_queue_tags(QueueUrl=queue)["Tags"] == {"size": "small"}
    attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert json.loads(attributes["RedrivePolicy"])["deadLetterTargetArn"].endswith(name)
    assert attributes["DelaySeconds"] == "0"
    made = cloudformation.describe_stack_resources(StackName="tags")["StackResources"]
    assert {resource["LogicalResourceId"] for resource in made} == {"Dead", "Queue"}
