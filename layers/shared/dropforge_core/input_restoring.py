"""Let a run go on that could not preprocess, if its objects were replaced or deleted meanwhile.

SageMaker and Glue read what a key holds when the job begins, not the version that the manifest
lists: it may be another one by then, or none. What the job says of that differs, and is often no
more than that a key is missing; so the bucket is asked, not the error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dropforge_core.contracts import RestoredInputs, StepError
from dropforge_core.naming import PREPARATIONS, preprocessed, quarantined

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from dropforge_core.contracts import FailedPreparation
    from dropforge_core.run_inputs import RunInputs

# How Step Functions calls it that a job ran and failed: of another failure one may still be going.
_JOB_FAILED = "States.TaskFailed"
_DELETED_AT_ONCE = 1000


def restore(inputs: RunInputs, given: FailedPreparation, artifacts: str) -> RestoredInputs:
    """Have the run read the versions of its manifest from copies, if that is what was missing.

    May be called again, by whoever was not answered: what tells whether the run goes on is that the
    manifest is no longer the one that the failed job was given. ``artifacts`` is a bucket.

    Raises:
        botocore.exceptions.ClientError: AWS refused a step; call again to go on from there.
    """
    over = RestoredInputs(data=given.data, error=given.error)
    run = inputs.ledger.run(given.run_id)
    if run is None or given.error.error != _JOB_FAILED or given.round >= PREPARATIONS:
        return over
    data = inputs.keep_readable(run).run_data
    if not data.objects:
        cause = "Nothing of the data that the run was to read is left in the bucket"
        return RestoredInputs(
            data=data, error=StepError(step="RestoreInputs", error="DataGone", cause=cause)
        )
    if data == given.data:
        return over
    clear_preprocessed(inputs.clients.s3, run.run_id, inputs.bucket, artifacts)
    return RestoredInputs(data=data)


def clear_preprocessed(s3: S3Client, run_id: str, data: str, artifacts: str) -> None:
    """Delete what a run's preprocess job made: the next one's must not mix with it."""
    for bucket, prefix in ((artifacts, preprocessed(run_id)), (data, quarantined(run_id))):
        pages = s3.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, Prefix=prefix, PaginationConfig={"PageSize": _DELETED_AT_ONCE}
        )
        for page in pages:
            if found := page.get("Contents", []):
                s3.delete_objects(
                    Bucket=bucket, Delete={"Objects": [{"Key": one["Key"]} for one in found]}
                )
