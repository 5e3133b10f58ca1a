"""Gap: moto's Lambda forgets dead letters, and takes event sources that nobody reads.

A function's DeadLetterConfig is not kept. An event source mapping is accepted whatever it asks
for, and its queue then calls moto's own Invoke in the middle of SendMessage. Here the setting is
kept, a mapping is checked as AWS checks it, and the queue is left to our poller. What we cannot do
is refused by name. Whoever wants to hears of new functions.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from embedded_aws.functions.moto_sqs import changes

_SUPPORTED = {
    "AccountId",  # moto's own
    "BatchSize",
    "Enabled",
    "EventSourceArn",
    "FunctionArn",  # moto's own
    "FunctionName",
    "FunctionResponseTypes",
    "MaximumBatchingWindowInSeconds",
    "RegionName",  # moto's own
    "ScalingConfig",
    "Tags",
    "UUID",
}
_ARN_COLONS = 5  # at least
_MAX_BATCH_WITHOUT_WINDOW = 10
_CONCURRENCY = range(2, 1001)


# Called with the name of each new function.
created: list[Callable[[str], None]] = []


def apply() -> None:
    """Close the gap; a second call changes nothing."""
    from moto.awslambda.models import LambdaBackend, LambdaFunction  # noqa: PLC0415

    if hasattr(LambdaFunction, "dead_letter_target"):
        return
    LambdaFunction.dead_letter_target = None
    LambdaFunction.__init__ = _keeping_dead_letter(LambdaFunction.__init__, spec_at=1)
    LambdaFunction.update_configuration = _keeping_dead_letter(
        LambdaFunction.update_configuration, spec_at=0
    )
    LambdaBackend.create_function = _announced(LambdaBackend.create_function)
    LambdaBackend.put_function_event_invoke_config = _checked_destinations(
        LambdaBackend.put_function_event_invoke_config
    )
    LambdaBackend.create_event_source_mapping = _checked_create(
        LambdaBackend.create_event_source_mapping
    )
    LambdaBackend.update_event_source_mapping = _checked_update(
        LambdaBackend.update_event_source_mapping
    )


def _announced(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def create_function(self: Any, spec: dict[str, Any]) -> Any:
        function = original(self, spec)
        for tell in tuple(created):
            tell(function.function_name)
        return function

    return create_function


def _keeping_dead_letter(original: Callable[..., Any], spec_at: int) -> Callable[..., Any]:
    @wraps(original)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        spec = kwargs.get("spec") or args[spec_at]
        target = (spec.get("DeadLetterConfig") or {}).get("TargetArn")
        _refuse_other_targets(target, {"sqs"})
        result = original(self, *args, **kwargs)
        if "DeadLetterConfig" in spec:
            self.dead_letter_target = target
        return result

    return method


def _checked_destinations(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def put_function_event_invoke_config(self: Any, name: str, config: dict[str, Any]) -> Any:
        for destination in (config.get("DestinationConfig") or {}).values():
            _refuse_other_targets(destination.get("Destination"), {"lambda", "sqs"})
        return original(self, name, config)

    return put_function_event_invoke_config


def _refuse_other_targets(arn: str | None, services: set[str]) -> None:
    if arn and (arn.count(":") < _ARN_COLONS or arn.split(":")[2] not in services):
        known = " and ".join(sorted(services))
        raise _invalid(f"the embedded AWS does not support the target {arn}, only {known}")


def _checked_create(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def create_event_source_mapping(self: Any, spec: dict[str, Any]) -> Any:
        from moto.sqs.models import sqs_backends  # noqa: PLC0415

        source = str(spec.get("EventSourceArn", ""))
        _refuse_unsupported(source, spec)
        _normalise(spec)
        queues = sqs_backends[self.account_id][self.region_name].queues.values()
        queue = next((queue for queue in queues if queue.queue_arn == source), None)
        function = self.get_function(spec.get("FunctionName", ""))
        if queue:
            _check_visibility(queue, function)
        mapping = original(self, spec)
        if queue:
            queue.lambda_event_source_mappings.clear()
        changes.announce()
        return mapping

    return create_event_source_mapping


def _checked_update(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def update_event_source_mapping(self: Any, uuid: str, spec: dict[str, Any]) -> Any:
        mapping = self.get_event_source_mapping(uuid)
        if mapping:
            _refuse_unsupported(mapping.event_source_arn, spec)
            before = {
                "BatchSize": mapping.batch_size,
                "MaximumBatchingWindowInSeconds": mapping.max_batch_window,
            }
            merged = before | spec
            _normalise(merged)
            spec.update({name: merged[name] for name in spec})
        updated = original(self, uuid, spec)
        changes.announce()
        return updated

    return update_event_source_mapping


def _refuse_unsupported(source: str, spec: dict[str, Any]) -> None:
    service = source.split(":")[2] if source.count(":") > 1 else source
    if service != "sqs" or source.endswith(".fifo"):
        kind = "FIFO queues" if service == "sqs" else f"{service or 'no'} event sources"
        raise _invalid(f"the embedded AWS does not support {kind}, only standard SQS queues")
    unsupported = sorted(name for name in spec.keys() - _SUPPORTED if spec[name])
    if unsupported:
        raise _invalid(f"the embedded AWS does not support {', '.join(unsupported)} of a mapping")


def _normalise(spec: dict[str, Any]) -> None:
    """Numbers for the numbers that CloudFormation brings as text, within AWS's limits."""
    for name in ("BatchSize", "MaximumBatchingWindowInSeconds"):
        if spec.get(name) is not None:
            spec[name] = int(spec[name])
    if isinstance(spec.get("Enabled"), str):
        spec["Enabled"] = spec["Enabled"].lower() == "true"
    window = spec.get("MaximumBatchingWindowInSeconds") or 0
    if (spec.get("BatchSize") or 0) > _MAX_BATCH_WITHOUT_WINDOW and window < 1:
        raise _invalid(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is "
            f"greater than {_MAX_BATCH_WITHOUT_WINDOW}"
        )
    concurrency = (spec.get("ScalingConfig") or {}).get("MaximumConcurrency")
    if concurrency is not None and int(concurrency) not in _CONCURRENCY:
        raise _invalid("MaximumConcurrency must be between 2 and 1000")


def _check_visibility(queue: Any, function: Any) -> None:
    if int(queue.visibility_timeout) < int(function.timeout):
        raise _invalid(
            f"Queue visibility timeout: {queue.visibility_timeout} seconds is less than Function "
            f"timeout: {function.timeout} seconds"
        )


def _invalid(message: str) -> Exception:
    from moto.core.exceptions import JsonRESTError  # noqa: PLC0415

    error: Exception = JsonRESTError("InvalidParameterValueException", message)
    return error
