"""A program: which gaps moto's Step Functions has without the adapters.

Run in a fresh interpreter; prints a JSON object of module name to whether its gap is still there.
"""

# moto's inside is what this program looks at.
# ruff: noqa: SLF001

import contextlib
import json
import logging
import os
import time
import uuid
from collections.abc import Callable
from typing import Any

import boto3
from botocore.exceptions import ClientError
from jsonata.jsonata import Jsonata
from moto.core.config import default_user_config
from moto.server import ThreadedMotoServer
from moto.stepfunctions import models
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import (
    CustomErrorName,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service_aws_sdk,
    state_task_service_factory,
    state_task_service_lambda,
    state_task_service_sfn,
    state_task_service_unsupported,
)
from moto.stepfunctions.parser.asl.jsonata import jsonata
from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor
from moto.stepfunctions.parser.asl.utils.boto_client import boto_client_for
from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

SDK = "arn:aws:states:::aws-sdk:s3:listBuckets"
BEFORE = {"runs": default_user_config["stepfunctions"]["execute_state_machine"]}
BEFORE["evaluates"] = jsonata._eval_jsonata is not None


class Plain:
    """moto's server with its interpreter on, and clients for it."""

    def __init__(self) -> None:
        """Start the server."""
        default_user_config["stepfunctions"] = {"execute_state_machine": True}
        jsonata._eval_jsonata = lambda text: Jsonata(text).evaluate(None)
        server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        server.start()
        _, port = server.get_host_and_port()
        os.environ["MOTO_PORT"] = str(port)
        session: Any = boto3.session.Session("key", "secret", region_name="us-east-1")
        url = f"http://127.0.0.1:{port}"
        self.client, self.events, self.sqs = (
            session.client(service, endpoint_url=url)
            for service in ("stepfunctions", "events", "sqs")
        )

    def create(self, states: dict[str, Any]) -> str:
        """Make a JSONata machine; its ARN."""
        machine = {"QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": states}
        answer = self.client.create_state_machine(
            name=uuid.uuid4().hex,
            definition=json.dumps(machine),
            roleArn="arn:aws:iam::123456789012:role/r",
        )
        return str(answer["stateMachineArn"])

    def start(self, states: dict[str, Any], name: str = "one") -> str:
        """Start an execution; its ARN."""
        answer = self.client.start_execution(stateMachineArn=self.create(states), name=name)
        return str(answer["executionArn"])

    def run(self, states: dict[str, Any], name: str = "one") -> dict[str, Any]:
        """Run an execution for at most 10 seconds; its description."""
        arn = self.start(states, name)
        deadline = time.monotonic() + 10
        answer: dict[str, Any] = {}
        while time.monotonic() < deadline and answer.get("status", "RUNNING") == "RUNNING":
            time.sleep(0.02)
            answer = self.client.describe_execution(executionArn=arn)
        return answer


def _is_refused(call: Callable[[], Any]) -> bool:
    try:
        call()
    except (ClientError, ValueError):
        return True
    return False


def _succeed(output: Any) -> dict[str, Any]:
    return {"A": {"Type": "Succeed", "Output": output}}


def _task(**fields: Any) -> dict[str, Any]:
    return {"A": {"Type": "Task", "Resource": SDK, "Next": "C", **fields}, "C": {"Type": "Succeed"}}


def _is_catchable(plain: Plain) -> bool:
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "C"}]
    answer = plain.run(_task(Output="{% $nothing %}", Catch=catch))
    return bool(answer["status"] == "SUCCEEDED")


def _is_stoppable(plain: Plain) -> bool:
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "C"}]
    retry = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 60}]
    fails = _task(
        Resource="arn:aws:states:::aws-sdk:s3:getObject",
        Arguments={"Bucket": "none", "Key": "k"},
        Retry=retry,
        Catch=catch,
    )
    arn = plain.start(fails)
    time.sleep(0.5)
    plain.client.stop_execution(executionArn=arn)
    time.sleep(0.5)
    return bool(plain.client.describe_execution(executionArn=arn)["status"] == "ABORTED")


def _late_token_code(plain: Plain) -> str:
    with contextlib.suppress(ClientError):
        plain.client.send_task_success(taskToken="none", output="{")
        return "accepted"
    waiting = _task(
        Resource="arn:aws:states:::aws-sdk:s3:listBuckets.waitForTaskToken",
        TimeoutSeconds=1,
    )
    arn = plain.start(waiting)
    time.sleep(0.5)
    account = stepfunctions_parser_backends["123456789012"]["us-east-1"]
    pool = account.describe_execution(arn).exec_worker.env.callback_pool_manager
    token = next(iter(pool._pool))
    time.sleep(1)
    try:
        plain.client.send_task_success(taskToken=token, output="1")
    except ClientError as err:
        return str(err.response["Error"]["Code"])
    return "accepted"


