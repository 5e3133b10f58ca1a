"""The model registry: groups, versions, approvals, and who hears of them."""

from typing import TYPE_CHECKING, Any

import pytest

from embedded_aws.errors import AwsError

if TYPE_CHECKING:
    from tests.unit.embedded_aws.sagemaker.conftest import Bench

PREFIX = "arn:aws:sagemaker:us-east-1:123456789012:"
METRICS = {
    "ModelQuality": {
        "Statistics": {"ContentType": "application/json", "S3Uri": "s3://b/evaluation.json"}
    }
}


@pytest.fixture
def group(bench: "Bench") -> str:
    """Make a group; return its name."""
    bench.call("CreateModelPackageGroup", ModelPackageGroupName="Iris", Tags=[tag("a", "1")])
    return "Iris"


def tag(key: str, value: str) -> dict[str, str]:
    """Give a tag."""
    return {"Key": key, "Value": value}


def register(bench: "Bench", group: str, **more: Any) -> str:
    """Register a version; return its ARN."""
    made = bench.call("CreateModelPackage", ModelPackageGroupName=group, **more)
    return str(made["ModelPackageArn"])


def refusal(bench: "Bench", operation: str, **request: Any) -> tuple[str, str]:
    """Call what is refused; return code and message."""
    with pytest.raises(AwsError) as caught:
        bench.call(operation, **request)
    return caught.value.code, caught.value.message


def versions(answer: dict[str, Any]) -> list[int]:
    """List the version numbers of a ListModelPackages answer."""
    return [each["ModelPackageVersion"] for each in answer["ModelPackageSummaryList"]]


def test_groups_are_told_listed_and_deleted(bench: "Bench", group: str) -> None:
    """A group is found by name in any case and by ARN; its tags are its own; it goes when empty."""
    arn = f"{PREFIX}model-package-group/iris"
    for name in (group, "iris", arn):
        described = bench.call("DescribeModelPackageGroup", ModelPackageGroupName=name)
        assert described["ModelPackageGroupArn"] == arn
    assert described["ModelPackageGroupName"] == "Iris"
    assert described["ModelPackageGroupStatus"] == "Completed"
    assert bench.call("ListTags", ResourceArn=arn) == {"Tags": [tag("a", "1")]}
    bench.call("CreateModelPackageGroup", ModelPackageGroupName="other")
    [listed] = bench.call("ListModelPackageGroups", NameContains="ris")[
        "ModelPackageGroupSummaryList"
    ]
    assert listed["ModelPackageGroupName"] == "Iris"
    assert refusal(bench, "CreateModelPackageGroup", ModelPackageGroupName="IRIS") == (
        "ValidationException",
        f"Model Package Group already exists: {arn}",
    )
    package = register(bench, group)
    code, message = refusal(bench, "DeleteModelPackageGroup", ModelPackageGroupName=group)
    assert (code, "still contains Model Packages" in message) == ("ConflictException", True)
    bench.call("DeleteModelPackage", ModelPackageName=package)
    bench.call("DeleteModelPackageGroup", ModelPackageGroupName=group)
    assert refusal(bench, "DescribeModelPackageGroup", ModelPackageGroupName=group) == (
        "ValidationException",
        f"ModelPackageGroup {arn} does not exist.",
    )


