"""Gap (moto 5.2.5): StartExecution checks little, and Describe and Stop tell too little.

Names of 81 characters or with `/`, and inputs of 300 kB, are accepted; executions without a name
are all called "None", so that a second one is refused; the error and cause of StopExecution are
dropped; a timed-out execution has no stop date.
"""

import json
import threading
import uuid
from typing import Any, NoReturn

from moto.core.responses import ActionResult
from moto.stepfunctions import responses
from moto.stepfunctions.parser.models import StepFunctionsParserBackend

from embedded_aws.gaps import stepfunctions_status as status
from embedded_aws.gaps.stepfunctions_failures import api_error

_start_execution = StepFunctionsParserBackend.start_execution
_INPUT_LIMIT_BYTES = 262_144
_STOP_SECONDS = 5.0
_starting = threading.Lock()


def _check_input(text: str) -> None:
    if len(text.encode()) > _INPUT_LIMIT_BYTES:
        msg = (
            "1 validation error detected: Value at 'input' failed to satisfy constraint: "
            f"Member must have length less than or equal to {_INPUT_LIMIT_BYTES}"
        )
        raise api_error("ValidationException", msg)
    try:
        json.loads(text, parse_constant=_refuse_constant)
    except ValueError as err:
        msg = f"Invalid State Machine Execution Input: '{err}'"
        raise api_error("InvalidExecutionInput", msg) from err


def _refuse_constant(name: str) -> NoReturn:
    msg = f"{name} is not JSON"
    raise ValueError(msg)


def _checked_start(
    self: Any,
    state_machine_arn: str,
    name: str | None = None,
    execution_input: str | None = None,
    trace_header: str | None = None,
) -> Any:
    if name is not None:
        if not name:
            msg = (
                "1 validation error detected: Value '' at 'name' failed to satisfy constraint: "
                "Member must have length greater than or equal to 1"
            )
            raise api_error("ValidationException", msg)
        self._validate_name(name)
    text = "{}" if execution_input is None else execution_input
    _check_input(text)
    with _starting:  # two requests with one name must not both find it free
        return _start_execution(
            self, state_machine_arn, name or str(uuid.uuid4()), text, trace_header
        )


def _describe_execution(self: Any) -> ActionResult:
    arn = self._get_param("executionArn")
    asked = self.stepfunction_backend.describe_execution(arn)
    answer = {
        "executionArn": arn,
        "stateMachineArn": asked.state_machine_arn,
        "name": asked.name,
        "status": asked.status,
        "startDate": asked.start_date,
        "input": asked.execution_input,
        "inputDetails": {"included": True},
        "redriveCount": 0,
    }
    if status.is_over(asked):
        answer["stopDate"] = asked.stop_date
    if asked.status == "SUCCEEDED":
        answer["output"] = json.dumps(asked.output, ensure_ascii=False, separators=(",", ":"))
        answer["outputDetails"] = {"included": True}
    for name in ("error", "cause"):
        if getattr(asked, name) is not None:
            answer[name] = getattr(asked, name)
    return ActionResult(answer)


def _list_executions(self: Any) -> ActionResult:
    found, next_token = self.stepfunction_backend.list_executions(
        self._get_param("stateMachineArn"),
        status_filter=self._get_param("statusFilter"),
        max_results=self._get_int_param("maxResults"),
        next_token=self._get_param("nextToken"),
    )
    executions = [
        {
            "executionArn": one.execution_arn,
            "name": one.name,
            "startDate": one.start_date,
            "stateMachineArn": one.state_machine_arn,
            "status": one.status,
            "redriveCount": 0,
        }
        | ({"stopDate": one.stop_date} if status.is_over(one) else {})
        for one in found
    ]
    return ActionResult({"executions": executions, "nextToken": next_token})


def _stop_execution(self: Any) -> ActionResult:
    asked = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
    if not status.is_over(asked):
        _stop_and_wait(asked, self._get_param("error"), self._get_param("cause"))
    return ActionResult({"stopDate": asked.stop_date or asked.start_date})


def _stop_and_wait(running: Any, error: str | None, cause: str | None) -> None:
    over = threading.Event()

    def listen(changed: Any) -> None:
        if changed is running and status.is_over(running):
            over.set()

    status.listeners.append(listen)
    try:
        running.stop(stop_date=None, error=error, cause=cause)
        if not status.is_over(running):
            over.wait(_STOP_SECONDS)
    finally:
        status.listeners.remove(listen)


def apply() -> None:
    """Check and tell what AWS checks and tells."""
    StepFunctionsParserBackend.start_execution = _checked_start
    responses.StepFunctionResponse.describe_execution = _describe_execution
    responses.StepFunctionResponse.list_executions = _list_executions
    responses.StepFunctionResponse.stop_execution = _stop_execution
