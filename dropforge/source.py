"""A training script's source as script mode wants it: one archive, the same for equal files."""

import gzip
import io
import json
import os
import tarfile
from collections.abc import Mapping
from pathlib import Path

ARCHIVE = "sourcedir.tar.gz"
# A channel rather than an address in S3: under network isolation a container cannot fetch anything.
CHANNEL = "code"


def hyperparameters(script: str) -> dict[str, str]:
    """Return what tells AWS's images to run a script; they read each value as JSON."""
    return {
        "sagemaker_program": json.dumps(script),
        "sagemaker_submit_directory": json.dumps(f"/opt/ml/input/data/{CHANNEL}/{ARCHIVE}"),
    }


def pack(files: Mapping[str, Path]) -> bytes:
    """Pack files under their names; neither times nor owners get in."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w") as tar,
    ):
        for name, path in sorted(files.items()):
            content = path.read_bytes()
            member = tarfile.TarInfo(name)
            member.size = len(content)
            member.mode = 0o755 if os.access(path, os.X_OK) else 0o644
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()
