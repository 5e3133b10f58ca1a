"""Check the rows that arrived and share them out: training, validation and hold-out.

A SageMaker processing job; it needs the standard library and dropforge_jobs only.
"""

from __future__ import annotations

import argparse
import csv
import json
import logging
import os
import sys
from collections import Counter
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, TextIO

from dropforge_jobs.holdout import HOLDOUT, TRAIN, VALIDATION, Split
from dropforge_jobs.jobs import JobError, run_job
from dropforge_jobs.manifest import check_arrivals, read_manifest
from dropforge_jobs.numbers import parse_number
from dropforge_jobs.profile import NumberProfile

if TYPE_CHECKING:
    from _csv import Writer
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from dropforge_jobs.paths import JobPaths

FEATURES = ("sepal_length", "sepal_width", "petal_length", "petal_width")  # all in cm
LARGEST = 3.4028234663852886e38  # the tree's numbers have 32 bits
EXAMPLES = 20  # rejected rows that the report shows

logger = logging.getLogger(__name__)


class RejectedRowError(ValueError):
    """A row cannot be used; the text is the reason, the same for all rows with the same fault.

    Attributes:
        feature: the first feature without a usable number, if that is the fault.
    """

    def __init__(self, reason: str, feature: str | None = None) -> None:
        """Say why, and which feature is at fault."""
        super().__init__(reason)
        self.feature = feature


@dataclass
class Profile:
    """What was in the data; written as report/profile.json.

    Attributes:
        split: how rows were shared out; a later run finds by it what this one trained on.
        objects: per key, how many rows were used, rejected, and blank.
        classes: per label, how many rows went to which side.
        reasons: why rows were rejected, and how many for each reason.
        examples: the first rejected rows: object, line (from 1), reason.
        features: per feature, the values of the used rows; missing are those for which a row was
            rejected.
    """

    split: Split
    objects: dict[str, Counter[str]] = field(default_factory=dict)
    classes: dict[str, Counter[str]] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)
    examples: list[dict[str, Any]] = field(default_factory=list)
    features: dict[str, NumberProfile] = field(
        default_factory=lambda: {name: NumberProfile() for name in FEATURES}
    )

    def reject(self, key: str, line: int, error: RejectedRowError) -> None:
        """Count a row that cannot be used."""
        self.objects[key]["rejected"] += 1
        self.reasons[str(error)] += 1
        if error.feature is not None:
            self.features[error.feature].missing += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append({"object": key, "line": line, "reason": str(error)})

    def use(self, key: str, label: str, side: str, features: Sequence[float]) -> None:
        """Count a row that went to `side`."""
        self.objects[key]["rows"] += 1
        self.classes.setdefault(label, Counter())[side] += 1
        for column, value in zip(self.features.values(), features, strict=True):
            column.add(value)

    @property
    def sides(self) -> Counter[str]:
        """Rows per side."""
        return sum(self.classes.values(), Counter())

    def worst(self) -> str:
        """Say which fault is the most frequent and where the first one is; "" without any."""
        if not self.examples:
            return ""
        reason, rows = self.reasons.most_common(1)[0]
        first = self.examples[0]
        return f"{reason} ({rows} rows); the first in {first['object']!r}, line {first['line']}"

    def document(self) -> dict[str, Any]:
        """Return the profile as JSON has it."""
        return {
            "rows": self.sides.total(),
            "sides": self.sides,
            "classes": dict(sorted(self.classes.items())),
            "rejected": {
                "rows": self.reasons.total(),
                "reasons": dict(self.reasons.most_common()),
                "examples": self.examples,
            },
            "objects": [{"key": key, **counts} for key, counts in self.objects.items()],
            "split": asdict(self.split),
            "features": {name: column.document() for name, column in self.features.items()},
        }


def main(paths: JobPaths) -> None:
    """Run the job with the arguments of the command line."""
    arguments = _arguments(sys.argv[1:])
    objects = read_manifest(paths.input("manifest") / "manifest.json")
    # The state machine says so: under a KMS key ETags are no MD5s of the bytes.
    etags = os.environ.get("DROPFORGE_ETAGS", "md5") == "md5"
    files = check_arrivals(objects, paths.input("data"), etags=etags)
    preprocess(
        dict(zip((each.key for each in objects), files, strict=True)),
        paths.output,
        Split(arguments.seed, arguments.holdout, arguments.validation),
        arguments.max_rejected,
    )


def _arguments(texts: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, exit_on_error=False)
    parser.add_argument("--holdout", type=share, default=0.3, help="share that judges models")
    parser.add_argument("--validation", type=share, default=0.0, help="share to tune with")
    parser.add_argument("--seed", type=int, required=True, help="another seed, another split")
    parser.add_argument("--max-rejected", type=share, default=0.05, help="share of unusable rows")
    try:
        return parser.parse_args(texts)
    except argparse.ArgumentError as error:
        raise JobError(f"preprocess.py was called with wrong arguments: {error}") from error


