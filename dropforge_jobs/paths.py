"""Where a SageMaker processing job finds its files: all below one base that can be moved."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class JobPaths:
    """The folders of a processing job; `base` stands for /opt/ml."""

    base: Path

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> JobPaths:
        """Take the base from SAGEMAKER_BASE_DIR, as AWS's own containers do; default /opt/ml."""
        return cls(Path(environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")))

    def input(self, name: str) -> Path:
        """Return the local folder of the processing input `name`."""
        return self.base / "processing" / "input" / name

    @property
    def output(self) -> Path:
        """The folder that holds what the job leaves."""
        return self.base / "processing" / "output"

    @property
    def message(self) -> Path:
        """The file whose text SageMaker shows as a processing job's ExitMessage."""
        return self.base / "output" / "message"
