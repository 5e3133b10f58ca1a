"""Series as files: the values of one side as float32, and what they are as JSON. No pickle.

`values.npy` has all segments one after the other; `series.json` says where each begins. The values
are the measured ones: scaling is the reader's, by the `scaler` that the training side gave.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dropforge_jobs.jobs import JobError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dropforge_jobs.series_grid import Grid, Segment

FORMAT = "dropforge-series-1"
VALUES, META = "values.npy", "series.json"


@dataclass(frozen=True)
class Scaler:
    """Standard scaling: less the mean, divided by the standard deviation."""

    mean: float
    scale: float

    @classmethod
    def fit(cls, pieces: Sequence[Segment]) -> Scaler:
        """Fit it on segments, without what they have for context."""
        values = np.concatenate([each.values[each.context :] for each in pieces])
        return cls(float(values.mean()), float(values.std()))


@dataclass(frozen=True)
class StoredSegment:
    """Where a segment lies among the values; see `dropforge_jobs.series_grid.Segment`."""

    series: str
    start: int
    context: int
    offset: int
    length: int


@dataclass(frozen=True)
class StoredSeries:
    """One side, read back.

    Attributes:
        values: float32, in the file until they are read.
        segments: the pieces.
        step: seconds from one value to the next.
        season: steps of a season.
        scaler: fitted on the training side, whichever side this is.
        naive_error: of the training side, the mean absolute difference of values a season apart.
    """

    values: Any
    segments: tuple[StoredSegment, ...]
    step: int
    season: int
    scaler: Scaler
    naive_error: float


def naive_error(pieces: Sequence[Segment], season: int) -> float:
    """Return the mean absolute difference of values that are a season apart; NaN without any."""
    found = [np.abs(each.values[season:] - each.values[:-season]) for each in pieces]
    errors = np.concatenate([np.empty(0), *found])
    return float(errors.mean()) if len(errors) else float("nan")


def write_series(
    folder: Path, pieces: Sequence[Segment], grid: Grid, scaler: Scaler, naive: float
) -> int:
    """Write one side, making its folder; return how many bytes that took."""
    folder.mkdir(parents=True, exist_ok=True)
    values = np.concatenate([np.empty(0), *(each.values for each in pieces)]).astype("<f4")
    np.save(folder / VALUES, values, allow_pickle=False)
    offset, listed = 0, []
    for each in pieces:
        listed.append(
            {
                "series": each.series,
                "start": each.start,
                "context": each.context,
                "offset": offset,
                "length": len(each.values),
            }
        )
        offset += len(each.values)
    document = {
        "format": FORMAT,
        "step": grid.step,
        "season": grid.season,
        "scaler": {"mean": scaler.mean, "scale": scaler.scale},
        "naive_error": naive,
        "segments": listed,
    }
    (folder / META).write_text(json.dumps(document, allow_nan=False), encoding="utf-8")
    return sum((folder / name).stat().st_size for name in (VALUES, META))


def read_series(folder: Path) -> StoredSeries:
    """Read one side; its values stay in the file until they are used.

    Raises:
        JobError: it is not there, or not what `write_series` writes.
    """
    try:
        document = json.loads((folder / META).read_text(encoding="utf-8"))
        values = np.load(folder / VALUES, mmap_mode="r", allow_pickle=False)
        return _stored(document, values)
    except OSError as error:
        raise JobError(f"the series {folder.name} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise JobError(f"{folder.name} holds no series of preprocess.py: {error!r}") from error


def _stored(document: dict[str, Any], values: Any) -> StoredSeries:
    """Put both files together; ValueError when they do not fit."""
    if document["format"] != FORMAT:
        raise ValueError(document["format"])
    found = tuple(StoredSegment(**each) for each in document["segments"])
    if values.dtype != np.dtype("<f4") or values.shape != (sum(each.length for each in found),):
        raise ValueError(f"{values.dtype} {values.shape}")
    return StoredSeries(
        values,
        found,
        int(document["step"]),
        int(document["season"]),
        Scaler(**document["scaler"]),
        float(document["naive_error"]),
    )
