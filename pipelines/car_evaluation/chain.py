"""The three models of the endpoint, one after the other, as an evaluation asks them.

What is computed here is what the containers compute, from the very archives that they get; how a
request is read and an answer is written is theirs alone.
"""

from __future__ import annotations

import io
import json
import tarfile
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
import xgboost
from encoding import ARCHIVE, CATEGORIES, IGNORE, MODEL, POSTPROCESSOR, PREPROCESSOR, UNKNOWN

from dropforge_jobs.jobs import JobError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

REFUSED = "(refused)"  # what stands for the answer to a row that the endpoint takes for an error
_BOOSTER = "xgboost-model"


class Chain:
    """Raw rows in, labels out."""

    def __init__(self, booster: Path, models: Path) -> None:
        """Load the archive of the training job and those that preprocess made.

        Raises:
            JobError: one of them is missing, no archive, or holds no usable model.
        """
        self._front = _session(models / PREPROCESSOR / ARCHIVE)
        self._behind = _session(models / POSTPROCESSOR / ARCHIVE)
        metadata = self._front.get_modelmeta().custom_metadata_map
        try:
            self._known = {k: frozenset(v) for k, v in json.loads(metadata[CATEGORIES]).items()}
            self._refuses = metadata[UNKNOWN] != IGNORE
            self._booster = xgboost.Booster(model_file=bytearray(_member(booster, _BOOSTER)))
        except (KeyError, ValueError, xgboost.core.XGBoostError) as error:
            raise JobError(f"{booster.parent.name} holds no usable model: {error}") from error

    def features(self, rows: Sequence[Sequence[str]]) -> Any:
        """Return what the first container makes of raw rows: an array of 32-bit floats."""
        table = np.array(rows, dtype=object)
        if table.shape[1] != len(self._known):
            raise JobError(f"the rows have {table.shape[1]} columns, the model {len(self._known)}")
        inputs = [each.name for each in self._front.get_inputs()]
        feed = {inputs[0]: table}
        if len(inputs) > 1:
            feed = {name: table[:, [place]] for place, name in enumerate(self._known)}
        return self._front.run(None, feed)[0]

    def predict(self, rows: Sequence[Sequence[str]]) -> list[str]:
        """Return the answer to each raw row; REFUSED for one with an unknown category."""
        places = self._booster.inplace_predict(self.features(rows)).reshape(-1, 1)
        given = self._behind.get_inputs()[0]
        kind = np.int64 if given.type == "tensor(int64)" else np.float32
        feed = {given.name: places.astype(kind)}
        labels = self._behind.run(None, feed)[0].ravel().tolist()
        return [
            label if not self._refuses or self._knows(row) else REFUSED
            for label, row in zip(labels, rows, strict=True)
        ]

    def _knows(self, row: Sequence[str]) -> bool:
        return all(value in known for value, known in zip(row, self._known.values(), strict=True))


def _session(archive: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    model = _member(archive, MODEL)
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its own exceptions share no base
        raise JobError(f"{archive.parent.name} holds no usable model: {error}") from error


def _member(archive: Path, name: str) -> bytes:
    """Read one file of an archive; nothing is unpacked."""
    try:
        with tarfile.open(archive) as tar:
            file = tar.extractfile(name)
            return io.BytesIO(file.read() if file else b"").getvalue()
    except (OSError, EOFError, KeyError, zlib.error, tarfile.TarError) as error:
        raise JobError(f"{archive.parent.name} cannot be read: {error}") from error
