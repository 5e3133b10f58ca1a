"""What the model registry honours of its requests: keeping and telling is all that it does."""

from collections.abc import Mapping

from embedded_aws.sagemaker.support_kinds import HONOURED, LIST, OFF, TAGS, Fields

_FILE: Fields = {"ContentDigest": HONOURED, "ContentType": HONOURED, "S3Uri": HONOURED}
_BASELINE: Fields = {"Constraints": _FILE, "Statistics": _FILE}

REGISTRY: Mapping[str, Fields] = {
    "CreateModelPackageGroup": {
        "ModelPackageGroupDescription": HONOURED,
        "ModelPackageGroupName": HONOURED,
        "Tags": TAGS,
    },
    "DescribeModelPackageGroup": {"ModelPackageGroupName": HONOURED},
    "DeleteModelPackageGroup": {"ModelPackageGroupName": HONOURED},
    "ListModelPackageGroups": LIST,
    "CreateModelPackage": {
        "CertifyForMarketplace": OFF,
        "ClientToken": HONOURED,
        "CustomerMetadataProperties": HONOURED,
        "Domain": HONOURED,
        "InferenceSpecification": {
            "Containers": {
                "ContainerHostname": HONOURED,
                "Environment": HONOURED,
                "Framework": HONOURED,
                "FrameworkVersion": HONOURED,
                "Image": HONOURED,
                "ImageDigest": HONOURED,
                "ModelDataUrl": HONOURED,
                "ModelInput": HONOURED,
                "NearestModelName": HONOURED,
            },
            "SupportedContentTypes": HONOURED,
            "SupportedRealtimeInferenceInstanceTypes": HONOURED,
            "SupportedResponseMIMETypes": HONOURED,
            "SupportedTransformInstanceTypes": HONOURED,
        },
        "MetadataProperties": {
            "CommitId": HONOURED,
            "GeneratedBy": HONOURED,
            "ProjectId": HONOURED,
            "Repository": HONOURED,
        },
        "ModelApprovalStatus": HONOURED,
        "ModelMetrics": {
            "Bias": {"PostTrainingReport": _FILE, "PreTrainingReport": _FILE, "Report": _FILE},
            "Explainability": {"Report": _FILE},
            "ModelDataQuality": _BASELINE,
            "ModelQuality": _BASELINE,
        },
        "ModelPackageDescription": HONOURED,
        # Versions of a group only: a package with a name of its own is another kind of thing.
        "ModelPackageGroupName": HONOURED,
        "SamplePayloadUrl": HONOURED,
        # Named here so that the refusal can say what AWS's says: a version has its group's tags.
        "Tags": TAGS,
        "Task": HONOURED,
    },
    "DescribeModelPackage": {"ModelPackageName": HONOURED},
    "UpdateModelPackage": {
        "ApprovalDescription": HONOURED,
        "ClientToken": HONOURED,
        "CustomerMetadataProperties": HONOURED,
        "CustomerMetadataPropertiesToRemove": HONOURED,
        "ModelApprovalStatus": HONOURED,
        "ModelPackageArn": HONOURED,
    },
    "DeleteModelPackage": {"ModelPackageName": HONOURED},
    "ListModelPackages": {
        **LIST,
        "ModelApprovalStatus": HONOURED,
        "ModelPackageGroupName": HONOURED,
        "ModelPackageType": HONOURED,
    },
}
