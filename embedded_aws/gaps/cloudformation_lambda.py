"""Gap: CloudFormation drops most of a function's properties, and a layer's architectures.

Layers, architectures, tracing, tags, storage, dead letters and more are dropped without a word,
a layer's name is, too, and a reference to a layer is no ARN.
"""

import base64
from typing import Any

from moto.awslambda.models import EventSourceMapping, LambdaFunction, LayerVersion, lambda_backends
from moto.core.exceptions import JsonRESTError

from embedded_aws.cloudformation import models

# Lambda's API spells this one in another way than CloudFormation does.
_API_NAMES = {"KmsKeyArn": "KMSKeyArn"}


def apply() -> None:
    """Create functions from all of their properties, and complete layers and mappings."""
    LambdaFunction.create_from_cloudformation_json = classmethod(_create_function)
    LambdaFunction.update_from_cloudformation_json = classmethod(_update_function)
    LayerVersion.update_from_cloudformation_json = classmethod(_replace_layer)
    models.finish(LayerVersion, _complete_layer)
    LayerVersion.cloudformation_name_type = staticmethod(lambda: "LayerName")
    LayerVersion.physical_resource_id = property(lambda layer: layer.arn)
    LayerVersion.delete = lambda layer, account, region: lambda_backends[account][
        region
    ].delete_layer_version(layer.name, layer.version)
    create_mapping = EventSourceMapping.create_from_cloudformation_json

    def create(_: Any, name: str, template: dict[str, Any], *place: Any, **more: Any) -> Any:
        properties = template["Properties"]
        if "Tags" in properties:
            properties["Tags"] = _tags(properties["Tags"])
        return create_mapping(name, template, *place, **more)

    EventSourceMapping.create_from_cloudformation_json = classmethod(create)


def _create_function(
    _: Any, /, name: str, template: dict[str, Any], account: str, region: str, **__: Any
) -> Any:
    function = lambda_backends[account][region].create_function(_spec(name, template["Properties"]))
    if not function.code_bytes:
        code = template["Properties"]["Code"]
        raise JsonRESTError(
            "InvalidParameterValueException",
            f"There is no code at s3://{code.get('S3Bucket')}/{code.get('S3Key')}",
        )
    return function


def _update_function(
    _: Any,
    original_resource: Any,
    new_resource_name: str,
    cloudformation_json: dict[str, Any],
    account_id: str,
    region_name: str,
) -> Any:
    properties = cloudformation_json["Properties"]
    name = original_resource.function_name
    if properties.get("FunctionName", name) != name:
        raise JsonRESTError("NotImplemented", f"Renaming {name} to {new_resource_name}")
    spec = _spec(name, properties)
    # Made anew, for moto's own update drops properties too; its policy and settings stay.
    made = lambda_backends[account_id][region_name].create_function(spec)
    made.policy = original_resource.policy
    made.policy.parent = made
    made.event_invoke_config = original_resource.event_invoke_config
    return made


def _spec(name: str, properties: dict[str, Any]) -> dict[str, Any]:
    spec = {_API_NAMES.get(key, key): value for key, value in properties.items()}
    spec["FunctionName"] = name
    if "ZipFile" in spec["Code"]:
        # CloudFormation's ZipFile is plain source; the API's is a zip file.
        source = LambdaFunction._create_zipfile_from_plaintext_code(spec["Code"]["ZipFile"])  # noqa: SLF001
        spec["Code"] = {"ZipFile": base64.b64encode(source)}
    if "Tags" in spec:
        spec["Tags"] = _tags(spec["Tags"])
    return spec


def _replace_layer(
    cls: Any,
    original_resource: Any,
    _: str,
    cloudformation_json: dict[str, Any],
    account_id: str,
    region_name: str,
) -> Any:
    # The old version stays, for functions that are updated after this still name it.
    name = cloudformation_json["Properties"].get("LayerName", original_resource.name)
    return cls.create_from_cloudformation_json(name, cloudformation_json, account_id, region_name)


def _complete_layer(layer: Any, properties: dict[str, Any], _: str, __: str) -> None:
    layer.compatible_architectures = properties.get("CompatibleArchitectures", [])


def _tags(tags: list[dict[str, str]]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags}
