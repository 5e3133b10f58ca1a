"""The model registry: groups of model packages, and the packages, which are numbered versions.

Sources: API reference, CreateModelPackage, UpdateModelPackage, ListModelPackages and their
neighbours; developer guide, "Model Registration Deployment with Model Registry" and the event
"SageMaker Model Package State Change"; messages as clients report them. How AWS words the refusal
of a group that still has versions, of tags and of a token that is used twice is not known.
"""

import copy
import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from embedded_aws.errors import AwsError
from embedded_aws.sagemaker import listing
from embedded_aws.sagemaker.platform import Platform, now
from embedded_aws.sagemaker.validation import require

_DETAIL_TYPE = "SageMaker Model Package State Change"
# What the documented event tells of a version of a group.
_TOLD = (
    "ModelPackageGroupName",
    "ModelPackageVersion",
    "ModelPackageArn",
    "ModelPackageDescription",
    "CreationTime",
    "InferenceSpecification",
    "ModelPackageStatus",
    "ModelPackageStatusDetails",
    "CertifyForMarketplace",
    "ModelApprovalStatus",
    "MetadataProperties",
    "ModelMetrics",
    "LastModifiedTime",
    "ApprovalDescription",
)
_MOST_PROPERTIES = 50  # CustomerMetadataProperties in the API reference

type Request = dict[str, Any]


@dataclass
class _Group:
    description: Request
    next_version: int = 1  # rises for ever: a deleted version's number is not used again
    versions: dict[int, Request] = field(default_factory=dict)


@dataclass(frozen=True)
class _Done:
    """What a client token was used for."""

    request: Request
    answer: Request


