"""What preprocessing fits, whichever engine does it, and the files that it leaves.

The transformation is one-hot encoding of text columns and an index of the labels, both fitted on
training rows only. Each engine fits and applies them with its own library and exports them as ONNX
with that library's converter; both exports say what they know, and both engines give the same
features in the same order.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dropforge_jobs.holdout import HOLDOUT, TRAIN, VALIDATION
from dropforge_jobs.jobs import JobError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from dropforge_jobs.rules import Rules

ARCHIVE = "model.tar.gz"
MODEL = "model.onnx"
PREPROCESSOR, POSTPROCESSOR = "preprocessor", "postprocessor"
PREDICTION = "prediction"  # the input of the postprocessor: a label's place in the index
# Metadata of the models: what each input may hold, what the features are called, and whether an
# unknown category is refused or encoded as zeros.
CATEGORIES, FEATURES, UNKNOWN = "categories", "features", "unknown"
REFUSE, IGNORE = "refuse", "ignore"
SIDES = (TRAIN, VALIDATION, HOLDOUT)
ROWS, ENCODED = "rows", "features"  # folders of the hold-out: as they came, and as features
MOST_CATEGORIES = 1000  # of a column; more of them is text that nobody should one-hot encode
MOST_DISTINCT = 100_000  # rows


@dataclass(frozen=True)
class Encoding:
    """What was found in the training rows.

    Attributes:
        columns: the names of the feature columns.
        categories: what each of them holds, in the order of the features made of it.
        labels: the label of each place in the index.
    """

    columns: tuple[str, ...]
    categories: tuple[tuple[str, ...], ...]
    labels: tuple[str, ...]

    def preprocessor_metadata(self, unknown: str) -> dict[str, str]:
        """Return what the model in front says of itself."""
        known = dict(zip(self.columns, self.categories, strict=True))
        names = [f"{column}={value}" for column, values in known.items() for value in values]
        return {
            CATEGORIES: json.dumps(known),
            FEATURES: json.dumps(names),
            UNKNOWN: unknown,
        }

    def postprocessor_metadata(self) -> dict[str, str]:
        """Return what the model behind says of itself."""
        return {CATEGORIES: json.dumps({PREDICTION: list(range(len(self.labels)))})}


@dataclass
class Encoded:
    """What an engine has made of a run's rows.

    Attributes:
        values: per column, how often each value comes, in all rows.
        classes: per label, how many rows are on which side.
        distinct: how often each row comes that is not in the hold-out: side, label, features; None
            when there are too many different ones.
        encoding: what was fitted.
        left_out: rows of the validation side with a label that no training row has.
    """

    values: dict[str, Counter[str]]
    classes: dict[str, Counter[str]] = field(default_factory=dict)
    distinct: Counter[tuple[str, ...]] | None = field(default_factory=Counter)
    encoding: Encoding = Encoding((), (), ())
    left_out: int = 0
    _unsettled: Counter[tuple[str, ...]] = field(default_factory=Counter)

    def count(self, side: str, label: str, features: Sequence[str]) -> None:
        """Count a row; `settle` comes after the last one."""
        self._unsettled[side, label, *features] += 1
        if len(self._unsettled) > MOST_DISTINCT:
            self.settle()

    def settle(self) -> None:
        """Take in what was counted: the different rows, of which there are few."""
        for row, rows in self._unsettled.items():
            side, label, *features = row
            self.classes.setdefault(label, Counter())[side] += rows
            for counter, value in zip(self.values.values(), features, strict=True):
                counter[value] += rows
            if self.distinct is not None and side != HOLDOUT:
                self.distinct[row] += rows
        self._unsettled.clear()
        self._check()

    def add(self, other: Encoded) -> None:
        """Add the counts of other rows."""
        for label, sides in other.classes.items():
            self.classes.setdefault(label, Counter()).update(sides)
        for column, counter in self.values.items():
            counter.update(other.values[column])
        if self.distinct is not None and other.distinct is not None:
            self.distinct.update(other.distinct)
        else:
            self.distinct = None
        self._check()

    def digest(self) -> str:
        """Return a digest of what is learnt from, in whatever order; "" when it is too much."""
        if self.distinct is None:
            return ""
        learnt = [self.encoding.categories, self.encoding.labels, sorted(self.distinct.items())]
        return hashlib.sha256(json.dumps(learnt).encode()).hexdigest()

    def _check(self) -> None:
        for column, counter in self.values.items():
            if len(counter) > MOST_CATEGORIES:
                raise JobError(f"column {column} has more than {MOST_CATEGORIES} different values")
        if self.distinct is not None and len(self.distinct) > MOST_DISTINCT:
            self.distinct = None


class UnusableError(Exception):
    """No model can be made of these rows; the text says why, for the run's reason."""


def text_columns(rules: Rules) -> tuple[str, ...]:
    """Return the feature columns; raises `JobError` when one is not text or may be empty."""
    for column in rules.columns:
        if column.type != "text" or column.nullable:
            raise JobError(f"column {column.name} is no plain text: this script encodes categories")
    return tuple(rules.features)


def check_classes(classes: Mapping[str, Mapping[str, int]]) -> None:
    """Raise `UnusableError` when there is nothing to tell apart or nothing to judge with."""
    labels = [label for label, sides in classes.items() if sides.get(TRAIN)]
    if len(labels) < 2:  # noqa: PLR2004  a classifier tells two things apart
        raise UnusableError(f"There are rows to train on for {labels} only; it takes two classes.")
    for side in (VALIDATION, HOLDOUT):
        if not any(classes[label].get(side) for label in labels):
            raise UnusableError(f"The rows are too few: none falls into the {side} side.")


def annotate(model: Any, metadata: Mapping[str, str]) -> bytes:
    """Give an ONNX model metadata, and return its bytes."""
    for key, value in metadata.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    return bytes(model.SerializeToString(deterministic=True))


def pack(model: bytes, folder: Path) -> None:
    """Write an ONNX model as `model.tar.gz`; the same model is the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    inside = io.BytesIO()
    with tarfile.open(fileobj=inside, mode="w") as tar:
        entry = tarfile.TarInfo(MODEL)
        entry.size, entry.mode = len(model), 0o644
        tar.addfile(entry, io.BytesIO(model))
    (folder / ARCHIVE).write_bytes(gzip.compress(inside.getvalue(), mtime=0))
