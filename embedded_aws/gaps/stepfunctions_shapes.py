"""Gap (moto 5.2.5): what a task sends and gets is not put into the API's shape, or back.

moto's `_normalise_parameters` and `_normalise_response` are empty: a nested execution fails on
`StateMachineArn`, S3 gives no text as `Body`, and timestamps depend on how they are printed.
"""

import datetime as dt
import re
from typing import Any

from botocore.model import OperationModel
from botocore.response import StreamingBody
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service,
)
from moto.stepfunctions.parser.asl.utils.encoding import to_json_str

from embedded_aws.gaps.stepfunctions_services import operation_of

_LEADING_CAPITALS = re.compile(r"^[A-Z]+(?=[A-Z][a-z]|\d|$)")


def sdk_name(member: str) -> str:
    """Name of a member as Step Functions spells it: `executionArn` gives `ExecutionArn`.

    It is the AWS SDK for Java's name with a capital: `SSEType` gives `SseType`, `ETag` stays.
    """
    lowered = _LEADING_CAPITALS.sub(lambda match: match.group().lower(), member)
    return lowered[:1].upper() + lowered[1:]


def to_request(value: Any, shape: Any) -> Any:
    """Put a value as a state machine gives it into the shape that botocore sends.

    Raises:
        ValueError: A member that the API does not have.
    """
    if shape.type_name == "structure" and isinstance(value, dict):
        return _to_structure(value, shape)
    if shape.type_name == "list" and isinstance(value, list):
        return [to_request(item, shape.member) for item in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {key: to_request(item, shape.value) for key, item in value.items()}
    return _to_scalar(value, shape.type_name)


def _to_scalar(value: Any, type_name: str) -> Any:
    if type_name in {"integer", "long"} and isinstance(value, float) and value == int(value):
        return int(value)
    if type_name == "string" and not isinstance(value, str):
        return to_json_str(value, separators=(",", ":"))
    if type_name == "blob" and not isinstance(value, bytes):
        return to_json_str(value, separators=(",", ":")).encode()
    return value


def _to_structure(value: dict[str, Any], shape: Any) -> dict[str, Any]:
    members = {sdk_name(name): name for name in shape.members} | {n: n for n in shape.members}
    if getattr(shape, "is_document_type", False):
        return value
    unknown = [name for name in value if name not in members]
    if unknown:
        msg = f"The field '{unknown[0]}' is not supported by Step Functions"
        raise ValueError(msg)
    return {
        members[name]: to_request(item, shape.members[members[name]])
        for name, item in value.items()
        if item is not None  # null is the same as absent
    }


def from_response(value: Any, shape: Any, *, epoch: bool) -> Any:
    """Put an answer of botocore into the JSON that a state gets.

    Args:
        value: The answer, or a part of it.
        shape: Its shape; None for an operation without an answer.
        epoch: Whether timestamps become milliseconds since 1970 (the optimised integrations) or
            text (the SDK integrations).
    """
    kind = shape.type_name if shape else None
    if kind == "structure" and isinstance(value, dict):
        return {
            sdk_name(name): from_response(item, shape.members.get(name), epoch=epoch)
            for name, item in value.items()
        }
    if kind == "list" and isinstance(value, list):
        return [from_response(item, shape.member, epoch=epoch) for item in value]
    if kind == "map" and isinstance(value, dict):
        return {key: from_response(item, shape.value, epoch=epoch) for key, item in value.items()}
    return _from_scalar(value, epoch=epoch)


def _from_scalar(value: Any, *, epoch: bool) -> Any:
    if isinstance(value, dt.datetime):
        return _milliseconds(value) if epoch else instant(value)
    if isinstance(value, StreamingBody):
        return value.read().decode("utf-8", "replace")
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _milliseconds(moment: dt.datetime) -> int:
    return int(moment.timestamp() * 1000)


def instant(moment: dt.datetime) -> str:
    """Text of a moment as Step Functions prints it: UTC, milliseconds, `Z`."""
    utc = moment.astimezone(dt.UTC)
    return utc.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def _operation(task: Any, service: str | None, action: str | None) -> OperationModel | None:
    return operation_of(service or task.resource.api_name, action or task.resource.api_action)


def _normalise_parameters(
    self: Any,
    parameters: dict[str, Any],
    boto_service_name: str | None = None,
    service_action_name: str | None = None,
) -> None:
    operation = _operation(self, boto_service_name, service_action_name)
    if operation and operation.input_shape:
        request = to_request(dict(parameters), operation.input_shape)
        parameters.clear()
        parameters.update(request)


def _normalise_response(
    self: Any,
    response: Any,
    boto_service_name: str | None = None,
    service_action_name: str | None = None,
) -> None:
    operation = _operation(self, boto_service_name, service_action_name)
    if operation and isinstance(response, dict):
        epoch = self.resource.service_name != "aws-sdk"
        answer = from_response(dict(response), operation.output_shape, epoch=epoch)
        response.clear()
        response.update(answer)


def apply() -> None:
    """Shape what every task sends and gets."""
    task = state_task_service.StateTaskService
    task._normalise_parameters = _normalise_parameters  # noqa: SLF001
    task._normalise_response = _normalise_response  # noqa: SLF001
