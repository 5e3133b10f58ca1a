"""Section ``start`` of ``pipeline.yaml``: when a run starts, with new data and without."""

import re
from typing import Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator

from dropforge_core.published import DriftAlarm, Schedule, StartPolicy
from dropforge_core.section import Section

_DAY = 86_400
_FOURTEEN_DAYS = 14 * _DAY


# docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html; AWS looks closer.
_RATE = re.compile(r"rate\((1 (minute|hour|day)|([2-9]|[1-9][0-9]+) (minutes|hours|days))\)")
_CRON = re.compile(r"cron\(\S+ \S+ (\? \S+ [^?\s]+|[^?\s]+ \S+ \?) \S+\)")


class Timetable(Section):
    """When runs start by themselves: ``rate(1 day)`` or ``cron(0 3 * * ? *)``, in a time zone.

    ``schedule: rate(1 day)`` is short for ``schedule: {expression: rate(1 day)}``.
    """

    expression: str = Field(max_length=256)
    timezone: str = "UTC"

    @field_validator("expression")
    @classmethod
    def _is_one(cls, expression: str) -> str:
        if not (_RATE.fullmatch(expression) or _CRON.fullmatch(expression)):
            message = (
                "neither a rate, such as rate(1 day) or rate(6 hours), nor a cron expression of six"
                " fields with one ?, such as cron(0 3 * * ? *)"
            )
            raise ValueError(message)
        return expression

    @field_validator("timezone")
    @classmethod
    def _is_known(cls, timezone: str) -> str:
        try:
            ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as err:
            message = f"{timezone!r} is no time zone, such as Europe/Berlin"
            raise ValueError(message) from err
        return timezone


class Metric(Section):
    """A CloudWatch metric."""

    namespace: str = Field(min_length=1, max_length=255)
    name: str = Field(min_length=1, max_length=255)
    dimensions: dict[str, str] = Field(default_factory=dict, max_length=30)


class Drift(Section):
    """When a drift figure starts a run: above ``threshold``.

    Without ``metric`` it is ours: the population stability index of the data of the last run
    against that of the model that serves. ``period_seconds`` is what the alarm looks at, its
    maximum.
    """

    threshold: float = Field(default=0.25, allow_inf_nan=False)
    metric: Metric | None = None
    period_seconds: int = Field(default=60, ge=60, le=_DAY, multiple_of=60)


class Start(Section):
    """At once unless it says otherwise: after a quiet period, or when a marker object has come.

    ``quiet_seconds`` without a new object, or ``at_latest_seconds`` after the first; ``marker`` is
    the last part of that object's key, and releases what was dropped before it. ``schedule`` and
    ``drift`` start runs without new data.
    """

    quiet_seconds: int | None = Field(default=None, ge=1, le=_DAY)
    at_latest_seconds: int | None = Field(default=None, ge=1, le=_FOURTEEN_DAYS)
    marker: str | None = Field(default=None, pattern=r"^[^/\x00]{1,255}$")
    schedule: Timetable | None = None
    drift: Drift | None = None

    @field_validator("schedule", mode="before")
    @classmethod
    def _expression_alone(cls, given: Any) -> Any:
        return {"expression": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        problem = ""
        if self.quiet_seconds and self.marker:
            problem = "give quiet_seconds or marker, not both"
        elif self.at_latest_seconds and not (self.quiet_seconds or self.marker):
            problem = "at_latest_seconds goes with quiet_seconds or marker"
        elif self.quiet_seconds and not self.at_latest_seconds:
            problem = "quiet_seconds needs at_latest_seconds: data that keeps coming never ends"
        elif (self.at_latest_seconds or _FOURTEEN_DAYS) < (self.quiet_seconds or 0):
            problem = "at_latest_seconds must be at least quiet_seconds"
        if problem:
            raise ValueError(problem)
        return self

    def resolved(self) -> StartPolicy | None:
        """Return what the trigger goes by; None when runs start at once."""
        if not (self.quiet_seconds or self.marker):
            return None
        return StartPolicy(
            quiet_seconds=self.quiet_seconds,
            at_latest_seconds=self.at_latest_seconds,
            marker=self.marker,
        )

    def resolved_schedule(self) -> Schedule | None:
        """Return the schedule as `publish` makes it."""
        if self.schedule is None:
            return None
        return Schedule(expression=self.schedule.expression, timezone=self.schedule.timezone)

    def resolved_drift(self) -> DriftAlarm | None:
        """Return what the drift alarm watches, as `publish` makes it."""
        if self.drift is None:
            return None
        metric = self.drift.metric
        return DriftAlarm(
            threshold=self.drift.threshold,
            period_seconds=self.drift.period_seconds,
            namespace=metric.namespace if metric else None,
            metric=metric.name if metric else None,
            dimensions=metric.dimensions if metric else {},
        )
