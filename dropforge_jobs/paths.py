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
    def quarantine(self) -> Path:
        """The folder for data that no run should read again; it goes to the data bucket."""
        return self.base / "processing" / "quarantine"

    @property
    def message(self) -> Path:
        """The file of which SageMaker shows 1 KB as ExitMessage, however the job ends."""
        return self.base / "output" / "message"
