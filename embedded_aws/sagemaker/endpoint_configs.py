"""Endpoint configurations: one production variant, on instances or serverless."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from embedded_aws.errors import AwsError
from embedded_aws.sagemaker import models
from embedded_aws.sagemaker.models import ContainerSpec
from embedded_aws.sagemaker.platform import Limits, Platform
from embedded_aws.sagemaker.records import RecordKind, Records
from embedded_aws.sagemaker.runtime import Needs
from embedded_aws.sagemaker.support import not_implemented
from embedded_aws.sagemaker.validation import require

_DEFAULT_WEIGHT = 1.0
_MEMORY_STEP_MB = 1024  # API reference, ProductionVariantServerlessConfig
_MAX_BODY_BYTES = 6_291_456  # InvokeEndpoint's model in botocore
_MAX_SERVERLESS_BODY_BYTES = 4 * 1024 * 1024  # "Invoke a serverless endpoint"


@dataclass(frozen=True)
class Variant:
    """What an endpoint serves with one of its configs: all that its containers need."""

    config: str
    name: str
    containers: tuple[ContainerSpec, ...]
    startup_seconds: float
    max_body_bytes: int
    max_concurrency: int | None
    instances: int | None  # None for a serverless variant
    instance_type: str | None  # the same
    weight: float
    serverless: Mapping[str, Any] | None
    is_direct: bool = False  # a request names its container
    isolated: bool = False  # no network

    @property
    def needs(self) -> Needs:
        """What its containers ask of the machine."""
        memory = self.serverless["MemorySizeInMB"] if self.serverless else None
        return Needs(self.instance_type, memory, isolated=self.isolated)

    def summary(self) -> dict[str, Any]:
        """Tell the variant as DescribeEndpoint's ProductionVariants do, without images."""
        told = {
            "VariantName": self.name,
            "CurrentWeight": self.weight,
            "DesiredWeight": self.weight,
        }
        if self.instances is None:
            return {
                **told,
                "CurrentInstanceCount": 0,
                "CurrentServerlessConfig": self.serverless,
                "DesiredServerlessConfig": self.serverless,
            }
        # One process stands for all instances.
        return {
            **told,
            "CurrentInstanceCount": self.instances,
            "DesiredInstanceCount": self.instances,
        }


def endpoint_configs(platform: Platform) -> Records:
    """Make the collection of endpoint configurations."""
    kind = RecordKind("EndpointConfig", "endpoint-config", "endpoint configuration")
    return Records(kind, platform)


def create(records: Records, request: dict[str, Any], model_records: Records) -> dict[str, Any]:
    """Answer CreateEndpointConfig; the model must be there, as on AWS."""
    variants = request["ProductionVariants"]
    if len(variants) > 1:
        if any(variant.get("ServerlessConfig") for variant in variants):
            message = "An endpoint with a serverless variant can have only this one variant."
            raise AwsError("ValidationException", message)
        raise not_implemented("CreateEndpointConfig with more than one of ProductionVariants")
    require(variants[0], "productionVariants.1.member", "ModelName")
    model = model_records.describe(variants[0]["ModelName"])
    if variants[0].get("ServerlessConfig"):
        _check_serverless(variants[0], model)
    else:
        where = "productionVariants.1.member"
        require(variants[0], where, "InstanceType", "InitialInstanceCount")
    variant = {"InitialVariantWeight": _DEFAULT_WEIGHT, **variants[0]}
    return records.create({**request, "ProductionVariants": [variant]})


def resolve(config: Mapping[str, Any], model_records: Records, limits: Limits) -> Variant:
    """Take all from a described config and its model that it takes to serve.

    Raises AwsError when the model is gone.
    """
    variant = config["ProductionVariants"][0]
    serverless = variant.get("ServerlessConfig")
    model = model_records.describe(variant["ModelName"])
    startup = limits.serverless_startup if serverless else limits.startup
    return Variant(
        config=config["EndpointConfigName"],
        name=variant["VariantName"],
        containers=tuple(models.chain(model)),
        is_direct=models.is_direct(model),
        startup_seconds=variant.get("ContainerStartupHealthCheckTimeoutInSeconds") or startup,
        max_body_bytes=_MAX_SERVERLESS_BODY_BYTES if serverless else _MAX_BODY_BYTES,
        max_concurrency=serverless["MaxConcurrency"] if serverless else None,
        instances=None if serverless else variant["InitialInstanceCount"],
        instance_type=None if serverless else variant["InstanceType"],
        weight=variant["InitialVariantWeight"],
        serverless=serverless,
        isolated=model["EnableNetworkIsolation"],
    )


def check_conversion(old: Variant, new: Variant) -> None:
    """Refuse the way that AWS's endpoints cannot go: "Deploy models with Serverless Inference"."""
    if old.instances is not None and new.instances is None:
        message = "You cannot convert an instance-based endpoint to a serverless endpoint."
        raise AwsError("ValidationException", message)


def _check_serverless(variant: Mapping[str, Any], model: Mapping[str, Any]) -> None:
    """Refuse what AWS's serverless endpoints do not take: "Serverless endpoints", exclusions."""
    memory = variant["ServerlessConfig"]["MemorySizeInMB"]
    if memory % _MEMORY_STEP_MB:
        message = f"MemorySizeInMB {memory} is not valid: it comes in steps of {_MEMORY_STEP_MB}."
        raise AwsError("ValidationException", message)
    excluded = [
        what
        for what, is_there in (
            ("InstanceType", variant.get("InstanceType")),
            ("InitialInstanceCount", variant.get("InitialInstanceCount")),
            ("a model with VpcConfig", model.get("VpcConfig")),
            ("a model with network isolation", model["EnableNetworkIsolation"]),
            ("a model of several containers", len(model.get("Containers") or []) > 1),
        )
        if is_there
    ]
    if excluded:
        message = f"A serverless variant does not support {', '.join(excluded)}."
        raise AwsError("ValidationException", message)
