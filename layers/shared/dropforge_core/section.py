"""What every part of ``pipeline.yaml`` has in common."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A part of pipeline.yaml: immutable, and a key that nobody knows is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
