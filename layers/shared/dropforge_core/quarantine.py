"""What a run's preprocess job refused whole: the index that it left in quarantine."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from dropforge_core.naming import QUARANTINE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mypy_boto3_s3 import S3Client

    from dropforge_core.records import Arrival, Content, Run

_INDEX = "quarantine.json"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


class _Entry(_Part):
    etag: str
    size: int
    whole: bool
    reason: str


class _Index(_Part):
    """As dropforge_jobs.quarantine writes it; it holds more, for people."""

    objects: tuple[_Entry, ...]


def read_refused(s3: S3Client, bucket: str, run: Run) -> dict[Content, str]:
    """Return the contents that a run's job refused whole, each with the reason.

    Raises:
        botocore.exceptions.ClientError: there is no such index, or AWS refused it.
        pydantic.ValidationError: it is no such index.
    """
    key = f"{QUARANTINE}{run.pipeline}/{run.run_id}/{_INDEX}"
    document = json.load(s3.get_object(Bucket=bucket, Key=key)["Body"])
    entries = _Index.model_validate(document).objects
    return {(one.etag, one.size): one.reason for one in entries if one.whole}


def settled(
    arrivals: Iterable[Arrival],
    run: Run,
    refused: Mapping[Content, str],
    otherwise: Iterable[Arrival],
    *,
    screened: bool,
) -> list[Arrival]:
    """Return the arrivals that a run's end changes: those of ``otherwise``, and what it refused.

    Equal bytes share one fate, whatever their keys: what was refused is QUARANTINED, also where an
    earlier run had used it, and what was ``screened`` and found good is so no longer. The run's own
    come last: as long as one of them is IN_RUN, all of this is done again.
    """
    known = list(arrivals)
    own = {one.content for one in known if one.is_read_by(run.run_id)}
    good = own - set(refused) if screened else set()
    changed = {(one.key, one.version_id): one for one in otherwise}
    for one in known:
        is_own = one.is_read_by(run.run_id)
        if one.content in refused and (is_own or one.status in {"USED", "SKIPPED"}):
            changed[one.key, one.version_id] = _quarantined(one, run, refused[one.content])
        elif one.content in good and one.status == "QUARANTINED":
            changed[one.key, one.version_id] = replace(
                one, status="USED", run_id=run.run_id, reason=""
            )
    mine = {(one.key, one.version_id) for one in known if one.is_read_by(run.run_id)}
    return [changed[name] for name in sorted(changed, key=lambda name: name in mine)]


def _quarantined(arrival: Arrival, run: Run, reason: str) -> Arrival:
    return replace(arrival, status="QUARANTINED", run_id=run.run_id, reason=reason)
