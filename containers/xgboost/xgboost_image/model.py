"""The trained booster, and what it answers.

Answers to CSV and libsvm are spelt as AWS's image spells them: all of a request's predictions on
one line, between commas, and one a line in a batch transform (SAGEMAKER_BATCH). JSON and JSON lines
are an addition of this image.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import xgboost

from xgboost_image.bodies import (
    CSV,
    JSON,
    BodyError,
    RowError,
    answer_rows,
    choose,
    predict_rows,
)
from xgboost_image.predictor import Predictor

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FILE = "xgboost-model"
LIBSVM = ("text/libsvm", "text/x-libsvm")


class ModelError(Exception):
    """There is no usable model; the text is one sentence."""


class XgboostModel:
    """A booster that answers rows of numbers; an empty cell is a missing value."""

    names: Sequence[str] = ()

    def __init__(self, booster: xgboost.Booster, *, batch: bool = False) -> None:
        """Take a booster; `batch` says that this is a batch transform."""
        self.width = booster.num_features()
        self._predictor = Predictor(booster)
        self._batch = batch

    def answer(self, kind: str, body: bytes, accept: str = "") -> tuple[str, bytes]:
        """Answer a request; raises `BodyError`."""
        if kind in LIBSVM:
            predictions = self.predict(libsvm_rows(body, self.width))
        elif kind in ("", CSV):
            predictions = predict_rows(self, CSV, body)
        else:
            return answer_rows(self, kind, body, accept)
        if choose(accept, default=CSV) == JSON:
            return JSON, str(predictions).encode()
        if self._batch:
            return CSV, "".join(f"{each}\n" for each in predictions).encode()
        return CSV, ",".join(map(str, predictions)).encode()

    def check(self, cells: list[Any]) -> list[Any]:
        """Return a row's numbers; raises `RowError` when one is none."""
        return [_number(place, cell) for place, cell in enumerate(cells, start=1)]

    def predict(self, rows: list[list[Any]]) -> list[Any]:
        """Return each row's prediction: a number, or one a class."""
        return self._predictor.predict(np.array(rows, dtype=np.float32))


def load(folder: Path, *, batch: bool = False) -> XgboostModel:
    """Load the booster that training left in `folder`; raises `ModelError`."""
    path = folder / FILE
    try:
        booster = xgboost.Booster(model_file=bytearray(path.read_bytes()))
    except OSError as error:
        raise ModelError(f"there is no model at {path}: {error.strerror}") from error
    except xgboost.core.XGBoostError as error:
        raise ModelError(f"the model {path} cannot be loaded: {error}") from error
    # Requests are small and many: threads of its own would only wait for each other.
    booster.set_param({"nthread": 1})
    return XgboostModel(booster, batch=batch)


def libsvm_rows(body: bytes, width: int) -> list[list[float]]:
    """Read lines of `[label] place:number ...`, places from 0; what is not there is missing.

    Raises:
        BodyError: a line is none, or names a place that the model has not.
    """
    rows = []
    for number, line in enumerate(body.decode("utf-8", "replace").strip().split("\n"), start=1):
        row = [math.nan] * width
        for pair in (cell for cell in line.split() if ":" in cell):
            place, _, value = pair.partition(":")
            if not place.isdigit() or int(place) >= width:
                raise BodyError(f"row {number}, place {place}: the model has {width} places")
            try:
                row[int(place)] = _number(int(place), value)
            except RowError as error:
                raise BodyError(f"row {number}, {error}") from error
        rows.append(row)
    return rows


def _number(place: int, cell: Any) -> float:
    if cell in ("", None):
        return math.nan
    try:
        value = math.inf if isinstance(cell, bool) else float(cell)
    except (ValueError, TypeError):
        value = math.inf
    if math.isinf(value):
        raise RowError(f"column {place} is no number: {str(cell)[:40]}")
    return value
