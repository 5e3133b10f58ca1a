"""The files that SageMaker gives a training container, and what it makes of those it leaves.

Source: developer guide, "How Amazon SageMaker provides training information" and "How Amazon
SageMaker processes training output".
"""

import json
from collections.abc import Mapping
from typing import Any

from embedded_aws.sagemaker.archive import pack
from embedded_aws.sagemaker.jobs import Description
from embedded_aws.sagemaker.runtime import Container, inside
from embedded_aws.sagemaker.storage import Location, Storage

MODEL = "/opt/ml/model"
CHECKPOINTS = "/opt/ml/checkpoints"
_INPUT = "/opt/ml/input"
_OUTPUT = "/opt/ml/output"
_FAILURE_CHARACTERS = 1024
_GROUP = "homogeneousCluster"


def channel_folder(name: str) -> str:
    """Name the folder of a channel."""
    return f"{_INPUT}/data/{name}"


def write_configuration(request: Description, container: Container) -> None:
    """Write /opt/ml/input/config and make the folders for what the job leaves."""
    config = inside(container.root, f"{_INPUT}/config")
    config.mkdir(parents=True, exist_ok=True)
    files = {
        "hyperparameters": request.get("HyperParameters") or {},
        "inputdataconfig": {
            channel["ChannelName"]: _channel_configuration(channel)
            for channel in request.get("InputDataConfig") or []
        },
        "resourceconfig": _resources(request["ResourceConfig"]["InstanceType"]),
    }
    for name, content in files.items():
        (config / f"{name}.json").write_text(json.dumps(content))
    for folder in (MODEL, f"{_OUTPUT}/data"):
        inside(container.root, folder).mkdir(parents=True)


def artifacts(request: Description) -> Location:
    """Say where the job's model.tar.gz and output.tar.gz go."""
    output = Location.parse(request["OutputDataConfig"]["S3OutputPath"])
    return output.below(f"{request['TrainingJobName']}/output")


def upload_artifacts(request: Description, container: Container, storage: Storage) -> None:
    """Pack and upload the model and the other output, each unless it is empty."""
    for folder, name in ((MODEL, "model.tar.gz"), (f"{_OUTPUT}/data", "output.tar.gz")):
        archive = container.root / name
        if pack(inside(container.root, folder), archive):
            storage.upload_file(archive, str(artifacts(request).below(name)))


def read_failure(container: Container) -> str:
    """Read what the program wrote about its failure; empty when it wrote nothing."""
    try:
        text = inside(container.root, f"{_OUTPUT}/failure").read_text(errors="replace")
    except OSError:
        return ""
    return text[:_FAILURE_CHARACTERS].strip()


def _channel_configuration(channel: Mapping[str, Any]) -> dict[str, str]:
    source = channel["DataSource"]["S3DataSource"]
    configuration = {
        "TrainingInputMode": "File",
        "S3DistributionType": source.get("S3DataDistributionType") or "FullyReplicated",
        "RecordWrapperType": "None",
    }
    content_type = channel.get("ContentType")
    return {"ContentType": content_type, **configuration} if content_type else configuration


def _resources(instance_type: str) -> dict[str, Any]:
    hosts = ["algo-1"]
    group = {
        "instance_group_name": _GROUP,
        "instance_type": instance_type,
        "hosts": hosts,
    }
    return {
        "current_host": "algo-1",
        "current_instance_type": instance_type,
        "current_group_name": _GROUP,
        "hosts": hosts,
        "instance_groups": [group],
        "network_interface_name": "eth0",
    }
