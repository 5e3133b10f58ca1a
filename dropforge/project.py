"""The project: the folder with template.yaml, and what lies where in it."""

import os
from dataclasses import dataclass
from pathlib import Path

from dropforge.errors import InputError

_MARK = "template.yaml"
STATE_VARIABLE = "DROPFORGE_STATE"


@dataclass(frozen=True)
class Project:
    """A checkout of the application, and the folder of the embedded AWS that goes with it."""

    root: Path
    state: Path

    @property
    def template(self) -> Path:
        """The SAM template."""
        return self.root / _MARK

    @property
    def pipelines(self) -> Path:
        """One folder a pipeline."""
        return self.root / "pipelines"

    @property
    def containers(self) -> Path:
        """One folder for each image of our own."""
        return self.root / "containers"

    @property
    def own(self) -> Path:
        """What the tool writes: builds, reports, the embedded AWS's state."""
        return self.root / ".dropforge"

    def relative(self, path: Path) -> str:
        """Word a path for people: relative to the root where it lies below it."""
        return str(path.relative_to(self.root)) if path.is_relative_to(self.root) else str(path)


def find_project() -> Project:
    """Find the project of the working directory, searching upwards.

    Raises:
        InputError: the working directory is in no project.
    """
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / _MARK).is_file():
            state = os.environ.get(STATE_VARIABLE)
            return Project(folder, Path(state).resolve() if state else _default_state(folder))
    raise InputError(
        f"{here}: no {_MARK} here or in a folder above: run this inside a Dropforge checkout."
    )


def error_log() -> Path:
    """Return the file for the details of unexpected errors, for the place where we are."""
    try:
        folder = find_project().own
    except InputError:
        folder = Path.cwd() / ".dropforge"
    return folder / "error.log"


def _default_state(root: Path) -> Path:
    return root / ".dropforge" / "local"
