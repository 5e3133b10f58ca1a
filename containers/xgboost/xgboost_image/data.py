"""A channel's files as numbers: CSV without header, the label first."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path


class DataError(ValueError):
    """A channel cannot be used; the text is one sentence."""


def read_channel(folder: Path) -> tuple[Any, Any]:
    """Read all files below a channel's folder; an empty cell is a missing value.

    Returns:
        The features, an array of 32-bit floats of the shape (rows, columns), and the labels.

    Raises:
        DataError: there is no row, or one that is no row of numbers like the others.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    tables = [table for path in files if (table := _read(path)).size]
    if not tables:
        raise DataError(f"No data in {folder.name} channel path {folder}.")
    widths = sorted({table.shape[1] for table in tables})
    if len(widths) > 1 or widths[0] < 2:  # noqa: PLR2004  a label and a feature
        raise DataError(f"The {folder.name} channel has rows of {widths} columns, label first.")
    table = np.concatenate(tables) if len(tables) > 1 else tables[0]
    labels = table[:, 0]
    if not np.isfinite(labels).all():
        raise DataError(f"The {folder.name} channel has a label that is no finite number.")
    return table[:, 1:], labels


def check_classes(labels: Any, classes: int, channel: str) -> None:
    """See to it that labels are classes: whole numbers of 0 up to `classes`; or `DataError`."""
    wrong = labels[(labels != labels.astype(np.int64)) | (labels < 0) | (labels >= classes)]
    if wrong.size:
        raise DataError(
            f"The {channel} channel has the label {wrong[0]:g}: with num_class {classes}, labels"
            f" are whole numbers of 0 to {classes - 1}."
        )


def _read(path: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # an empty file
        try:
            return np.loadtxt(path, dtype=np.float32, delimiter=",", comments=None, ndmin=2)
        except ValueError as first:
            try:
                return np.loadtxt(
                    path,
                    dtype=np.float32,
                    delimiter=",",
                    comments=None,
                    ndmin=2,
                    converters=lambda cell: float(cell or "nan"),  # slow: only when cells are empty
                )
            except ValueError:
                raise DataError(f"{path.name} is no CSV of numbers: {first}") from first
