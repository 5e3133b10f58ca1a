"""Which AWS services and operations a Resource ARN of a Task state can name.

A state machine names a service by its service id without spaces, in small letters
(`sagemakerruntime`), botocore by its own name (`sagemaker-runtime`).
"""

import functools
import re

import botocore.session
from botocore.model import OperationModel, ServiceModel

# Service ids that botocore's names do not resemble.
_BOTOCORE_NAMES = {
    "applicationdiscovery": "discovery",
    "cloudwatchevents": "events",
    "cloudwatchlogs": "logs",
    "cognitoidentityprovider": "cognito-idp",
    "costexplorer": "ce",
    "elasticloadbalancing": "elb",
    "elasticloadbalancingv2": "elbv2",
    "eventbridge": "events",
    "sfn": "stepfunctions",
    "states": "stepfunctions",
}
_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
# One for all: it keeps the API models that it has read (SageMaker's takes 0.3 s).
session = botocore.session.Session()


@functools.cache
def botocore_name(service: str) -> str | None:
    """Botocore's name of a service as a state machine names it; None when there is none."""
    if service in _BOTOCORE_NAMES:
        return _BOTOCORE_NAMES[service]
    for name in session.get_available_services():
        if name.replace("-", "") == service:
            return str(name)
    return None


@functools.cache
def service_model(service: str) -> ServiceModel | None:
    """Botocore's model of a service as a state machine names it."""
    name = botocore_name(service)
    return session.get_service_model(name) if name else None


@functools.cache
def operation_of(service: str, action: str) -> OperationModel | None:
    """Botocore's model of an operation: ("s3", "getObject") gives S3's GetObject."""
    model = service_model(service)
    name = action[:1].upper() + action[1:]
    if model is None or name not in model.operation_names:
        return None
    return model.operation_model(name)


def error_prefix(service: str) -> str:
    """Service's name in the errors of SDK integrations, as the AWS SDK for Java spells it.

    "DynamoDB" gives `DynamoDb`, "SageMaker" stays, "SFN" gives `Sfn`.
    """
    model = service_model(service)
    identifier = str(model.service_id) if model else service
    return "".join(word.capitalize() for word in _WORDS.findall(identifier))
