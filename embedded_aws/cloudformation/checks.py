"""What of a template cannot be applied here, named before anything is created."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from moto.cloudformation import parsing

from embedded_aws.cloudformation.types import SUPPORTED

_SECTIONS = {
    "AWSTemplateFormatVersion",
    "Conditions",
    "Description",
    "Mappings",
    "Metadata",
    "Outputs",
    "Parameters",
    "Resources",
    "Rules",
}
_RESOURCE_ATTRIBUTES = {
    "Condition",
    "DeletionPolicy",
    "DependsOn",
    "Metadata",
    "Properties",
    "Type",
    "UpdateReplacePolicy",
}
_FUNCTIONS = {
    "Fn::Base64",
    "Fn::FindInMap",
    "Fn::GetAtt",
    "Fn::GetAZs",
    "Fn::If",
    "Fn::Join",
    "Fn::Select",
    "Fn::Split",
    "Fn::Sub",
    "Fn::ToJsonString",
}
_CONDITION_FUNCTIONS = {"Fn::And", "Fn::Equals", "Fn::Not", "Fn::Or"}
_PSEUDO_PARAMETERS = {
    "AWS::AccountId",
    "AWS::NoValue",
    "AWS::Partition",
    "AWS::Region",
    "AWS::StackId",
    "AWS::StackName",
    "AWS::URLSuffix",
}
_REF_IN_SUB = re.compile(r"\$\{([\w:]+)\}")
_GET_ATT_IN_SUB = re.compile(r"\$\{(\w+)\.([\w.]+)\}")


def unsupported(template: Mapping[str, Any]) -> list[str]:
    """List what the embedded AWS would not apply; each entry names resource, type and property."""
    found = [f"the section {name} is not supported" for name in template if name not in _SECTIONS]
    resources: Mapping[str, Any] = template.get("Resources") or {}
    known = {*resources, *(template.get("Parameters") or {}), *_PSEUDO_PARAMETERS}
    for section in ("Conditions", "Rules"):
        for name, content in (template.get(section) or {}).items():
            found += [
                f"{section} {name}: {problem}" for problem in _expressions(content, resources)
            ]
    for logical_id, resource in resources.items():
        kind = resource.get("Type")
        where = f"{logical_id} ({kind})"
        if kind not in SUPPORTED:
            found.append(f"{where}: the resource type is not supported")
            continue
        found += [
            f"{where}: the attribute {name} is not supported"
            for name in sorted(resource.keys() - _RESOURCE_ATTRIBUTES)
        ]
        properties = resource.get("Properties") or {}
        found += [
            f"{where}: the property {path} is not supported"
            for path in _unsupported_properties(properties, "", SUPPORTED[kind])
        ]
        found += [f"{where}: {problem}" for problem in _expressions(properties, resources)]
        found += [
            f"{where}: there is no resource or parameter {name}"
            for name in _references(properties)
            if name not in known
        ]
    for name, output in (template.get("Outputs") or {}).items():
        if "Export" in output:
            found.append(f"output {name}: Export is not supported")
        found += [f"output {name}: {problem}" for problem in _expressions(output, resources)]
    return found


def _unsupported_properties(value: Any, path: str, supported: frozenset[str]) -> Iterator[str]:
    if path in supported:
        return
    if path and not any(name.startswith(f"{path}.") for name in supported):
        yield path
    elif isinstance(value, list):
        for item in value:
            yield from _unsupported_properties(item, path, supported)
    elif isinstance(value, Mapping) and "Fn::If" in value:
        for branch in value["Fn::If"][1:]:
            yield from _unsupported_properties(branch, path, supported)
    elif isinstance(value, Mapping) and not _is_intrinsic(value):
        for name, part in value.items():
            yield from _unsupported_properties(part, f"{path}.{name}".lstrip("."), supported)


def _is_intrinsic(value: Mapping[str, Any]) -> bool:
    return len(value) == 1 and next(iter(value)).startswith(("Ref", "Fn::"))


def _expressions(value: Any, resources: Mapping[str, Any]) -> Iterator[str]:
    """Find functions, and attributes of resources, that moto would leave as they are."""
    if isinstance(value, list):
        for item in value:
            yield from _expressions(item, resources)
    if not isinstance(value, Mapping):
        return
    for name, part in value.items():
        if name.startswith("Fn::") and name not in _FUNCTIONS | _CONDITION_FUNCTIONS:
            yield f"the function {name} is not supported"
        if name == "Fn::GetAtt" and isinstance(part, list):
            yield from _attribute(part[0], ".".join(part[1:]), resources)
        if name == "Fn::Sub":
            text = part[0] if isinstance(part, list) else part
            for target, attribute in _GET_ATT_IN_SUB.findall(text):
                yield from _attribute(target, attribute, resources)
        yield from _expressions(part, resources)


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _references(item)
    elif isinstance(value, Mapping):
        for name, part in value.items():
            if name == "Ref" and len(value) == 1:
                yield part
            elif name == "Fn::Sub":
                text, given = part if isinstance(part, list) else (part, {})
                yield from (found for found in _REF_IN_SUB.findall(text) if found not in given)
                yield from _references(given)
            else:
                yield from _references(part)


def _attribute(target: str, attribute: str, resources: Mapping[str, Any]) -> Iterator[str]:
    if target not in resources:
        yield f"there is no resource {target} whose {attribute} could be used"
        return
    model = parsing.resource_class_from_type(resources[target].get("Type", ""))
    if model and not model.has_cfn_attr(attribute):
        yield f"the attribute {attribute} of {target} is not supported"
