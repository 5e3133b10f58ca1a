"""What moto's Lambda records say about a function, checked for what we can run."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from embedded_aws.errors import AwsError
from embedded_aws.settings import Settings

RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"


@dataclass(frozen=True)
class Archive:
    """A zip file of code: its bytes and the hash that names them."""

    digest: str
    content: bytes


@dataclass(frozen=True)
class FunctionRecord:
    """All that an execution environment is made from; two equal records can share one."""

    name: str
    arn: str
    version: str
    handler: str
    timeout_seconds: int
    memory_mib: int
    variables: tuple[tuple[str, str], ...]
    code: Archive
    layers: tuple[Archive, ...]


@dataclass(frozen=True)
class AsyncSettings:
    """What happens to an asynchronous invocation that fails, or succeeds."""

    retries: int
    age_seconds: int
    dead_letter: str | None
    on_failure: str | None
    on_success: str | None


def backend(settings: Settings) -> Any:
    """Moto's Lambda backend (imported only now: moto takes most of a second)."""
    from moto.awslambda.models import lambda_backends  # noqa: PLC0415

    return lambda_backends[settings.account][settings.region]


def find(settings: Settings, function: str) -> FunctionRecord:
    """The record of a function, given by name or ARN, with or without a qualifier.

    Raises AwsError: ResourceNotFoundException; InvalidRuntimeException for what cannot run here.
    """
    found = _moto_function(settings, function)
    _refuse_what_cannot_run(found)
    return FunctionRecord(
        name=found.function_name,
        arn=found.function_arn,
        version=str(found.version),
        handler=found.handler,
        timeout_seconds=int(found.timeout),
        memory_mib=int(found.memory_size),
        variables=_variables(found.environment_vars),
        code=_archive(found),
        layers=tuple(_layer(settings, layer["Arn"]) for layer in found.layers),
    )


def reserved_concurrency(settings: Settings, function: str) -> int | None:
    """How many invocations of the function may run at once; None: no limit of its own."""
    reserved = _moto_function(settings, function).reserved_concurrency
    return None if reserved is None else int(reserved)


def async_settings(settings: Settings, function: str) -> AsyncSettings:
    """The function's asynchronous settings: EventInvokeConfig and DeadLetterConfig."""
    found = _moto_function(settings, function)
    config = found.event_invoke_config[-1].config if found.event_invoke_config else {}
    destinations = config.get("DestinationConfig") or {}
    return AsyncSettings(
        retries=int(config.get("MaximumRetryAttempts", 2)),
        age_seconds=int(config.get("MaximumEventAgeInSeconds", 6 * 3600)),
        dead_letter=found.dead_letter_target,
        on_failure=(destinations.get("OnFailure") or {}).get("Destination"),
        on_success=(destinations.get("OnSuccess") or {}).get("Destination"),
    )


def _moto_function(settings: Settings, function: str) -> Any:
    from moto.awslambda.exceptions import UnknownFunctionException  # noqa: PLC0415

    # A partial ARN, 123456789012:function:name, is the one form that moto does not know.
    name = function if function.startswith("arn:") else function.rpartition(":function:")[2]
    try:
        return backend(settings).get_function(name)
    except UnknownFunctionException as err:
        raise AwsError("ResourceNotFoundException", err.message, 404) from err


def _refuse_what_cannot_run(found: Any) -> None:
    if found.package_type != "Zip":
        raise AwsError(
            "InvalidRuntimeException",
            f"{found.function_name}: package type {found.package_type} is not supported here",
            502,
        )
    if found.run_time != RUNTIME:
        raise AwsError(
            "InvalidRuntimeException",
            f"{found.function_name}: runtime {found.run_time} is not supported here ({RUNTIME} is)",
            502,
        )


def _variables(variables: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    # CloudFormation leaves a number parameter a number.
    return tuple(sorted((name, str(value)) for name, value in variables.items()))


def _layer(settings: Settings, arn: str) -> Archive:
    return _archive(backend(settings).layers_versions_by_arn(arn))


def _archive(holder: Any) -> Archive:
    if not holder.code_bytes:
        raise AwsError("CodeArtifactUserFailedException", "the code's S3 object is missing", 502)
    return Archive(holder.code_digest, holder.code_bytes)
