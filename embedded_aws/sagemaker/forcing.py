"""Endpoint statuses and outcomes that a test asks for, since nothing here would bring them about.

A document is one of

- `{"name": "e", "status": "Failed", "failure_reason": "..."}`: the endpoint has this status from
  now on; with `"seconds": 3` it is InService again after that;
- `{"name": "e", "next": "RolledBack", "failure_reason": "..."}`: what becomes of the next create or
  update of this endpoint, which need not exist yet;
- `{"name": "e", "seconds": 3}`, alone or beside `next`: the next create, update or delete stays in
  transition for at least so long.

`next` is "Failed" (the endpoint fails), "RolledBack" (an update ends InService on the old config,
with no sign but FailureReason) or "UpdateRollbackFailed" (both configs serve, half and half).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from embedded_aws.errors import AwsError

_REASON = "This outcome was asked for."
_MOST_SECONDS = 3600
STATUSES = (
    "InService",
    "OutOfService",
    "SystemUpdating",
    "Creating",
    "Updating",
    "RollingBack",
    "Failed",
    "UpdateRollbackFailed",
)


class Outcome(StrEnum):
    """How a create or an update is to end; a create that is not to succeed fails."""

    FAILED = "Failed"
    ROLLED_BACK = "RolledBack"
    UPDATE_ROLLBACK_FAILED = "UpdateRollbackFailed"


@dataclass(frozen=True)
class Plan:
    """What the next create, update or delete of an endpoint is to come to."""

    outcome: Outcome | None = None
    reason: str = _REASON
    seconds: float = 0.0  # in transition, at least


@dataclass(frozen=True)
class Order:
    """What a document asks for: a status now, or a plan for what comes next."""

    name: str
    status: str | None
    plan: Plan

    @classmethod
    def read(cls, document: Any) -> "Order":
        """Read a document; raises AwsError for one that asks for nothing or for the impossible."""
        known = {"name", "status", "next", "failure_reason", "seconds"}
        if not isinstance(document, Mapping) or not document.keys() <= known:
            raise _wrong(f"it is an object of {', '.join(sorted(known))}")
        name, status = document.get("name"), document.get("status")
        outcome, seconds = document.get("next"), document.get("seconds", 0)
        reason = document.get("failure_reason", _REASON)
        if not (isinstance(name, str) and name and isinstance(reason, str)):
            raise _wrong("name and failure_reason are text, and name must be there")
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            raise _wrong("seconds is a number")
        if not 0 <= seconds <= _MOST_SECONDS:
            raise _wrong(f"seconds is between 0 and {_MOST_SECONDS}")
        if status is not None and (status not in STATUSES or outcome is not None):
            raise _wrong(f"status is one of {', '.join(STATUSES)}, and next not beside it")
        if outcome is not None and outcome not in list(Outcome):
            raise _wrong(f"next is one of {', '.join(Outcome)}")
        if status is None and outcome is None and not seconds:
            raise _wrong("it asks for nothing: give status, next or seconds")
        plan = Plan(Outcome(outcome) if outcome else None, reason, float(seconds))
        return cls(name, status, plan)


def _wrong(why: str) -> AwsError:
    return AwsError("ValidationException", f"no order for an endpoint: {why}")
