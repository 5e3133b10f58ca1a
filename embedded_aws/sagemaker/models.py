"""Models: an image, or a chain of up to 15, each with its model data and its variables."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from embedded_aws.errors import AwsError
from embedded_aws.sagemaker.platform import Platform
from embedded_aws.sagemaker.records import RecordKind, Records
from embedded_aws.sagemaker.validation import require


@dataclass(frozen=True)
class ContainerSpec:
    """What a serving container is made of. `name` is what AWS's messages call it."""

    name: str
    image: str
    model_data: str | None
    environment: Mapping[str, str]
    place: int | None = None  # in a chain, from 0; None when there is no other


def models(platform: Platform) -> Records:
    """Make the collection of models."""
    return Records(RecordKind("Model", "model", "model"), platform)


def create(records: Records, request: dict[str, Any], platform: Platform) -> dict[str, Any]:
    """Answer CreateModel: images and model data must be there, as on AWS."""
    if bool(request.get("PrimaryContainer")) == bool(request.get("Containers")):
        message = "Exactly one of PrimaryContainer and Containers must be given."
        raise AwsError("ValidationException", message)
    _check_names(request)
    for container in _containers(request):
        require(container, "containerDefinition", "Image")
        platform.runtime.check(container["Image"])
        data = container.get("ModelDataUrl")
        if data and not platform.storage.has(data):
            raise AwsError("ValidationException", f"Could not find model data at {data}.")
    return records.create({"EnableNetworkIsolation": False, **request})


def is_direct(model: Mapping[str, Any]) -> bool:
    """Whether a request names the container that it is for, rather than passing all."""
    config: Mapping[str, Any] = model.get("InferenceExecutionConfig") or {}
    return config.get("Mode") == "Direct"


def chain(model: Mapping[str, Any]) -> list[ContainerSpec]:
    """List a described model's containers, in the order in which a request passes them."""
    containers = _containers(model)
    return [
        ContainerSpec(
            name=_name(container, number, is_primary=bool(model.get("PrimaryContainer"))),
            image=container["Image"],
            model_data=container.get("ModelDataUrl"),
            environment=container.get("Environment") or {},
            place=number - 1 if len(containers) > 1 else None,
        )
        for number, container in enumerate(containers, start=1)
    ]


def _check_names(request: Mapping[str, Any]) -> None:
    """Refuse host names that do not tell containers apart: "Create a multi-container endpoint"."""
    names = [one.get("ContainerHostname") for one in request.get("Containers") or []]
    if is_direct(request) and (len(names) < 2 or None in names):  # noqa: PLR2004
        message = "Direct invocation needs several Containers, each with a ContainerHostname."
        raise AwsError("ValidationException", message)
    given = [name for name in names if name is not None]
    if len(set(given)) < len(given):
        message = "Each of the Containers needs a ContainerHostname of its own."
        raise AwsError("ValidationException", message)


def _name(container: Mapping[str, Any], number: int, *, is_primary: bool) -> str:
    return container.get("ContainerHostname") or (
        "primary" if is_primary else f"container-{number}"
    )


def _containers(model: Mapping[str, Any]) -> list[dict[str, Any]]:
    primary = model.get("PrimaryContainer")
    return [primary] if primary else model.get("Containers") or []
