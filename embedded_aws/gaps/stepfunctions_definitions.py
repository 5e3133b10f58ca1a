"""Gap (moto 5.2.5): definitions that AWS refuses are accepted.

Missing targets, unreachable states, fields that a state type does not have (moto ignores them),
broken JSONata, parameters that an integration does not have: CreateStateMachine and
UpdateStateMachine refuse them here with `InvalidDefinition`, which says what and where. So are
machines that moto would run otherwise than AWS: Distributed Map and type EXPRESS.
"""

import json
from collections.abc import Iterator
from typing import Any, NoReturn

from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.resource import (
    Resource,
    ServiceResource,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.state_task_factory import (
    state_task_for,
)
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.models import StepFunctionsParserBackend

from embedded_aws.gaps.stepfunctions_failures import api_error
from embedded_aws.gaps.stepfunctions_jsonata import QueryError, check
from embedded_aws.gaps.stepfunctions_services import operation_of
from embedded_aws.gaps.stepfunctions_shapes import sdk_name

_create = StepFunctionsParserBackend.create_state_machine
_LONGEST_NAME = 80
_LARGEST_DEFINITION_BYTES = 1024 * 1024
_FLOW = {"Next", "End", "Output", "Assign"}
_HANDLING = {"Retry", "Catch"}
# Fields of JSONata states. Source: Amazon States Language in the Step Functions developer guide.
_FIELDS = {
    "Pass": _FLOW,
    "Task": _FLOW | _HANDLING | {"Resource", "Arguments", "TimeoutSeconds", "HeartbeatSeconds"},
    "Choice": {"Choices", "Default", "Output", "Assign"},
    "Wait": _FLOW | {"Seconds", "Timestamp"},
    "Succeed": {"Output"},
    "Fail": {"Error", "Cause"},
    "Parallel": _FLOW | _HANDLING | {"Branches", "Arguments"},
    # Inline, not Distributed.
    "Map": _FLOW | _HANDLING | {"Items", "ItemProcessor", "ItemSelector", "MaxConcurrency"},
}
_NOT_EVALUATED = {"Branches", "ItemProcessor", "Next", "End", "Default", "Resource"}
_EVALUATED = set().union(*_FIELDS.values()) - _NOT_EVALUATED
_ENDINGS = ("Succeed", "Fail", "Choice")


class _Problem(Exception):  # noqa: N818 - it is the finding itself
    pass


def _refuse(what: str, where: str) -> NoReturn:
    msg = f"SCHEMA_VALIDATION_FAILED: {what} at {where or '/'}"
    raise _Problem(msg)


def _check_machine(machine: dict[str, Any], where: str, language: str) -> None:
    for field in ("StartAt", "States"):
        if field not in machine:
            _refuse(f"These fields are required: [{field}]", where)
    states: dict[str, Any] = machine["States"]
    for name, state in states.items():
        if not isinstance(state, dict):
            _refuse("A state must be an object", f"{where}/States/{name}")
        if len(name) > _LONGEST_NAME:
            _refuse(f"A state's name has at most {_LONGEST_NAME} characters", f"{where}/States")
        _check_state(state, f"{where}/States/{name}", state.get("QueryLanguage", language))
    _check_reach(machine["StartAt"], states, where)


def _check_reach(start: str, states: dict[str, Any], where: str) -> None:
    reached: set[str] = set()
    waiting = [(start, "StartAt")]
    while waiting:
        name, source = waiting.pop()
        if name not in states:
            _refuse(f"Missing 'Next' target: {name}", f"{where}/{source}")
        if name not in reached:
            reached.add(name)
            waiting += [(target, f"States/{name}") for target in _targets(states[name])]
    unreachable = sorted(set(states) - reached)
    if unreachable:
        _refuse(f'State "{unreachable[0]}" is not reachable.', f"{where}/States/{unreachable[0]}")


def _targets(state: dict[str, Any]) -> list[str]:
    holders = [state, *state.get("Catch", []), *state.get("Choices", [])]
    named = [holder.get("Next") for holder in holders] + [state.get("Default")]
    return [name for name in named if name is not None]


def _check_state(state: dict[str, Any], where: str, language: str) -> None:
    kind = state.get("Type")
    if kind not in _FIELDS:
        _refuse(f"The state type '{kind}' is not supported", f"{where}/Type")
    if kind not in _ENDINGS and not (state.get("Next") or state.get("End")):
        _refuse("One of [Next, End] is required", where)
    _check_last_wildcard(state, where)
    _check_supported(state, where)
    if language == "JSONata":
        unknown = sorted(set(state) - _FIELDS[kind] - {"Type", "Comment", "QueryLanguage"})
        if unknown:
            _refuse(f"Field '{unknown[0]}' is not supported for a {kind} state", where)
        _check_names(state, where)
        for path, text in _texts({key: state[key] for key in _EVALUATED & set(state)}, where):
            _check_text(text, path)
    if kind == "Task":
        _check_task(state, where)
    for index, branch in enumerate(state.get("Branches", [])):
        _check_machine(branch, f"{where}/Branches[{index}]", language)
    if "ItemProcessor" in state:
        _check_machine(state["ItemProcessor"], f"{where}/ItemProcessor", language)


def _check_supported(state: dict[str, Any], where: str) -> None:
    if "Credentials" in state:
        _refuse("The embedded AWS does not support 'Credentials'", where)
    mode = state.get("ItemProcessor", {}).get("ProcessorConfig", {}).get("Mode", "INLINE")
    if mode != "INLINE":
        # moto drops what its failed items say, and knows no child executions.
        _refuse(f"The embedded AWS does not support a Map in mode {mode}", f"{where}/ItemProcessor")


def _check_last_wildcard(state: dict[str, Any], where: str) -> None:
    for field in _HANDLING:
        handlers = state.get(field, [])
        for index, handler in enumerate(handlers):
            errors = handler.get("ErrorEquals", [])
            is_last = index == len(handlers) - 1
            if "States.ALL" in errors and not (is_last and len(errors) == 1):
                _refuse(
                    "States.ALL must appear alone and in the last entry",
                    f"{where}/{field}[{index}]",
                )


def _check_names(state: dict[str, Any], where: str) -> None:
    for holder in (state, *state.get("Catch", []), *state.get("Choices", [])):
        for name in holder.get("Assign", {}):
            if not name.isidentifier() or name == "states" or len(name) > _LONGEST_NAME:
                _refuse(f"'{name}' cannot be the name of a variable", f"{where}/Assign")


def _texts(value: Any, where: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, f"{where}/{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, f"{where}[{index}]")


def _check_text(text: str, where: str) -> None:
    if text.startswith("{%") != text.endswith("%}"):
        _refuse("A JSONata expression must start with '{%' and end with '%}'", where)
    if text.startswith("{%"):
        try:
            check(text[2:-2].strip())
        except QueryError as err:
            _refuse(f"The JSONata expression is not valid: {err}", where)


def _check_task(state: dict[str, Any], where: str) -> None:
    resource = Resource.from_resource_arn(state.get("Resource", ""))
    if resource is None:
        _refuse(f"The resource '{state.get('Resource')}' is not supported", f"{where}/Resource")
    if not isinstance(resource, ServiceResource):
        return
    arguments = state.get("Arguments")
    task = state_task_for(resource)
    task.resource = resource
    known = task._get_supported_parameters()  # noqa: SLF001
    if known is None and resource.service_name == "aws-sdk":
        operation = operation_of(resource.api_name, resource.api_action)
        members = operation.input_shape.members if operation and operation.input_shape else ()
        known = {sdk_name(name) for name in members} | set(members)
    for name in arguments if isinstance(arguments, dict) and known is not None else ():
        if name not in known:
            _refuse(f"The field '{name}' is not supported by Step Functions", f"{where}/Arguments")


def validate(definition: str) -> None:
    """Refuse a definition that AWS would refuse, as far as can be seen.

    Raises:
        AWSError: `InvalidDefinition`, with what is wrong and where.
    """
    try:
        if len(definition.encode()) > _LARGEST_DEFINITION_BYTES:
            _refuse("Definition must be at most 1 MB", "")
        machine = json.loads(definition)
        if not isinstance(machine, dict):
            _refuse("Definition must be a valid JSON object", "")
        AmazonStateLanguageParser.parse(definition)
        _check_machine(machine, "", machine.get("QueryLanguage", "JSONPath"))
    except Exception as err:  # the parser raises what it likes
        what = str(err) or type(err).__name__
        msg = f"Invalid State Machine Definition: '{what}'"
        raise api_error("InvalidDefinition", msg) from err


def _create_standard(self: Any, *args: Any, sm_type: str | None = None, **kwargs: Any) -> Any:
    if sm_type == "EXPRESS":
        msg = "The embedded AWS supports state machines of type STANDARD only"
        raise api_error("StateMachineTypeNotSupported", msg)
    return _create(self, *args, sm_type=sm_type, **kwargs)


def apply() -> None:
    """Check every definition before it is kept."""
    StepFunctionsParserBackend.create_state_machine = _create_standard
    StepFunctionsParserBackend._validate_definition = staticmethod(validate)  # noqa: SLF001