def share(text: str) -> float:
    """Return a number of 0 to 1, or raise `ValueError`, as argparse wants it."""
    number = float(text)
    if not 0 <= number <= 1:  # NaN is not either
        raise ValueError(text)
    return number


def preprocess(files: dict[str, Path], output: Path, split: Split, max_rejected: float) -> Profile:
    """Read label-first CSV without header; write the usable rows per side, and a profile.

    Equal rows are all kept. They are on the same side, as are rows that differ in their label only.

    Args:
        files: the file of each S3 key.
        output: gets train/train.csv, holdout/holdout.csv, with a validation share also
            validation/validation.csv, and report/profile.json, which is there after a failure too.
        split: how rows are shared out.
        max_rejected: the largest share of rows that may be unusable, 0 to 1.

    Raises:
        JobError: no usable row, too many unusable ones, fewer than two classes to train on, or
            an empty hold-out.
    """
    profile = Profile(split)
    sides = [TRAIN, HOLDOUT, *([VALIDATION] if split.validation else [])]
    with ExitStack() as stack:
        writers = {
            side: csv.writer(stack.enter_context(_create(output / side / f"{side}.csv")))
            for side in sides
        }
        for key, path in files.items():
            _share_out(key, path, split, profile, writers)
    with _create(output / "report" / "profile.json") as report:
        json.dump(profile.document(), report, allow_nan=False)
    logger.info("rows used: %s", dict(profile.sides))
    logger.info("rows rejected: %s", dict(profile.reasons))
    _judge(profile, max_rejected)
    return profile


def _create(path: Path) -> TextIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("w", encoding="utf-8", newline="\n")


def _share_out(
    key: str, path: Path, split: Split, profile: Profile, writers: Mapping[str, Writer]
) -> None:
    """Write each usable row of one object to its side, and count them all."""
    counts = profile.objects[key] = Counter(rows=0, rejected=0, blank=0)
    # Bytes that are no UTF-8 come as surrogates, so that one bad row does not hide the others.
    with path.open(encoding="utf-8-sig", errors="surrogateescape") as file:
        for number, line in enumerate(file, start=1):
            if line.isspace():
                counts["blank"] += 1
                continue
            try:
                label, features = parse_row(line.rstrip("\n"))
            except RejectedRowError as error:
                profile.reject(key, number, error)
                continue
            side = split.side(features)
            writers[side].writerow([label, *features])
            profile.use(key, label, side, features)


def parse_row(line: str) -> tuple[str, list[float]]:
    """Return the label and the features of one line.

    A line is a row: with quoted line breaks, which no column here needs, one stray quote would
    swallow all the rows that follow.

    Raises:
        RejectedRowError: the line cannot be used.
    """
    if not line.isascii() and not line.isprintable():
        raise RejectedRowError("not UTF-8 text")
    try:
        label, *texts = next(csv.reader([line], strict=True)) if '"' in line else line.split(",")
    except csv.Error as error:
        raise RejectedRowError("quotes that do not match") from error
    if len(texts) != len(FEATURES):
        raise RejectedRowError(f"not {1 + len(FEATURES)} columns")
    return _label(label.strip()), [
        _feature(name, text) for name, text in zip(FEATURES, texts, strict=True)
    ]


def _label(text: str) -> str:
    if not text:
        raise RejectedRowError("empty label")
    if not text.isprintable():
        raise RejectedRowError("a label with control characters")
    if "." in text and parse_number(text) is not None:
        raise RejectedRowError("a label with decimals: the label has to be the first column")
    return text


def _feature(name: str, text: str) -> float:
    number = parse_number(text)
    if number is None or abs(number) > LARGEST:
        raise RejectedRowError(f"{name} is no finite number", name)
    return number


def _judge(profile: Profile, max_rejected: float) -> None:
    """Refuse data that no model should be made or judged with."""
    used, rejected = profile.sides.total(), profile.reasons.total()
    if not used:
        raise JobError(f"no row can be used: {profile.worst() or 'all objects are empty'}")
    if rejected > max_rejected * (used + rejected):
        raise JobError(
            f"{rejected} of {used + rejected} rows cannot be used, more than the allowed "
            f"{max_rejected:.1%}: {profile.worst()}"
        )
    labels = [label for label, sides in profile.classes.items() if sides[TRAIN]]
    if len(labels) < 2:  # noqa: PLR2004  a classifier tells two things apart
        raise JobError(f"there are rows to train on for {labels} only; it takes two classes")
    if not profile.sides[HOLDOUT]:
        raise JobError(f"{used} rows are too few: none of them falls into the hold-out")


if __name__ == "__main__":
    sys.exit(run_job(main))
