"""Rows of numbers as text and JSON bring them: read strictly, and refused with their place."""

from __future__ import annotations

import csv
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

# scikit-learn keeps a tree's features as 32-bit floats and refuses what does not fit.
LARGEST = 3.4028234663852886e38


class RowError(ValueError):
    """A row cannot be used; the text names row and column, both counted from 1."""


def labelled_rows(paths: Iterable[Path]) -> tuple[list[str], list[list[float]]]:
    """Read CSV files without header, label first.

    Returns:
        The labels and, in the same order, the features of every row of all files.

    Raises:
        RowError: a row has no label, or other columns than the first one, or a feature that is no
            finite number.
    """
    labels: list[str] = []
    rows: list[list[float]] = []
    for path in paths:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file, strict=True)
            try:
                for fields in reader:
                    label, *texts = fields or [""]
                    labels.append(_label(label))
                    rows.append([parse_number(text) for text in texts])
                    _check_width(rows)
            except (ValueError, csv.Error) as error:
                raise RowError(f"{path.name}, line {reader.line_num}: {error}") from error
    return labels, rows


def feature_rows(lines: Iterable[str], features: int) -> list[list[float]]:
    """Read CSV lines that hold features only, and as many as the model has.

    Raises:
        RowError: there is no row, or one has another number of columns or something else than a
            finite number.
    """
    try:
        records = list(csv.reader(lines, strict=True))
    except csv.Error as error:
        raise RowError(f"the body is no CSV: {error}") from error
    return check_rows([[_finite(text) for text in record] for record in records], features)


def check_rows(rows: object, features: int) -> list[list[float]]:
    """Return `rows` if it is a list of lists of `features` finite numbers each.

    Raises:
        RowError: it is not; the first row and column that is at fault.
    """
    if not isinstance(rows, list) or not rows:
        raise RowError("there are no rows")
    return [_check_row(row, number, features) for number, row in enumerate(rows, start=1)]


def _check_row(row: object, number: int, features: int) -> list[float]:
    if not isinstance(row, list):
        raise RowError(f"row {number} is no list of numbers")
    if len(row) != features:
        raise RowError(
            f"row {number} has {len(row)} columns, not {features}: the features without the label"
        )
    for column, value in enumerate(row, start=1):
        if isinstance(value, bool) or not isinstance(value, int | float) or not fits(value):
            raise RowError(f"row {number}, column {column} is no finite number")
    return [float(value) for value in row]


def fits(value: float) -> bool:
    """Say whether a tree can take the value: finite, and in the range of a 32-bit float."""
    return abs(value) <= LARGEST  # False for NaN


def parse_number(text: str) -> float:
    """Return the number that `text` spells.

    Raises:
        ValueError: it spells none, or none that a tree can take. Python's own reading is wider:
            "1_000" and digits of other scripts are refused too.
    """
    try:
        number = float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        number = math.nan
    if not fits(number):
        raise ValueError(f"{text!r} is no finite number")
    return number


def _label(text: str) -> str:
    if not text:
        raise ValueError("the label, which comes first, is empty")
    return text


def _check_width(rows: list[list[float]]) -> None:
    found, wanted = len(rows[-1]), len(rows[0])
    if found != wanted or not wanted:
        raise ValueError(f"{found} features after the label, not {wanted or 'one or more'}")


def _finite(text: str) -> float | None:
    """Return the number, or None, so that the row check can say where it is missing."""
    try:
        return parse_number(text)
    except ValueError:
        return None
