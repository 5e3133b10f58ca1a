"""``serve.containers`` of ``pipeline.yaml``: the containers of one model, one after the other.

Limits: docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateModel.html, and the developer
guide's "Inference pipelines" (2 to 15 containers) and "Multi-container endpoints".
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from dropforge_core.published import ServingContainer
from dropforge_core.section import Section

MOST_CONTAINERS = 15
# Whose artifact a container serves: that of the training job, or one that preprocess wrote to
# /opt/ml/processing/output/models/<name>/model.tar.gz.
TRAINED = "train"
PREPROCESSED = "preprocess/"
_NAME = r"[a-zA-Z0-9](?:-*[a-zA-Z0-9]){0,62}"
_MODEL = rf"^(?:{TRAINED}|{PREPROCESSED}{_NAME})$"

type Mode = Literal["serial", "direct"]


class Container(Section):
    """One container: its name as SageMaker tells it, its image, what it serves, its variables.

    Without ``model`` it has no artifact.
    """

    name: str = Field(pattern=rf"^{_NAME}$")
    image: str
    model: Annotated[str, Field(pattern=_MODEL)] | None = None
    environment: dict[str, str] = Field(default_factory=dict)

    @field_validator("environment", mode="before")
    @classmethod
    def _as_text(cls, values: Any) -> Any:
        """Make YAML's numbers what SageMaker hands over: strings."""
        if not isinstance(values, dict):
            return values
        return {key: _text(value) for key, value in values.items()}

    def resolved(self, image: str) -> ServingContainer:
        """Return the container as a run deploys it, from its image's full address."""
        return ServingContainer(
            name=self.name,
            image=image,
            model=self.model,
            environment=self.environment,
        )


def problem_of(containers: Sequence[Container], mode: Mode) -> str | None:
    """Say what AWS or this application would make nothing of; None when all is right."""
    names = [one.name for one in containers]
    if len(set(names)) < len(names):
        return "containers: each needs a name of its own"
    if not any(one.model == TRAINED for one in containers):
        return "containers: none serves the model of the training job: give one `model: train`"
    if mode == "direct" and len(containers) == 1:
        return "mode: direct is for several containers, of which a request names one"
    return None


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value