def _pages(plain: Plain) -> int:
    arn = plain.start(_succeed(1))
    time.sleep(0.3)
    answer = plain.client.get_execution_history(executionArn=arn, maxResults=1)
    return len(answer["events"])


def _choice_error(plain: Plain) -> str:
    choices = [{"Condition": "{% 'yes' %}", "Next": "C"}]
    machine = {"A": {"Type": "Choice", "Choices": choices}, "C": {"Type": "Succeed"}}
    return str(plain.run(machine).get("error"))


def _logged_parts(plain: Plain) -> int:
    records: list[logging.LogRecord] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    logger = logging.getLogger("moto.stepfunctions.parser.asl.component.eval_component")
    logger.addHandler(Kept())
    plain.run({"A": {"Type": "Fail"}})
    return len(records)


def _lambda_error() -> str:
    class Env:
        next_state_name = "A"
        event_history_context = type("Context", (), {"source_event_id": 1})

    error = state_task_service_lambda.lambda_eval_utils.LambdaFunctionErrorException("x", "{}")
    own = state_task_service_lambda.StateTaskServiceLambda()
    own.resource = type("Resource", (), {"api_action": "invoke", "service_name": "lambda"})
    own.resource.condition = None
    return str(own._from_error(Env(), error).error_name.error_name)


def _emitted(plain: Plain) -> int:
    url = plain.sqs.create_queue(QueueName="status")["QueueUrl"]
    arn = "arn:aws:sqs:us-east-1:123456789012:status"
    plain.events.put_rule(Name="status", EventPattern='{"source": ["aws.states"]}')
    plain.events.put_targets(Rule="status", Targets=[{"Id": "1", "Arn": arn}])
    plain.run(_succeed(1))
    time.sleep(0.3)
    return len(plain.sqs.receive_message(QueueUrl=url).get("Messages", []))


def _assigned(plain: Plain) -> str:
    state = {"Type": "Pass", "Assign": {"t": 'a "b"'}, "End": True}
    arn = plain.start({"A": state})
    time.sleep(0.3)
    events = plain.client.get_execution_history(executionArn=arn)["events"]
    exited = next(event for event in events if event["type"] == "PassStateExited")
    return str(exited["stateExitedEventDetails"]["assignedVariables"]["t"])


def _nested_request() -> dict[str, Any]:
    request = {"StateMachineArn": "arn"}
    sfn = state_task_service_sfn.StateTaskServiceSfn()
    sfn.resource = type("Resource", (), {"api_action": "startExecution", "api_name": "states"})
    sfn._normalise_parameters(request)
    return request


def _gaps(plain: Plain) -> dict[str, bool]:
    for_service = state_task_service_factory.state_task_service_for
    unsupported = state_task_service_unsupported.StateTaskServiceUnsupported
    sdk = state_task_service_aws_sdk.StateTaskServiceAwsSdk
    context = json.loads(plain.run(_succeed("{% $states.context.Execution %}"))["output"])
    return {
        "backend": not BEFORE["runs"]
        and models.stepfunctions_backends is not stepfunctions_parser_backends,
        "parsing": "_query_language_per_scope" in vars(Preprocessor) and "\\" in _assigned(plain),
        "clients": boto_client_for("us-east-1", "s3") is not boto_client_for("us-east-1", "s3"),
        "jsonata": not BEFORE["evaluates"]
        and '\\"' not in jsonata.encode_jsonata_variable_declarations({"$a": 'x"'}),
        "evaluation": _choice_error(plain) == "States.Runtime",
        "waiting": not _is_stoppable(plain),
        "attempts": not _is_catchable(plain),
        "errors": _is_refused(lambda: CustomErrorName("States.Timeout")),
        "shapes": "StateMachineArn" in _nested_request(),
        "sdk": sdk._normalise_service_error_name("s3") == "s3",
        "lambda": _lambda_error() == "Exception",
        "tokens": _late_token_code(plain) != "TaskTimedOut",
        "integrations": isinstance(for_service("athena"), unsupported),
        "sagemaker": isinstance(for_service("sagemaker"), unsupported),
        "nested": not {"Name", "name"} & set(_nested_request()),
        "context": "RedriveCount" not in context,
        "status": ExecutionWorker(None, None, None, {}).env is None,
        "executions": not _is_refused(lambda: plain.run(_succeed(1), "x" * 81)),
        "history": _pages(plain) > 1,
        "definitions": not _is_refused(lambda: plain.create({"A": {"Type": "Pass", "Next": "B"}})),
        "events": _emitted(plain) == 0,
        "logging": _logged_parts(plain) > 0,
    }


if __name__ == "__main__":
    # It is what the program is for.
    print(json.dumps(_gaps(Plain())))  # noqa: T201
