"""Section ``data`` of ``pipeline.yaml``: which of its data a run reads."""

from typing import Literal, Self

from pydantic import Field, model_validator

from dropforge_core.published import DataPolicy
from dropforge_core.section import Section

_DAY = 86_400


class Data(Section):
    """All of it, only what no run has read yet, or a window: the last days, the last objects.

    ``data: new`` is short for ``data: {read: new}``.
    """

    read: Literal["all", "new", "window"] = "all"
    days: float | None = Field(default=None, gt=0, le=36_500, allow_inf_nan=False)
    objects: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        given = self.days is not None or self.objects is not None
        if given != (self.read == "window"):
            message = "a window, and nothing else, takes days, objects or both"
            raise ValueError(message)
        return self

    def resolved(self) -> DataPolicy | None:
        """Return what the trigger goes by; None when runs read all data."""
        if self.read == "all":
            return None
        seconds = None if self.days is None else max(1, round(self.days * _DAY))
        return DataPolicy(scope=self.read, seconds=seconds, objects=self.objects)
