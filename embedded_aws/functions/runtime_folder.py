"""The Python that functions run on: bare, with only what AWS's runtime brings.

A virtual environment without pip whose site-packages holds symbolic links to boto3, AWS's runtime
interface client and what these need. So a function sees its own folder, its layers, the standard
library and last the runtime, in Lambda's order, and nothing of the packages around us.
"""

import importlib.metadata
import importlib.util
import re
import venv
from dataclasses import dataclass
from pathlib import Path

from embedded_aws.functions.records import RUNTIME

_PACKAGES = ("boto3", "awslambdaric")


@dataclass(frozen=True)
class Runtime:
    """How to start an execution environment's program; the handler's name is to be added."""

    folder: Path
    command: tuple[str, ...]


def prepare(folder: Path, *, plain_client: bool | None = None) -> Runtime:
    """Make the runtime in `folder` (about 10 ms).

    `plain_client` chooses our own client instead of AWS's; by default AWS's is taken where it is
    installed (it has no release for macOS).
    """
    venv.EnvBuilder(symlinks=True, clear=True).create(folder)
    packages = folder / "lib" / RUNTIME / "site-packages"
    found: dict[str, importlib.metadata.Distribution] = {}
    for package in _PACKAGES:
        if importlib.util.find_spec(package):
            _collect(package, found)
    for distribution in found.values():
        _link(distribution, packages)
    if plain_client is None:
        plain_client = "awslambdaric" not in found
    client = (str(Path(__file__).with_name("client.py")),)
    # -P: Python would put the working directory, which is the task root, on the path twice.
    python = (str(folder / "bin" / "python"), "-P")
    return Runtime(folder, python + (client if plain_client else ("-m", "awslambdaric")))


def _collect(name: str, found: dict[str, importlib.metadata.Distribution]) -> None:
    distribution = importlib.metadata.distribution(name)
    if distribution.name in found:
        return
    found[distribution.name] = distribution
    for requirement in distribution.requires or []:
        # Extras and other platforms are not what the runtime has.
        if ";" not in requirement:
            _collect(re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0], found)


def _link(distribution: importlib.metadata.Distribution, packages: Path) -> None:
    tops = {file.parts[0] for file in distribution.files or []}
    for top in tops - {"..", "__pycache__"}:
        (packages / top).symlink_to(Path(str(distribution.locate_file(top))))
