"""Names: of pipelines, runs, and what they become in AWS.

Limits: SageMaker names hold at most 63 characters of ``[a-zA-Z0-9](-*[a-zA-Z0-9])*``
(https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTrainingJob.html), so a run id
holds at most 47 and leaves 16 for step and attempt.
"""

import re
from datetime import UTC, datetime

PIPELINE_PATTERN = r"^[a-z0-9]+(_[a-z0-9]+)*$"
PIPELINE_LENGTH = 22
RUN_ID_PATTERN = r"^[a-z0-9]+(_[a-z0-9]+)*-[0-9]{8}t[0-9]{6}-[0-9a-f]{8}$"
RUN_ID_LENGTH = 47
SAGEMAKER_NAME_LENGTH = 63
# How often an attempt preprocesses at most: again when its objects were replaced meanwhile.
PREPARATIONS = 3
INCOMING = "incoming/"
QUARANTINE = "quarantine/"
_MODELS = "/preprocess/models/"


def is_pipeline_name(name: str) -> bool:
    """Say whether a name can be a pipeline's."""
    return len(name) <= PIPELINE_LENGTH and re.fullmatch(PIPELINE_PATTERN, name) is not None


def aws_name(name: str) -> str:
    """Return a pipeline's name or a run id as AWS names hold it."""
    return name.replace("_", "-")


def endpoint_name(stack: str, pipeline: str) -> str:
    """Return the endpoint's stable name: one per stack and pipeline.

    Raises:
        ValueError: the name would be longer than SageMaker's 63 characters.
    """
    name = f"{stack}-{aws_name(pipeline)}"
    if len(name) > SAGEMAKER_NAME_LENGTH:
        message = (
            f"The endpoint's name {name!r} has {len(name)} characters; SageMaker allows "
            f"{SAGEMAKER_NAME_LENGTH}: choose a shorter stack or pipeline name."
        )
        raise ValueError(message)
    return name


def run_id(pipeline: str, started_at: datetime, manifest_hash: str) -> str:
    """Return the run's id, ``<pipeline>-<UTC yyyymmddthhmmss>-<8 hex of the manifest's hash>``."""
    stamp = started_at.astimezone(UTC).strftime("%Y%m%dt%H%M%S")
    return f"{pipeline}-{stamp}-{manifest_hash[:8]}"


def pipeline_of_run(run: str) -> str:
    """Return the pipeline that a run id belongs to.

    Raises:
        ValueError: the text is no run id.
    """
    if len(run) > RUN_ID_LENGTH or re.fullmatch(RUN_ID_PATTERN, run) is None:
        message = f"{run!r} is no run id: it looks like <pipeline>-<yyyymmddthhmmss>-<8 hex>."
        raise ValueError(message)
    return run.rsplit("-", 2)[0]


def preprocess_jobs(run: str, attempt: int) -> list[str]:
    """List the names that a run's preprocess jobs may have in one attempt, the last one first."""
    first = f"{aws_name(run)}-preprocess-{attempt}"
    return [*(f"{first}-{number}" for number in range(PREPARATIONS, 1, -1)), first]


def preprocessed(run: str) -> str:
    """Return the key prefix, in the artifacts bucket, of what a run's preprocess job makes."""
    return f"runs/{run}/preprocess/"


def quarantined(run: str) -> str:
    """Return the key prefix, in the data bucket, of what a run's preprocess job could not use."""
    return f"{QUARANTINE}{pipeline_of_run(run)}/{run}/"


def run_of_uri(uri: str) -> str | None:
    """Return the run id in ``.../runs/<run id>/...``, None when there is none."""
    found = re.search(rf"/runs/({RUN_ID_PATTERN.strip('^$')})/", uri)
    return found[1] if found and len(found[1]) <= RUN_ID_LENGTH else None


def training_job_of(uri: str) -> str | None:
    """Return the training job in ``.../runs/<run id>/train/<job>/output/model.tar.gz``."""
    found = re.fullmatch(r".+/runs/[^/]+/train/([A-Za-z0-9-]+)/output/model\.tar\.gz", uri)
    return found[1] if found and run_of_uri(uri) else None


def models_folder(run: str) -> str:
    """Return the key prefix, in the artifacts bucket, of what a run's preprocess job made to serve.

    Each is ``<name>/model.tar.gz`` below it.
    """
    return f"runs/{run}{_MODELS}"


def models_folder_of(uri: str) -> str | None:
    """Return ``s3://.../runs/<run id>/preprocess/models/`` of an artifact that lies there."""
    before, folder, _ = uri.partition(_MODELS)
    return before + folder if folder and run_of_uri(f"{before}/") else None


def evaluated(run: str, file: str) -> str:
    """Return the key, in the artifacts bucket, of a file that a run's evaluation wrote."""
    return f"runs/{run}/evaluate/{file}"
