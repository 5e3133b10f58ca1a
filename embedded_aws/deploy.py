"""Deploys a `sam build` output as a user would: packages it, creates or updates the stack.

The client's side only: it works through boto3 clients, against the embedded AWS or any other.
"""

import hashlib
import io
import json
import stat
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from samtranslator.yaml_helper import yaml_parse

# What `sam package` uploads, of the types that we package: property and file suffix.
_ARTIFACTS = {
    "AWS::Serverless::Function": ("CodeUri", ".zip"),
    "AWS::Serverless::LayerVersion": ("ContentUri", ".zip"),
    "AWS::Serverless::StateMachine": ("DefinitionUri", ".asl.json"),
}
_CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
_DEADLINE_SECONDS = 900.0
_FIRST_POLL_SECONDS, _LAST_POLL_SECONDS = 0.1, 5.0
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)

ClientFactory = Callable[[str], Any]


class DeployError(Exception):
    """The stack did not come to be; `reasons` has a line for each thing that failed."""

    def __init__(self, reasons: list[str]) -> None:
        """Keep the reasons."""
        super().__init__("; ".join(reasons))
        self.reasons = reasons


def deploy_stack(
    client_factory: ClientFactory,
    template: Path,
    stack: str,
    parameters: dict[str, str],
    bucket: str,
) -> dict[str, str]:
    """Create or update a stack from `.aws-sam/build/template.yaml`; return its outputs.

    `client_factory` makes a boto3 client from a service's name. Artifacts go to `bucket`, which is
    made when it is missing. Raises DeployError; FileNotFoundError for a part of the build that is
    missing.
    """
    s3, cloudformation = client_factory("s3"), client_factory("cloudformation")
    _ensure_bucket(s3, bucket)
    packaged = _package(s3, template, stack, bucket)
    key = _upload(s3, bucket, stack, json.dumps(packaged).encode(), ".template")
    request = {
        "StackName": stack,
        "TemplateURL": f"{s3.meta.endpoint_url}/{bucket}/{key}",
        "Parameters": [
            {"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()
        ],
        "Capabilities": _CAPABILITIES,
    }
    try:
        begun = _begin(cloudformation, stack, request)
    except ClientError as err:
        raise DeployError([err.response["Error"]["Message"]]) from err
    return _outcome(cloudformation, begun)


def _begin(cloudformation: Any, stack: str, request: dict[str, Any]) -> str:
    """Start the work; return the stack's id."""
    try:
        found = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as err:
        if "does not exist" not in err.response["Error"]["Message"]:
            raise
        return str(cloudformation.create_stack(**request)["StackId"])
    try:
        cloudformation.update_stack(**request)
    except ClientError as err:
        if "No updates are to be performed" not in err.response["Error"]["Message"]:
            raise
    return str(found["StackId"])


def _outcome(cloudformation: Any, stack_id: str) -> dict[str, str]:
    deadline = time.monotonic() + _DEADLINE_SECONDS
    pause = _FIRST_POLL_SECONDS
    while True:
        described = cloudformation.describe_stacks(StackName=stack_id)["Stacks"][0]
        status = described["StackStatus"]
        if not status.endswith("_IN_PROGRESS"):
            break
        if time.monotonic() > deadline:
            raise DeployError([f"{stack_id} is still {status} after {_DEADLINE_SECONDS:.0f} s"])
        time.sleep(pause)
        pause = min(pause * 2, _LAST_POLL_SECONDS)
    if status not in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
        raise DeployError([f"{stack_id} is {status}", *_failures(cloudformation, stack_id)])
    return {item["OutputKey"]: item["OutputValue"] for item in described.get("Outputs", [])}


def _failures(cloudformation: Any, stack_id: str) -> list[str]:
    pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack_id)
    return [
        f"{event['LogicalResourceId']} ({event['ResourceType']}): {event['ResourceStatusReason']}"
        for page in pages
        for event in page["StackEvents"]
        if event["ResourceStatus"].endswith("_FAILED") and event.get("ResourceStatusReason")
    ]


def _ensure_bucket(s3: Any, bucket: str) -> None:
    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError as err:
        if err.response["Error"]["Code"] != "404":
            raise DeployError([f"bucket {bucket}: {err.response['Error']['Message']}"]) from err
        region = s3.meta.region_name
        # The oldest region has no name of its own here.
        place = {"LocationConstraint": region} if region != "us-east-1" else None
        more = {"CreateBucketConfiguration": place} if place else {}
        s3.create_bucket(Bucket=bucket, **more)


def _package(s3: Any, template: Path, stack: str, bucket: str) -> dict[str, Any]:
    """Upload the parts that a built template points to; return it with their places in S3."""
    content: dict[str, Any] = yaml_parse(template.read_text())
    uploaded: dict[Path, str] = {}
    for resource in content["Resources"].values():
        name, suffix = _ARTIFACTS.get(resource["Type"], ("", ""))
        place = resource.get("Properties", {}).get(name)
        if not isinstance(place, str) or place.startswith("s3://"):
            continue
        path = (template.parent / place).resolve()
        if path not in uploaded:
            data = _zip(path) if suffix == ".zip" else path.read_bytes()
            uploaded[path] = _upload(s3, bucket, stack, data, suffix)
        resource["Properties"][name] = f"s3://{bucket}/{uploaded[path]}"
    return content


def _upload(s3: Any, bucket: str, stack: str, data: bytes, suffix: str) -> str:
    """Put an object under a name made from its content; return the key."""
    key = f"{stack}/{hashlib.sha256(data).hexdigest()}{suffix}"
    s3.put_object(Bucket=bucket, Key=key, Body=data)
    return key


def _zip(folder: Path) -> bytes:
    """Zip a folder so that equal content makes equal bytes: sorted, undated."""
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}: build the application first")
    buffer = io.BytesIO()
    # Fast rather than small: the bytes do not travel far.
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path in sorted(folder.rglob("*")):
            if not path.is_file() or path.name.endswith(".pyc"):
                continue
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _ZIP_DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            executable = path.stat().st_mode & stat.S_IXUSR
            entry.external_attr = (0o755 if executable else 0o644) << 16
            archive.writestr(entry, path.read_bytes(), compresslevel=1)
    return buffer.getvalue()
