"""Checkpoints that are either whole or not there, in a folder that SageMaker keeps in S3.

A checkpoint is one file, and its name holds a hash of what is in it. So one that was half-written
when the machine went away, or half-uploaded, is recognised whatever a file system or S3 did, and
the one before is used. The contents are arrays and JSON: reading one runs no code.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import re
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

KEPT = 2
_NAME = re.compile(r"step-(\d{9})-([0-9a-f]{16})\.npz")
_STATE = "state"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checkpoint:
    """What training needs to go on.

    Attributes:
        step: how many batches were trained on.
        state: plain values, as JSON has them.
        arrays: weights and the like, in an order that training knows.
    """

    step: int
    state: dict[str, Any]
    arrays: Sequence[Any]


def save(folder: Path, checkpoint: Checkpoint) -> Path:
    """Write a checkpoint, then remove all but the newest `KEPT`."""
    folder.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    named: dict[str, Any] = {
        f"a{place:04d}": np.asarray(each) for place, each in enumerate(checkpoint.arrays)
    }
    state = json.dumps(checkpoint.state, allow_nan=False).encode()
    named[_STATE] = np.frombuffer(state, np.uint8)
    np.savez(buffer, **named)
    content = buffer.getvalue()
    path = folder / f"step-{checkpoint.step:09d}-{_hash(content)}.npz"
    # The last two characters keep it from being taken for a checkpoint, should it stay behind.
    half = path.with_suffix(".npz.~")
    with half.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    half.replace(path)
    for old in _newest(folder)[KEPT:]:
        old.unlink()
    return path


def load(folder: Path, fingerprint: str) -> Optional[Checkpoint]:
    """Return the newest checkpoint that is whole and of this very training.

    Args:
        folder: where they are; it need not exist.
        fingerprint: that of the training, as `state["fingerprint"]` has it: another has other data
            or parameters, and nothing to go on with.
    """
    for path in _newest(folder):
        found = _read(path)
        if found is None:
            logger.warning("the checkpoint %s is not whole: it is left out", path.name)
        elif found.state.get("fingerprint") != fingerprint:
            logger.warning("the checkpoint %s is of another training: it is left out", path.name)
        else:
            return found
    return None


def _newest(folder: Path) -> list[Path]:
    found = folder.glob("step-*.npz") if folder.is_dir() else ()
    return sorted((path for path in found if _NAME.fullmatch(path.name)), reverse=True)


def _read(path: Path) -> Optional[Checkpoint]:
    name = _NAME.fullmatch(path.name)
    content = path.read_bytes()
    if name is None or _hash(content) != name.group(2):
        return None
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            state = json.loads(arrays[_STATE].tobytes())
            numbered = sorted(set(arrays.files) - {_STATE})
            return Checkpoint(int(name.group(1)), state, [arrays[each] for each in numbered])
    except (ValueError, KeyError, zipfile.BadZipFile):
        return None


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
