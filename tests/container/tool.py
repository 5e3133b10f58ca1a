"""The command line as a user has it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_SECONDS = 240


def without_aws() -> dict[str, str]:
    """Return this process's environment without what it says of AWS."""
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}


@dataclass(frozen=True)
class Tool:
    """The command line, inside a project, with a state folder of its own."""

    root: Path
    state: Path
    environment: Mapping[str, str] = field(default_factory=without_aws)

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command."""
        return subprocess.run(
            [sys.executable, "-m", "dropforge.cli", *arguments],
            cwd=self.root,
            env={**self.environment, "DROPFORGE_STATE": str(self.state)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )

    def document(self, *arguments: str, status: int = 0) -> Any:
        """Run a command with --json; return the one document that it printed."""
        done = self(*arguments, "--json")
        assert done.returncode == status, done.stderr
        return json.loads(done.stdout)
