"""What of each request this SageMaker honours, and what it takes without acting on it.

`SUPPORT` is the whole list, and the source of the support matrix: a field that is not in it is
refused by name. What the words in it mean is told in `support_kinds.py`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from embedded_aws.errors import AwsError
from embedded_aws.sagemaker.support_kinds import (
    HONOURED,
    LIST,
    OFF,
    RECORDED,
    TAGS,
    Fields,
    Only,
    Support,
)
from embedded_aws.sagemaker.support_registry import REGISTRY

_ONE = Only((1,))
_FILE = Only(("File",))
_UNPACKED = Only(("None",))

_VPC: Fields = {"SecurityGroupIds": RECORDED, "Subnets": RECORDED}
_S3_TYPES = Only(("S3Prefix", "ManifestFile"))
_LIST_WITH_STATUS: Fields = {
    **LIST,
    "LastModifiedTimeAfter": HONOURED,
    "LastModifiedTimeBefore": HONOURED,
    "StatusEquals": HONOURED,
}
_CONTAINER: Fields = {
    "ContainerHostname": HONOURED,
    "Environment": HONOURED,
    "Image": HONOURED,
    "ImageConfig": {"RepositoryAccessMode": RECORDED},
    "Mode": Only(("SingleModel",)),
    "ModelDataUrl": HONOURED,
}
_SIZE: Fields = {"Type": HONOURED, "Value": HONOURED}
_DEPLOYMENT: Fields = {
    "AutoRollbackConfiguration": {"Alarms": {"AlarmName": HONOURED}},
    "BlueGreenUpdatePolicy": {
        "MaximumExecutionTimeoutInSeconds": HONOURED,
        "TerminationWaitInSeconds": HONOURED,
        "TrafficRoutingConfiguration": {
            "CanarySize": _SIZE,
            "LinearStepSize": _SIZE,
            "Type": HONOURED,
            "WaitIntervalInSeconds": HONOURED,
        },
    },
}

SUPPORT: Mapping[str, Fields] = {
    "CreateProcessingJob": {
        "AppSpecification": {
            "ContainerArguments": HONOURED,
            "ContainerEntrypoint": HONOURED,
            "ImageUri": HONOURED,
        },
        "Environment": HONOURED,
        "NetworkConfig": {
            "EnableInterContainerTrafficEncryption": RECORDED,
            "EnableNetworkIsolation": RECORDED,
            "VpcConfig": _VPC,
        },
        "ProcessingInputs": {
            "AppManaged": OFF,
            "InputName": HONOURED,
            "S3Input": {
                "LocalPath": HONOURED,
                "S3CompressionType": _UNPACKED,
                # With one instance, all objects and "its share" are the same.
                "S3DataDistributionType": HONOURED,
                "S3DataType": HONOURED,
                "S3InputMode": _FILE,
                "S3Uri": HONOURED,
            },
        },
        "ProcessingJobName": HONOURED,
        "ProcessingOutputConfig": {
            "KmsKeyId": RECORDED,
            "Outputs": {
                "AppManaged": OFF,
                "OutputName": HONOURED,
                "S3Output": {
                    "LocalPath": HONOURED,
                    "S3UploadMode": Only(("EndOfJob",)),
                    "S3Uri": HONOURED,
                },
            },
        },
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceCount": _ONE,
                "InstanceType": RECORDED,
                "VolumeKmsKeyId": RECORDED,
                "VolumeSizeInGB": RECORDED,
            },
        },
        "RoleArn": RECORDED,
        "StoppingCondition": {"MaxRuntimeInSeconds": HONOURED},
        "Tags": TAGS,
    },
    "CreateTrainingJob": {
        "AlgorithmSpecification": {
            "ContainerArguments": HONOURED,
            "ContainerEntrypoint": HONOURED,
            "EnableSageMakerMetricsTimeSeries": OFF,
            "MetricDefinitions": {"Name": HONOURED, "Regex": HONOURED},
            "TrainingImage": HONOURED,
            "TrainingInputMode": _FILE,
        },
        "CheckpointConfig": {"LocalPath": HONOURED, "S3Uri": HONOURED},
        "EnableInterContainerTrafficEncryption": RECORDED,
        # Only a fault interrupts a spot job here.
        "EnableManagedSpotTraining": HONOURED,
        "EnableNetworkIsolation": RECORDED,
        "Environment": HONOURED,
        "HyperParameters": HONOURED,
        "InputDataConfig": {
            "ChannelName": HONOURED,
            "CompressionType": _UNPACKED,
            "ContentType": HONOURED,
            "DataSource": {
                "S3DataSource": {
                    "S3DataDistributionType": HONOURED,
                    "S3DataType": _S3_TYPES,
                    "S3Uri": HONOURED,
                },
            },
            "InputMode": _FILE,
            "RecordWrapperType": _UNPACKED,
        },
        "OutputDataConfig": {
            "CompressionType": Only(("GZIP",)),
            "KmsKeyId": RECORDED,
            "S3OutputPath": HONOURED,
        },
        "ProfilerConfig": {"DisableProfiler": Only((True,))},
        "ResourceConfig": {
            "InstanceCount": _ONE,
            "InstanceType": RECORDED,
            "KeepAlivePeriodInSeconds": Only((0,)),
            "VolumeKmsKeyId": RECORDED,
            "VolumeSizeInGB": RECORDED,
        },
        "RoleArn": RECORDED,
        "StoppingCondition": {
            "MaxRuntimeInSeconds": HONOURED,
            # A job starts at once; it waits for capacity when a fault says so.
            "MaxWaitTimeInSeconds": HONOURED,
        },
        "Tags": TAGS,
        "TrainingJobName": HONOURED,
        "VpcConfig": _VPC,
    },
    "CreateTransformJob": {
        "BatchStrategy": HONOURED,
        "DataProcessing": {
            "InputFilter": HONOURED,
            "JoinSource": HONOURED,
            "OutputFilter": HONOURED,
        },
        "Environment": HONOURED,
        "MaxConcurrentTransforms": HONOURED,
        "MaxPayloadInMB": HONOURED,
        "ModelName": HONOURED,
        "Tags": TAGS,
        "TransformInput": {
            "CompressionType": _UNPACKED,
            "ContentType": HONOURED,
            "DataSource": {"S3DataSource": {"S3DataType": _S3_TYPES, "S3Uri": HONOURED}},
            "SplitType": Only(("None", "Line")),
        },
        "TransformJobName": HONOURED,
        "TransformOutput": {
            "Accept": HONOURED,
            "AssembleWith": HONOURED,
            "KmsKeyId": RECORDED,
            "S3OutputPath": HONOURED,
        },
        "TransformResources": {
            "InstanceCount": _ONE,
            "InstanceType": RECORDED,
            "VolumeKmsKeyId": RECORDED,
        },
    },
    "CreateModel": {
        "Containers": _CONTAINER,
        "EnableNetworkIsolation": RECORDED,
        "ExecutionRoleArn": RECORDED,
        "InferenceExecutionConfig": {"Mode": HONOURED},
        "ModelName": HONOURED,
        "PrimaryContainer": _CONTAINER,
        "Tags": TAGS,
        "VpcConfig": _VPC,
    },
    "CreateEndpointConfig": {
        "EndpointConfigName": HONOURED,
        "KmsKeyId": RECORDED,
        "ProductionVariants": {
            "ContainerStartupHealthCheckTimeoutInSeconds": HONOURED,
            "EnableSSMAccess": OFF,
            # One process stands for all instances; their number counts for guardrails.
            "InitialInstanceCount": HONOURED,
            # There is one variant, so it has all the traffic.
            "InitialVariantWeight": RECORDED,
            "InstanceType": RECORDED,
            "ModelDataDownloadTimeoutInSeconds": RECORDED,
            "ModelName": HONOURED,
            # As far as the machine can limit it.
            "ServerlessConfig": {"MaxConcurrency": HONOURED, "MemorySizeInMB": HONOURED},
            "VariantName": HONOURED,
            "VolumeSizeInGB": RECORDED,
        },
        "Tags": TAGS,
    },
    "CreateEndpoint": {
        "DeploymentConfig": _DEPLOYMENT,
        "EndpointConfigName": HONOURED,
        "EndpointName": HONOURED,
        "Tags": TAGS,
    },
    "UpdateEndpoint": {
        "DeploymentConfig": _DEPLOYMENT,
        "EndpointConfigName": HONOURED,
        "EndpointName": HONOURED,
        "ExcludeRetainedVariantProperties": {"VariantPropertyType": HONOURED},
        "RetainAllVariantProperties": HONOURED,
        "RetainDeploymentConfig": HONOURED,
    },
    "UpdateEndpointWeightsAndCapacities": {
        "DesiredWeightsAndCapacities": {
            "DesiredInstanceCount": HONOURED,
            "DesiredWeight": RECORDED,
            "VariantName": HONOURED,
        },
        "EndpointName": HONOURED,
    },
    "DescribeProcessingJob": {"ProcessingJobName": HONOURED},
    "DescribeTrainingJob": {"TrainingJobName": HONOURED},
    "DescribeTransformJob": {"TransformJobName": HONOURED},
    "DescribeModel": {"ModelName": HONOURED},
    "DescribeEndpointConfig": {"EndpointConfigName": HONOURED},
    "DescribeEndpoint": {"EndpointName": HONOURED},
    "StopProcessingJob": {"ProcessingJobName": HONOURED},
    "StopTrainingJob": {"TrainingJobName": HONOURED},
    "StopTransformJob": {"TransformJobName": HONOURED},
    "DeleteModel": {"ModelName": HONOURED},
    "DeleteEndpointConfig": {"EndpointConfigName": HONOURED},
    "DeleteEndpoint": {"EndpointName": HONOURED},
    "ListProcessingJobs": _LIST_WITH_STATUS,
    "ListTrainingJobs": _LIST_WITH_STATUS,
    "ListTransformJobs": _LIST_WITH_STATUS,
    "ListModels": LIST,
    "ListEndpointConfigs": LIST,
    "ListEndpoints": _LIST_WITH_STATUS,
    "AddTags": {"ResourceArn": HONOURED, "Tags": TAGS},
    "ListTags": {"MaxResults": HONOURED, "NextToken": HONOURED, "ResourceArn": HONOURED},
    "DeleteTags": {"ResourceArn": HONOURED, "TagKeys": HONOURED},
    **REGISTRY,
}


def refuse_unsupported(operation: str, request: Mapping[str, Any]) -> None:
    """Refuse a request that asks for something which would not be done.

    Raises AwsError NotImplemented (501), naming every such field.
    """
    problems = list(unsupported(SUPPORT[operation], request, ""))
    if problems:
        raise not_implemented(f"{operation} with {', '.join(problems)}")


def not_implemented(what: str) -> AwsError:
    """Say what is not supported."""
    return AwsError("NotImplemented", f"The embedded AWS's SageMaker does not support {what}.", 501)


def unsupported(fields: Fields, value: Mapping[str, Any], path: str) -> Iterator[str]:
    """Name what of a value is not supported; `path` is where it lies, "" for a whole request."""
    for name, part in value.items():
        if part is None:
            continue
        where = f"{path}.{name}" if path else name
        match fields.get(name):
            case Support():
                pass
            case Only(values=values):
                if part not in values:
                    yield f"{where} {part!r}"
            case None:
                yield where
            case inner:
                members = part if isinstance(part, Sequence) else [part]
                for member in members:
                    yield from unsupported(inner, member, where)
