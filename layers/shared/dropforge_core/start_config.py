"""Section ``start`` of ``pipeline.yaml``: when a run starts for data that waits."""

from typing import Self

from pydantic import Field, model_validator

from dropforge_core.contracts import StartPolicy
from dropforge_core.section import Section

_DAY = 86_400
_FOURTEEN_DAYS = 14 * _DAY


class Start(Section):
    """At once unless it says otherwise: after a quiet period, or when a marker object has come.

    ``quiet_seconds`` without a new object, or ``at_latest_seconds`` after the first; ``marker`` is
    the last part of that object's key, and releases what was dropped before it.
    """

    quiet_seconds: int | None = Field(default=None, ge=1, le=_DAY)
    at_latest_seconds: int | None = Field(default=None, ge=1, le=_FOURTEEN_DAYS)
    marker: str | None = Field(default=None, pattern=r"^[^/\x00]{1,255}$")

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
