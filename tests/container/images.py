"""Our images, each built by the tool from the Dockerfile that ships.

Containers have no network here, so the wheels that the images ask for are in the builder.
"""

import re
import subprocess
import sys
from pathlib import Path

from . import engine
from .bases import ROOT
from .tool import Tool

CONTAINERS = ROOT / "containers"
NAMES = sorted(path.parent.name for path in CONTAINERS.glob("*/Dockerfile"))
BUILDER = "dropforge-stand-in/builder:3.13"
# What stands in for AWS's Spark image, without Spark.
_SPARK, _SPARK_BASE = "spark", "dropforge-stand-in/spark:3.5"
_REQUIREMENTS = re.compile(r"--requirement /tmp/(\S+)")
_BUILDER = """
FROM {base}
RUN python3 -m ensurepip
COPY . /wheels
RUN printf '[global]\\nno-index = true\\nfind-links = /wheels\\n' > /etc/pip.conf
"""


def make_builder(base: str, folder: Path) -> None:
    """Make an image with a pip that has the wheels of all images."""
    download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    options = ["--require-hashes", "--only-binary=:all:", "--dest", str(folder)]
    for name in NAMES:
        for asked in _REQUIREMENTS.findall((CONTAINERS / name / "Dockerfile").read_text()):
            requirements = CONTAINERS / name / asked
            subprocess.run([*download, *options, "--requirement", requirements], check=True)
    (folder / "Dockerfile").write_text(_BUILDER.format(base=base))
    engine.docker("build", "--quiet", "--tag", BUILDER, str(folder))
    with_numpy = folder / "spark"
    with_numpy.mkdir()
    (with_numpy / "Dockerfile").write_text(f"FROM {BUILDER}\nRUN python3 -m pip install numpy\n")
    engine.docker("build", "--quiet", "--tag", _SPARK_BASE, str(with_numpy))


def build(tool: Tool, base: str, name: str) -> str:
    """Build an image; return its name in the engine."""
    starts = ("--base", _SPARK_BASE) if name == _SPARK else ("--base", base, "--builder", BUILDER)
    built: str = tool.document("image", "build", name, *starts)["name"]
    return built
