"""`dropforge function invoke`: run one Lambda function of the stack."""

import json
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from dropforge.documents import read_document
from dropforge.errors import InputError
from dropforge.target import Target

_FUNCTION = "AWS::Lambda::Function"


@dataclass(frozen=True)
class Invocation:
    """What a function answered; `failed` when that is the document of an error."""

    answer: Any
    failed: bool


def read_event(source: str | None) -> bytes:
    """Read an event from a file, from stdin for `-`, or the empty event, as `sam local invoke`.

    Raises:
        InputError: the file cannot be read, or is no JSON.
    """
    if source is None:
        return b"{}"
    return b"{}" if source is None else read_document(source)


def invoke(target: Target, name: str, event: bytes) -> Invocation:
    """Invoke the function with this logical id and wait for its answer.

    Raises:
        InputError: the stack has no such function.
    """
    answer = target.client("lambda").invoke(FunctionName=_physical(target, name), Payload=event)
    payload = answer["Payload"].read()
    try:
        document = json.loads(payload) if payload else None
    except ValueError:
        document = payload.decode(errors="replace")
    return Invocation(document, failed="FunctionError" in answer)


def _physical(target: Target, name: str) -> str:
    # The outputs tell first whether there is such a stack at all.
    target.output("LedgerTableName")
    try:
        found = target.cloudformation.describe_stack_resource(
            StackName=target.stack, LogicalResourceId=name
        )["StackResourceDetail"]
    except ClientError as err:
        if err.response["Error"]["Code"] != "ValidationError":
            raise
        raise InputError(_unknown(target, name)) from err
    if found["ResourceType"] != _FUNCTION:
        raise InputError(_unknown(target, name))
    return found["PhysicalResourceId"]


def _unknown(target: Target, name: str) -> str:
    pages = target.cloudformation.get_paginator("list_stack_resources").paginate(
        StackName=target.stack
    )
    known = sorted(
        resource["LogicalResourceId"]
        for page in pages
        for resource in page["StackResourceSummaries"]
        if resource["ResourceType"] == _FUNCTION
    )
    return f"Stack {target.stack} has no function {name!r}; it has: {', '.join(known)}."
