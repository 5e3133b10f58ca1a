"""Definitions that AWS refuses are refused, with what is wrong and where."""

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.unit.embedded_aws.gaps.stepfunctions.conftest import States

END = {"Type": "Succeed"}
ROLE = "arn:aws:iam::123456789012:role/r"


def _task(resource: str = "lambda:invoke", **fields: Any) -> dict[str, Any]:
    return {
        "A": {"Type": "Task", "Resource": f"arn:aws:states:::{resource}", "End": True, **fields}
    }


def _map(mode: str = "INLINE", **fields: Any) -> dict[str, Any]:
    processor = {"ProcessorConfig": {"Mode": mode}, "StartAt": "X", "States": {"X": END}}
    return {"A": {"Type": "Map", "ItemProcessor": processor, "End": True, **fields}}


@pytest.mark.parametrize(
    ("machine", "message"),
    [
        ({"A": {"Type": "Pass", "Next": "Gone"}}, "Missing 'Next' target: Gone"),
        ({"A": {"Type": "Pass"}}, r"\[Next, End\] is required at /States/A"),
        ({"A": END, "B": END}, '"B" is not reachable'),
        ({"A": {"Type": "Pass", "Retry": [], "End": True}}, "Field 'Retry' is not supported"),
        ({"A": {"Type": "Pass", "Result": 1, "End": True}}, "Result"),
        ({"A": {"Type": "Succeed", "Nonsense": 1}}, "Nonsense"),
        ({"A": {"Type": "Pass", "Output": "{% 1 + %}", "End": True}}, "JSONata expression"),
        ({"A": {"Type": "Pass", "Output": "{% $eval('1') %}", "End": True}}, r"\$eval"),
        ({"A": {"Type": "Pass", "Output": "{% 1", "End": True}}, "must start with"),
        ({"A": {"Type": "Pass", "Assign": {"states": 1}, "End": True}}, "name of a variable"),
        (_task("nowhere:invoke"), "nowhere"),
        (_task("athena:startQueryExecution.sync"), "does not support the integration of 'athena'"),
        (_task("lambda:invoke.sync"), r"has no '\.sync'"),
        (_task("dynamodb:getItem.sync"), r"has no '\.sync'"),
        (_task("sagemaker:createEndpoint.sync"), "not recognized"),
        (_task("sagemaker:deleteEverything"), "not recognized"),
        (_task("aws-sdk:nothing:getObject"), "service 'nothing' .* is unknown"),
        (_task("aws-sdk:s3:getEverything"), "no operation 'getEverything'"),
        (_task("lambda:invoke", Arguments={"Function": "f"}), "'Function' is not supported"),
        (_task("aws-sdk:s3:getObject", Arguments={"Bukkit": "b"}), "'Bukkit' is not supported"),
        (_task("lambda:invoke", Credentials={"RoleArn": "arn:aws:iam::1:role/r"}), "Credentials"),
        (
            _task(Catch=[{"ErrorEquals": ["States.ALL"], "Next": "B"}] * 2) | {"B": END},
            "States.ALL must appear alone",
        ),
        (
            {"A": {"Type": "Parallel", "Branches": [{"StartAt": "X", "States": {"Y": END}}]}}
            | {"A2": END},
            "Missing|required",
        ),
        ({"A" * 81: END}, "80 characters"),
        (_map("DISTRIBUTED"), "Map in mode DISTRIBUTED"),
        (_map(ToleratedFailureCount=1), "'ToleratedFailureCount' is not supported for a Map"),
    ],
)
def test_refused(states: "States", machine: dict[str, Any], message: str) -> None:
    """CreateStateMachine answers InvalidDefinition and names the problem."""
    with pytest.raises(ClientError, match=message) as refusal:
        states.create(machine)
    assert refusal.value.response["Error"]["Code"] == "InvalidDefinition"


@pytest.mark.parametrize("text", ["[]", "{", "{}", '{"StartAt": "A"}'])
def test_no_definition(states: "States", text: str) -> None:
    """What is no machine at all is refused too."""
    with pytest.raises(ClientError, match="InvalidDefinition"):
        states.client.create_state_machine(name="none", definition=text, roleArn=ROLE)


def test_express_is_refused(states: "States") -> None:
    """An Express workflow has rules of its own, which nothing here follows."""
    definition = json.dumps({"StartAt": "A", "QueryLanguage": "JSONata", "States": {"A": END}})
    with pytest.raises(ClientError, match="StateMachineTypeNotSupported"):
        states.client.create_state_machine(
            name="express", definition=definition, roleArn=ROLE, type="EXPRESS"
        )


def test_update_is_checked(states: "States") -> None:
    """UpdateStateMachine refuses what CreateStateMachine refuses, and changes nothing then."""
    arn = states.create({"A": END})
    with pytest.raises(ClientError, match="InvalidDefinition"):
        states.client.update_state_machine(stateMachineArn=arn, definition='{"StartAt": "A"}')
    assert "Succeed" in states.client.describe_state_machine(stateMachineArn=arn)["definition"]


def test_accepted(states: "States") -> None:
    """A machine that uses every field that the shipped ones use is accepted."""
    jobs = {"TrainingJobName": "{% $name %}", "ResourceConfig": {"InstanceCount": 1}}
    machine = {
        "A": {
            "Type": "Parallel",
            "Comment": "c",
            "Branches": [{"StartAt": "X", "States": {"X": {"Type": "Pass", "End": True}}}],
            "Assign": {"name": "{% $states.result[0] %}"},
            "Next": "B",
        },
        "B": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sagemaker:createTrainingJob.sync",
            "Arguments": jobs,
            "TimeoutSeconds": "{% 60 * 60 %}",
            "Retry": [
                {
                    "ErrorEquals": ["SageMaker.AmazonSageMakerException"],
                    "IntervalSeconds": 5,
                    "MaxAttempts": 3,
                    "BackoffRate": 2,
                    "MaxDelaySeconds": 30,
                    "JitterStrategy": "FULL",
                }
            ],
            "Catch": [
                {
                    "ErrorEquals": ["States.ALL"],
                    "Assign": {"error": "{% $states.errorOutput %}"},
                    "Next": "D",
                }
            ],
            "Next": "C",
        },
        "C": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% true %}", "Assign": {"x": 1}, "Next": "E"}],
            "Default": "D",
        },
        "D": {"Type": "Fail", "Error": "{% 'e' %}", "Cause": "c"},
        "E": {"Type": "Wait", "Seconds": 1, "Next": "F"},
        "F": {"Type": "Succeed", "Output": "{% $states.input %}"},
    }
    arn = states.create(machine)
    kept = states.client.describe_state_machine(stateMachineArn=arn)
    assert json.loads(kept["definition"])["States"] == machine
