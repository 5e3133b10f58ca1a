"""Filters, sorts and pages a list of descriptions as SageMaker's List operations do."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from embedded_aws.errors import AwsError

_PAGE = 10  # what AWS gives when nothing else is asked for


@dataclass(frozen=True)
class Listing:
    """How one kind of resource is listed."""

    answer: str  # the answer's member, "TrainingJobs"
    name: str  # fields of a description
    status: str | None
    summary: Sequence[str]
    order: str  # AWS's default

    def page(
        self, descriptions: Iterable[Mapping[str, Any]], request: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Answer a List request."""
        found = [each for each in descriptions if self._matches(each, request)]
        found.sort(key=lambda each: self._sort_key(each, request))
        if (request.get("SortOrder") or self.order) == "Descending":
            found.reverse()
        start = _start(request.get("NextToken"))
        end = start + (request.get("MaxResults") or _PAGE)
        summaries = [
            {field: each[field] for field in self.summary if field in each}
            for each in found[start:end]
        ]
        more = {"NextToken": str(end)} if end < len(found) else {}
        return {self.answer: summaries, **more}

    def _matches(self, description: Mapping[str, Any], request: Mapping[str, Any]) -> bool:
        contained = request.get("NameContains") or ""
        if contained.lower() not in description[self.name].lower():
            return False
        wanted = request.get("StatusEquals")
        if wanted and self.status and description[self.status] != wanted:
            return False
        return all(
            _is_within(description[field], request, field)
            for field in ("CreationTime", "LastModifiedTime")
            if field in description
        )

    def _sort_key(self, description: Mapping[str, Any], request: Mapping[str, Any]) -> Any:
        by = request.get("SortBy") or "CreationTime"
        field = {"Name": self.name, "Status": self.status}.get(by) or "CreationTime"
        return description[field]


def _is_within(at: datetime, request: Mapping[str, Any], field: str) -> bool:
    after, before = request.get(f"{field}After"), request.get(f"{field}Before")
    return (after is None or at > _moment(after)) and (before is None or at < _moment(before))


def _moment(value: float | datetime) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromtimestamp(value, UTC)


def _start(token: str | None) -> int:
    if token is None:
        return 0
    if not (token.isascii() and token.isdigit()):
        raise AwsError("ValidationException", "Invalid pagination token given.")
    return int(token)


PROCESSING_JOBS = Listing(
    answer="ProcessingJobSummaries",
    name="ProcessingJobName",
    status="ProcessingJobStatus",
    summary=(
        "ProcessingJobName",
        "ProcessingJobArn",
        "CreationTime",
        "ProcessingEndTime",
        "LastModifiedTime",
        "ProcessingJobStatus",
        "FailureReason",
        "ExitMessage",
    ),
    order="Ascending",
)
TRAINING_JOBS = Listing(
    answer="TrainingJobSummaries",
    name="TrainingJobName",
    status="TrainingJobStatus",
    summary=(
        "TrainingJobName",
        "TrainingJobArn",
        "CreationTime",
        "TrainingEndTime",
        "LastModifiedTime",
        "TrainingJobStatus",
        "SecondaryStatus",
    ),
    order="Ascending",
)
TRANSFORM_JOBS = Listing(
    answer="TransformJobSummaries",
    name="TransformJobName",
    status="TransformJobStatus",
    summary=(
        "TransformJobName",
        "TransformJobArn",
        "CreationTime",
        "TransformEndTime",
        "LastModifiedTime",
        "TransformJobStatus",
        "FailureReason",
    ),
    order="Descending",
)
MODELS = Listing(
    answer="Models",
    name="ModelName",
    status=None,
    summary=("ModelName", "ModelArn", "CreationTime"),
    order="Descending",
)
ENDPOINT_CONFIGS = Listing(
    answer="EndpointConfigs",
    name="EndpointConfigName",
    status=None,
    summary=("EndpointConfigName", "EndpointConfigArn", "CreationTime"),
    order="Descending",
)
ENDPOINTS = Listing(
    answer="Endpoints",
    name="EndpointName",
    status="EndpointStatus",
    summary=(
        "EndpointName",
        "EndpointArn",
        "CreationTime",
        "LastModifiedTime",
        "EndpointStatus",
    ),
    order="Descending",
)
MODEL_PACKAGE_GROUPS = Listing(
    answer="ModelPackageGroupSummaryList",
    name="ModelPackageGroupName",
    status=None,
    summary=(
        "ModelPackageGroupName",
        "ModelPackageGroupArn",
        "ModelPackageGroupDescription",
        "CreationTime",
        "ModelPackageGroupStatus",
    ),
    order="Ascending",
)
MODEL_PACKAGES = Listing(
    answer="ModelPackageSummaryList",
    name="ModelPackageName",
    status=None,
    # Not the name, which a version does not have on AWS either.
    summary=(
        "ModelPackageGroupName",
        "ModelPackageVersion",
        "ModelPackageArn",
        "ModelPackageDescription",
        "CreationTime",
        "ModelPackageStatus",
        "ModelApprovalStatus",
    ),
    order="Ascending",
)
