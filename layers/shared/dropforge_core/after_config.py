"""``after_deploy`` of ``pipeline.yaml``: what a run does once its model serves."""

from typing import Any, Literal

from pydantic import Field

from dropforge_core.published import TransformStep
from dropforge_core.section import Section

# The machine deploy has 30 hours in all.
_LONGEST_SECONDS = 6 * 3_600


class TransformInstance(Section):
    """The machines of a batch transform."""

    type: str = Field(default="ml.m5.large", pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9-]+$")
    count: int = Field(default=1, ge=1, le=100)


class Transform(Section):
    """A batch transform of everything below ``batch/<pipeline>/`` of the data bucket.

    Limits: docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTransformJob.html.
    """

    content_type: str = Field(default="text/csv", max_length=256, pattern=r"^[\x20-\x7e]+$")
    split: Literal["line", "none"] = "line"
    join: bool = True
    input_filter: str = Field(default="$", max_length=63)
    output_filter: str = Field(default="$", max_length=63)
    max_payload_mb: int = Field(default=6, ge=1, le=100)
    max_concurrent: int = Field(default=1, ge=1, le=100)
    instance: TransformInstance = TransformInstance()
    timeout_seconds: int = Field(default=3_600, ge=1, le=_LONGEST_SECONDS)

    def request(self) -> dict[str, Any]:
        """Return CreateTransformJob's request without names and places."""
        by_line = self.split == "line"
        return {
            "BatchStrategy": "MultiRecord" if by_line else "SingleRecord",
            "MaxPayloadInMB": self.max_payload_mb,
            "MaxConcurrentTransforms": self.max_concurrent,
            "TransformInput": {
                "ContentType": self.content_type,
                "SplitType": "Line" if by_line else "None",
            },
            "TransformOutput": {
                "Accept": self.content_type,
                "AssembleWith": "Line" if by_line else "None",
            },
            "DataProcessing": {
                "InputFilter": self.input_filter,
                "OutputFilter": self.output_filter,
                "JoinSource": "Input" if self.join else "None",
            },
            "TransformResources": {
                "InstanceType": self.instance.type,
                "InstanceCount": self.instance.count,
            },
        }

    def resolved(self) -> TransformStep:
        """Return the step as the machine deploy takes it."""
        return TransformStep(request=self.request(), timeout_seconds=self.timeout_seconds)


class AfterDeploy(Section):
    """What a run does last."""

    transform: Transform
