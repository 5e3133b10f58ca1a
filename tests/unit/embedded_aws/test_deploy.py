"""Deploying a built application: packaging, creating, updating, and saying why not."""

import json
from pathlib import Path
from typing import Any

import pytest

from embedded_aws.deploy import DeployError, deploy_stack
from tests.conftest import Embedded

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Greeting: {Type: String}
Globals:
  Function: {Runtime: python3.13, Handler: app.lambda_handler}
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: pk, AttributeType: S}]
      KeySchema: [{AttributeName: pk, KeyType: HASH}]
  Layer:
    Type: AWS::Serverless::LayerVersion
    Properties: {ContentUri: Layer, CompatibleRuntimes: [python3.13], RetentionPolicy: Delete}
  Greet:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: Greet
      Layers: [!Ref Layer]
      Policies: [{DynamoDBReadPolicy: {TableName: !Ref Table}}]
      Environment: {Variables: {GREETING: !Sub "${Greeting}, ${AWS::StackName}"}}
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      DefinitionUri: machine.asl.json
      DefinitionSubstitutions: {GreetArn: !GetAtt Greet.Arn, Any: !Ref Greeting}
      Policies: [{LambdaInvokePolicy: {FunctionName: !Ref Greet}}]
Outputs:
  Function: {Value: !Ref Greet}
  Machine: {Value: !Ref Machine}
"""
HANDLER = """
import os, words
def lambda_handler(event, context):
    return os.environ["GREETING"] + words.END
"""
MACHINE = {
    "StartAt": "Greet",
    "States": {
        "Greet": {"Type": "Task", "Resource": "${GreetArn}", "Comment": "${Any}", "End": True}
    },
}


@pytest.fixture
def build(tmp_path: Path) -> Path:
    """Give a built application; the path is its template's."""
    for folder, name, text in (
        ("Greet", "app.py", HANDLER),
        ("Layer/python", "words.py", "END = '!'\n"),
    ):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / name).write_text(text)
    (tmp_path / "machine.asl.json").write_text(json.dumps(MACHINE))
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    return tmp_path / "template.yaml"


def keys(embedded: Embedded, bucket: str) -> set[str]:
    """Name the objects of a bucket."""
    found = embedded.client("s3").list_objects_v2(Bucket=bucket)
    return {item["Key"] for item in found["Contents"]}


def greet(embedded: Embedded, outputs: dict[str, str]) -> Any:
    """Invoke the function of the stack."""
    answer = embedded.client("lambda").invoke(FunctionName=outputs["Function"])
    return json.loads(answer["Payload"].read())


def test_deploy_again_and_again(embedded: Embedded, build: Path) -> None:
    """The stack works once created; equal content is uploaded once; an update takes effect."""
    deploy = (embedded.client, build, "deployed")
    outputs = deploy_stack(*deploy, {"Greeting": "Hello"}, "deploy-artifacts")
    assert greet(embedded, outputs) == "Hello, deployed!"
    described = embedded.client("stepfunctions").describe_state_machine(
        stateMachineArn=outputs["Machine"]
    )
    state = json.loads(described["definition"])["States"]["Greet"]
    assert state["Comment"] == "Hello"
    assert state["Resource"].endswith(f":function:{outputs['Function']}")

    uploaded = keys(embedded, "deploy-artifacts")
    assert deploy_stack(*deploy, {"Greeting": "Hello"}, "deploy-artifacts") == outputs
    assert keys(embedded, "deploy-artifacts") == uploaded

    code = build.parent / "Greet" / "app.py"
    code.write_text(code.read_text() + "# changed\n")
    again = deploy_stack(*deploy, {"Greeting": "Good bye"}, "deploy-artifacts")
    assert again == outputs
    assert greet(embedded, outputs) == "Good bye, deployed!"
    # The code and the template that names it; layer and definition are as they were.
    assert len(keys(embedded, "deploy-artifacts") - uploaded) == 2


def test_a_template_that_is_refused(embedded: Embedded, build: Path) -> None:
    """What CloudFormation refuses at once is given as the reason."""
    with pytest.raises(DeployError, match=r"\[Greeting\] must have values"):
        deploy_stack(embedded.client, build, "deploy-refused", {}, "deploy-artifacts")


def test_a_stack_that_fails(embedded: Embedded, build: Path) -> None:
    """The error names the resource and why it failed."""
    (build.parent / "machine.asl.json").write_text('{"StartAt": "Nowhere"}')
    with pytest.raises(DeployError) as caught:
        deploy_stack(embedded.client, build, "deploy-fails", {"Greeting": "x"}, "deploy-artifacts")
    assert "ROLLBACK_COMPLETE" in caught.value.reasons[0]
    assert any(
        reason.startswith("Machine (AWS::StepFunctions::StateMachine)")
        for reason in caught.value.reasons
    )


def test_a_build_that_is_not_there(embedded: Embedded, build: Path) -> None:
    """A missing part of the build is named before anything is created."""
    (build.parent / "Greet" / "app.py").unlink()
    (build.parent / "Greet").rmdir()
    with pytest.raises(FileNotFoundError, match="Greet"):
        deploy_stack(embedded.client, build, "deploy-half", {"Greeting": "x"}, "deploy-artifacts")