def test_a_version_is_told_as_it_was_registered(bench: "Bench", group: str) -> None:
    """Everything given comes back, by ARN and by group and number; unspoken approval is pending."""
    container = {"Image": bench.image(serve="pass"), "ModelDataUrl": bench.model_data("one")}
    given: dict[str, Any] = {
        "CustomerMetadataProperties": {"run_id": "iris-1"},
        "InferenceSpecification": {
            "Containers": [container],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
        "MetadataProperties": {"CommitId": "abc"},
        "ModelMetrics": METRICS,
        "ModelPackageDescription": "better",
    }
    arn = register(bench, group, **given)
    assert arn == f"{PREFIX}model-package/iris/1"
    for name in (arn, "Iris/1"):
        described = bench.call("DescribeModelPackage", ModelPackageName=name)
        assert described.items() >= given.items()
    assert described["ModelApprovalStatus"] == "PendingManualApproval"
    assert described["ModelPackageStatus"] == "Completed"
    assert described["ModelPackageVersion"] == 1
    assert described["ModelPackageGroupName"] == "Iris"


def test_versions_are_never_used_again(bench: "Bench", group: str) -> None:
    """The number of a deleted version is not given to the next."""
    register(bench, group)
    bench.call("DeleteModelPackage", ModelPackageName=register(bench, group))
    assert register(bench, group).endswith("/iris/3")
    assert refusal(bench, "DescribeModelPackage", ModelPackageName="iris/2") == (
        "ValidationException",
        f"ModelPackage {PREFIX}model-package/iris/2 does not exist.",
    )


def test_every_change_of_approval_is_an_event(bench: "Bench", group: str) -> None:
    """Registration and each other status are told in AWS's words; a repetition is not."""
    arn = register(
        bench,
        group,
        ModelApprovalStatus="PendingManualApproval",
        ModelMetrics=METRICS,
        CustomerMetadataProperties={"a": "1"},
    )
    for status in ("Approved", "Approved", "Rejected"):
        bench.call(
            "UpdateModelPackage",
            ModelPackageArn=arn,
            ModelApprovalStatus=status,
            ApprovalDescription=f"{status} by a person",
        )
    told = [detail["ModelApprovalStatus"] for _, detail, _ in bench.events]
    assert told == ["PendingManualApproval", "Approved", "Rejected"]
    kind, detail, resources = bench.events[-1]
    assert (kind, resources) == ("SageMaker Model Package State Change", [arn])
    assert detail["ModelPackageGroupName"] == "Iris"
    assert detail["ModelPackageVersion"] == 1
    assert detail["ModelMetrics"] == METRICS
    assert detail["ModelPackageStatusDetails"] == {
        "ValidationStatuses": [],
        "ImageScanStatuses": [],
    }
    assert detail["ApprovalDescription"] == "Rejected by a person"
    assert detail["CreationTime"].endswith("Z")
    # Not in AWS's documented event, so that nobody builds on it.
    assert "CustomerMetadataProperties" not in detail


def test_an_update_changes_what_it_names(bench: "Bench", group: str) -> None:
    """Properties are merged and removed; everything else stays; no event for them."""
    arn = register(
        bench, group, ModelPackageDescription="d", CustomerMetadataProperties={"a": "1", "b": "2"}
    )
    bench.call(
        "UpdateModelPackage",
        ModelPackageArn=arn,
        CustomerMetadataProperties={"b": "3", "c": "4"},
        CustomerMetadataPropertiesToRemove=["a"],
    )
    described = bench.call("DescribeModelPackage", ModelPackageName=arn)
    assert described["CustomerMetadataProperties"] == {"b": "3", "c": "4"}
    assert described["ModelApprovalStatus"] == "PendingManualApproval"
    assert described["ModelPackageDescription"] == "d"
    assert described["LastModifiedTime"] >= described["CreationTime"]
    assert len(bench.events) == 1
    many = {str(number): "v" for number in range(49)}
    asked = {"ModelPackageArn": arn, "CustomerMetadataProperties": many}
    assert "at most 50" in refusal(bench, "UpdateModelPackage", **asked)[1]


def test_a_client_token_makes_a_request_safe_to_repeat(bench: "Bench", group: str) -> None:
    """The same request again is the same version; another with that token is refused."""
    once = register(bench, group, ClientToken="t-1", ModelPackageDescription="d")
    assert register(bench, group, ClientToken="t-1", ModelPackageDescription="d") == once
    assert register(bench, group, ClientToken="t-2", ModelPackageDescription="d") != once
    asked = {"ModelPackageGroupName": group, "ClientToken": "t-1"}
    assert "t-1 was used" in refusal(bench, "CreateModelPackage", **asked)[1]


def test_packages_are_filtered_sorted_and_paged(bench: "Bench", group: str) -> None:
    """By group and approval, either way round, page by page; other groups stay out of it."""
    bench.call("CreateModelPackageGroup", ModelPackageGroupName="other")
    register(bench, "other", ModelApprovalStatus="Approved")
    for status in ("Approved", "Rejected", "Approved"):
        register(bench, group, ModelApprovalStatus=status)
    of_group = {"ModelPackageGroupName": group}
    assert versions(bench.call("ListModelPackages", **of_group)) == [1, 2, 3]
    newest = {**of_group, "SortBy": "CreationTime", "SortOrder": "Descending"}
    approved = bench.call("ListModelPackages", **newest, ModelApprovalStatus="Approved")
    assert versions(approved) == [3, 1]
    page = bench.call("ListModelPackages", **newest, MaxResults=2)
    assert versions(page) == [3, 2]
    rest = bench.call("ListModelPackages", **newest, MaxResults=2, NextToken=page["NextToken"])
    assert versions(rest) == [1]
    assert "NextToken" not in rest
    [summary, *_] = approved["ModelPackageSummaryList"]
    assert summary["ModelApprovalStatus"] == "Approved"
    assert "ModelPackageName" not in summary
    everything = bench.call("ListModelPackages", ModelPackageType="Versioned")
    assert len(versions(everything)) == 4
    assert versions(bench.call("ListModelPackages")) == []


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({}, "Value null at 'modelPackageGroupName'"),
        ({"ModelPackageGroupName": "none"}, f"{PREFIX}model-package-group/none does not exist."),
        ({"ModelPackageGroupName": "iris", "Tags": [tag("a", "1")]}, "the tags of its group"),
        ({"ModelPackageName": "alone"}, "CreateModelPackage with ModelPackageName"),
        ({"ModelPackageGroupName": "iris", "ModelApprovalStatus": "Maybe"}, "enum value set"),
    ],
)
def test_what_cannot_be_registered(
    bench: "Bench", group: str, request_: dict[str, Any], message: str
) -> None:
    """Each refusal says what is wrong, and no version is made."""
    assert message in refusal(bench, "CreateModelPackage", **request_)[1]
    assert versions(bench.call("ListModelPackages", ModelPackageGroupName=group)) == []


def test_model_data_must_be_there(bench: "Bench", group: str) -> None:
    """A version whose artifact does not exist would never serve: it is refused."""
    gone = f"s3://{bench.bucket}/gone.tar.gz"
    container = {"Image": bench.image(serve="pass"), "ModelDataUrl": gone}
    asked = {
        "ModelPackageGroupName": group,
        "InferenceSpecification": {"Containers": [container]},
    }
    message = refusal(bench, "CreateModelPackage", **asked)[1]
    assert message == f"Could not find model data at {gone}."
