"""Reads a template's text: YAML with CloudFormation's tags, or JSON; SAM is translated."""

from collections.abc import Mapping
from typing import Any

import boto3
import yaml
from moto.cloudformation.exceptions import ValidationError
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

_SAM = "AWS::Serverless-2016-10-31"


def read(text: str) -> dict[str, Any]:
    """Read a template as it was written; raises ValidationError for what is no template."""
    try:
        template = yaml_parse(text)
    except yaml.YAMLError as err:
        raise ValidationError(message=f"Template format error: {err}") from err
    if not isinstance(template, dict):
        raise ValidationError(message="Template format error: not a mapping")
    return template


def translate(text: str, parameters: Mapping[str, Any], region: str) -> dict[str, Any]:
    """Read a template and put plain resources in the place of SAM's.

    `parameters` are the values given for the stack. Raises ValidationError.
    """
    template = read(text)
    transforms = template.get("Transform", [])
    transforms = [transforms] if isinstance(transforms, str) else transforms
    if any(transform != _SAM for transform in transforms):
        raise ValidationError(message=f"The embedded AWS supports no transform but {_SAM}")
    if not transforms:
        return template
    translator = Translator(None, Parser(), boto_session=boto3.Session(region_name=region))
    try:
        plain: dict[str, Any] = translator.translate(template, dict(parameters))
    except InvalidDocumentException as err:
        causes = "; ".join(cause.message for cause in err.causes)
        raise ValidationError(
            message=f"Transform {_SAM} failed with: {err.message} {causes}"
        ) from err
    plain.pop("Transform", None)
    return plain
