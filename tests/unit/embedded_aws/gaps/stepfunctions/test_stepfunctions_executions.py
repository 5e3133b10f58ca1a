"""StartExecution's checks, and what executions look like from outside."""

import json
import re
import threading
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.unit.embedded_aws.gaps.stepfunctions.conftest import States

END = {"A": {"Type": "Succeed"}}
WAIT = {"A": {"Type": "Wait", "Seconds": 60, "End": True}}


@pytest.mark.parametrize("name", ["x" * 81, "a/b", "a b", "a:b", "a\tb", "a%b", "a\x7fb"])
def test_bad_names(states: "States", name: str) -> None:
    """Names of more than 80 characters, or with those that AWS forbids, are refused."""
    arn = states.create(END)
    with pytest.raises(ClientError, match=r"InvalidName|ValidationException"):
        states.client.start_execution(stateMachineArn=arn, name=name)


def test_longest_name(states: "States") -> None:
    """A name of 80 characters is fine."""
    name = uuid.uuid4().hex + "-" * 48
    answer = states.client.start_execution(stateMachineArn=states.create(END), name=name)
    assert states.finish(answer["executionArn"])["name"] == name


@pytest.mark.parametrize("text", ["{", "NaN", '{"a": Infinity}', "", " "])
def test_input_that_is_no_json(states: "States", text: str) -> None:
    """Input must be JSON."""
    arn = states.create(END)
    with pytest.raises(ClientError, match="InvalidExecutionInput"):
        states.client.start_execution(stateMachineArn=arn, input=text)


def test_size_of_input(states: "States") -> None:
    """Input may have 262,144 bytes of UTF-8 and not one more."""
    arn = states.create({"A": {"Type": "Succeed", "Output": 1}})
    largest = json.dumps("é" * 131_071, ensure_ascii=False)
    answer = states.client.start_execution(stateMachineArn=arn, input=largest)
    assert states.finish(answer["executionArn"])["status"] == "SUCCEEDED"
    with pytest.raises(ClientError, match="ValidationException"):
        states.client.start_execution(stateMachineArn=arn, input=largest + " ")


def test_same_name(states: "States") -> None:
    """The same name is the same execution while that runs with the same input, else an error."""
    arn = states.create(WAIT)
    start: dict[str, Any] = {"stateMachineArn": arn, "name": "one", "input": '{"a": 1}'}
    first = states.client.start_execution(**start)
    again = states.client.start_execution(**start)
    assert first["executionArn"] == again["executionArn"]
    assert first["startDate"] == again["startDate"]
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        states.client.start_execution(**start | {"input": "{}"})
    states.client.stop_execution(executionArn=first["executionArn"])
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        states.client.start_execution(**start)


def test_same_name_at_the_same_time(states: "States") -> None:
    """Requests that race with one name start one execution."""
    arn = states.create(WAIT)
    threads = [
        threading.Thread(
            target=lambda: states.client.start_execution(stateMachineArn=arn, name="race")
        )
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    found = states.client.list_executions(stateMachineArn=arn)["executions"]
    assert len(found) == 1
    states.client.stop_execution(executionArn=found[0]["executionArn"])


def test_no_name(states: "States") -> None:
    """Executions without a name get a UUID each."""
    arn = states.create(END)
    names = set()
    for _ in range(2):
        answer = states.client.start_execution(stateMachineArn=arn)
        names.add(answer["executionArn"].rsplit(":", 1)[1])
    assert len(names) == 2
    assert all(re.fullmatch(r"[0-9a-f-]{36}", name) for name in names)


def test_description(states: "States") -> None:
    """A description has the input as it was given, the output as JSON, and milliseconds."""
    arn = states.create({"A": {"Type": "Pass", "Output": {"é": None}, "End": True}})
    text = '{ "a" : 1.0 }'
    answer = states.client.start_execution(stateMachineArn=arn, input=text)
    states.finish(answer["executionArn"])
    found = states.client.describe_execution(executionArn=answer["executionArn"])
    assert found["input"] == text
    assert found["output"] == '{"é":null}'
    assert found["stateMachineArn"] == arn
    assert found["redriveCount"] == 0
    assert "error" not in found


def test_list(states: "States") -> None:
    """A list has every end's date, that of a timeout too, and takes a status and a page."""
    machine = states.create({"A": {"Type": "Wait", "Seconds": 9, "End": True}}, TimeoutSeconds=1)
    for _ in range(2):
        answer = states.client.start_execution(stateMachineArn=machine)
        states.finish(answer["executionArn"])
    listed = states.client.list_executions(
        stateMachineArn=machine, statusFilter="TIMED_OUT", maxResults=1
    )
    assert [one["status"] for one in listed["executions"]] == ["TIMED_OUT"]
    assert listed["executions"][0]["stopDate"] > listed["executions"][0]["startDate"]
    assert listed["nextToken"]


def test_nothing_is_logged_of_what_fails(
    states: "States", caplog: pytest.LogCaptureFixture
) -> None:
    """A failing state does not print the machine's Arguments into the log."""
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:s3:getObject",
        "Arguments": {"Bucket": "s3cret", "Key": "k"},
        "End": True,
    }
    assert states.run({"A": task})["status"] == "FAILED"
    said = [record.getMessage() for record in caplog.records if record.name != "werkzeug"]
    assert not [message for message in said if "s3cret" in message]


def test_context(states: "States") -> None:
    """The context object has AWS's members, times with milliseconds and Z."""
    given = {"x": 1}
    arn = states.start({"A": {"Type": "Succeed", "Output": "{% $states.context %}"}}, given)
    output = states.finish(arn)["output"]
    instant = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    execution = output["Execution"]
    assert execution["Id"] == arn
    assert execution["Name"] == arn.rsplit(":", 1)[1]
    assert execution["Input"] == given
    assert execution["RedriveCount"] == 0
    assert re.fullmatch(instant, execution["StartTime"])
    assert re.fullmatch(instant, output["State"]["EnteredTime"])
    assert output["State"]["Name"] == "A"
    assert set(output["StateMachine"]) == {"Id", "Name"}