class ModelPackages:
    """All groups and their versions; thread safe."""

    def __init__(self, platform: Platform) -> None:
        """Start with none."""
        self._platform = platform
        self._lock = threading.RLock()
        self._groups: dict[str, _Group] = {}
        self._tokens: dict[str, _Done] = {}

    def create_group(self, request: Request) -> Request:
        """Answer CreateModelPackageGroup."""
        name = request["ModelPackageGroupName"]
        arn = self._platform.arn("model-package-group", name)
        with self._lock:
            if arn in self._groups:
                message = f"Model Package Group already exists: {arn}"
                raise AwsError("ValidationException", message)
            asked = {key: value for key, value in request.items() if key != "Tags"}
            description = {
                **copy.deepcopy(asked),
                "ModelPackageGroupArn": arn,
                "CreationTime": now(),
                "CreatedBy": {},
                "ModelPackageGroupStatus": "Completed",
            }
            self._groups[arn] = _Group(description)
            self._platform.tags.start(arn, request.get("Tags"))
        return {"ModelPackageGroupArn": arn}

    def describe_group(self, request: Request) -> Request:
        """Answer DescribeModelPackageGroup."""
        with self._lock:
            return copy.deepcopy(self._group(request["ModelPackageGroupName"]).description)

    def delete_group(self, request: Request) -> None:
        """Answer DeleteModelPackageGroup; a group that still has versions stays."""
        with self._lock:
            group = self._group(request["ModelPackageGroupName"])
            arn = group.description["ModelPackageGroupArn"]
            if group.versions:
                message = f"Model Package Group {arn} still contains Model Packages."
                raise AwsError("ConflictException", message)
            del self._groups[arn]
            self._platform.tags.forget(arn)

    def list_groups(self, request: Request) -> Request:
        """Answer ListModelPackageGroups."""
        with self._lock:
            groups = [copy.deepcopy(group.description) for group in self._groups.values()]
        return listing.MODEL_PACKAGE_GROUPS.page(groups, request)

    def create(self, request: Request) -> Request:
        """Answer CreateModelPackage: register a version in a group."""
        require(request, "", "ModelPackageGroupName")
        with self._lock:
            before = self._answered("CreateModelPackage", request)
            if before:
                return before
            group = self._group(request["ModelPackageGroupName"])
            self._check(request)
            version = _version(group, request)
            group.versions[group.next_version] = version
            group.next_version += 1
            answer = {"ModelPackageArn": version["ModelPackageArn"]}
            self._remember("CreateModelPackage", request, answer)
            self._announce(version)
        return answer

    def describe(self, request: Request) -> Request:
        """Answer DescribeModelPackage; a version is named by ARN, or by group and number."""
        with self._lock:
            _, _, version = self._version(request["ModelPackageName"])
            return copy.deepcopy(version)

    def update(self, request: Request) -> Request:
        """Answer UpdateModelPackage."""
        with self._lock:
            before = self._answered("UpdateModelPackage", request)
            if before:
                return before
            _, _, version = self._version(request["ModelPackageArn"])
            properties = _properties(version, request)
            status = version["ModelApprovalStatus"]
            for name in ("ModelApprovalStatus", "ApprovalDescription"):
                if name in request:
                    version[name] = request[name]
            if properties:
                version["CustomerMetadataProperties"] = properties
            else:
                version.pop("CustomerMetadataProperties", None)
            version["LastModifiedTime"] = now()
            version["LastModifiedBy"] = {}
            answer = {"ModelPackageArn": version["ModelPackageArn"]}
            self._remember("UpdateModelPackage", request, answer)
            if version["ModelApprovalStatus"] != status:
                self._announce(version)
        return answer

    def delete(self, request: Request) -> None:
        """Answer DeleteModelPackage."""
        with self._lock:
            group, number, _ = self._version(request["ModelPackageName"])
            del group.versions[number]

    def list(self, request: Request) -> Request:
        """Answer ListModelPackages. Without a group or a type AWS lists unversioned ones: none."""
        name = request.get("ModelPackageGroupName")
        kind = request.get("ModelPackageType") or ("Versioned" if name else "Unversioned")
        wanted = request.get("ModelApprovalStatus")
        with self._lock:
            groups = [self._group(name)] if name else list(self._groups.values())
            found = [
                copy.deepcopy(version)
                for group in groups
                for version in group.versions.values()
                if kind != "Unversioned" and wanted in (None, version["ModelApprovalStatus"])
            ]
        return listing.MODEL_PACKAGES.page(found, request)

    def _group(self, name: str) -> _Group:
        arn = self._platform.arn("model-package-group", name.rpartition("/")[2])
        group = self._groups.get(arn)
        if group is None or (name.startswith("arn:") and name.lower() != arn):
            missing = name if name.startswith("arn:") else arn
            raise AwsError("ValidationException", f"ModelPackageGroup {missing} does not exist.")
        return group

    def _version(self, name: str) -> tuple[_Group, int, Request]:
        path = name.partition(":model-package/")[2] if name.startswith("arn:") else name
        group_name, _, number = path.partition("/")
        arn = self._platform.arn("model-package", path)
        group = self._groups.get(self._platform.arn("model-package-group", group_name))
        version = group.versions.get(int(number)) if group and number.isdigit() else None
        if not (group and version) or (name.startswith("arn:") and name.lower() != arn):
            missing = name if name.startswith("arn:") else arn
            raise AwsError("ValidationException", f"ModelPackage {missing} does not exist.")
        return group, int(number), version

    def _check(self, request: Request) -> None:
        """Check what SageMaker checks before it registers: images and model data are there."""
        if request.get("Tags"):
            raise AwsError(
                "ValidationException",
                "Tags cannot be given for a version of a model package group:"
                " it has the tags of its group.",
            )
        for container in (request.get("InferenceSpecification") or {}).get("Containers") or []:
            where = "inferenceSpecification.containers.member"
            require(container, where, "Image")
            self._platform.runtime.check(container["Image"])
            data = container.get("ModelDataUrl")
            if data and not self._platform.storage.has(data):
                raise AwsError("ValidationException", f"Could not find model data at {data}.")

    def _answered(self, operation: str, request: Request) -> Request | None:
        """Give the answer that a request with this client token already had."""
        done = self._tokens.get(f"{operation} {request.get('ClientToken')}")
        if done and done.request != request:
            raise AwsError(
                "ValidationException",
                f"The client token {request['ClientToken']} was used for another request.",
            )
        return done.answer if done else None

    def _remember(self, operation: str, request: Request, answer: Request) -> None:
        if "ClientToken" in request:
            self._tokens[f"{operation} {request['ClientToken']}"] = _Done(request, answer)

    def _announce(self, version: Request) -> None:
        # Unlike other events of SageMaker's, this one has its times as text, and no tags.
        detail = {name: _as_told(version[name]) for name in _TOLD if name in version}
        self._platform.announce(_DETAIL_TYPE, detail, version["ModelPackageArn"])


def _version(group: _Group, request: Request) -> Request:
    name = group.description["ModelPackageGroupName"]
    start = group.description["ModelPackageGroupArn"].replace("-group/", "/")
    asked = {key: value for key, value in request.items() if key not in ("ClientToken", "Tags")}
    return {
        "CertifyForMarketplace": False,
        "ModelApprovalStatus": "PendingManualApproval",
        **copy.deepcopy(asked),
        "ModelPackageName": name,
        "ModelPackageGroupName": name,
        "ModelPackageVersion": group.next_version,
        "ModelPackageArn": f"{start}/{group.next_version}",
        "ModelPackageStatus": "Completed",
        "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
        "CreationTime": now(),
        "CreatedBy": {},
    }


def _properties(version: Request, request: Request) -> dict[str, str]:
    """Give the customer's properties as they are after an update."""
    merged = {
        **(version.get("CustomerMetadataProperties") or {}),
        **(request.get("CustomerMetadataProperties") or {}),
    }
    for name in request.get("CustomerMetadataPropertiesToRemove") or ():
        merged.pop(name, None)
    if len(merged) > _MOST_PROPERTIES:
        message = (
            f"A model package can have at most {_MOST_PROPERTIES} customer metadata properties."
        )
        raise AwsError("ValidationException", message)
    return merged


def _as_told(value: Any) -> Any:
    return value.strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(value, datetime) else value
