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
from dropforge_jobs.profile import NumberProfile
from dropforge_jobs.rules import Rules
from dropforge_jobs.screening import Screening

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from dropforge_jobs.manifest import ManifestObject
    from dropforge_jobs.outcome import Outcome
    from dropforge_jobs.paths import JobPaths

logger = logging.getLogger(__name__)


@dataclass
class Profile:
    """What is in the good rows; written as report/profile.json.

    Attributes:
        split: how rows were shared out; a later run finds by it what this one trained on.
        features: the values of each feature, by its name.
        classes: per label, how many rows went to which side.
    """

    split: Split
    features: dict[str, NumberProfile]
    classes: dict[str, Counter[str]] = field(default_factory=dict)

    def use(self, label: str, side: str, features: Sequence[float]) -> None:
        """Count a row that went to `side`."""
        self.classes.setdefault(label, Counter())[side] += 1
        for column, value in zip(self.features.values(), features, strict=True):
            column.add(value)

    @property
    def sides(self) -> Counter[str]:
        """Rows per side."""
        return sum(self.classes.values(), Counter())

    def unusable(self) -> str:
        """Say why no model can be made of these rows and judged with them; "" when one can."""
        labels = [label for label, sides in self.classes.items() if sides[TRAIN]]
        if len(labels) < 2:  # noqa: PLR2004  a classifier tells two things apart
            return f"There are rows to train on for {labels} only; it takes two classes."
        if not self.sides[HOLDOUT]:
            rows = self.sides.total()
            return f"{rows} rows are too few: none of them falls into the hold-out."
        return ""

    def document(self, screening: Screening) -> dict[str, Any]:
        """Return the profile as JSON has it; a value is missing where a row was rejected for it."""
        for name, column in self.features.items():
            column.missing = screening.faults[name]
        return {
            "rows": self.sides.total(),
            "sides": self.sides,
            "classes": dict(sorted(self.classes.items())),
            "rejected": screening.rejected(),
            "objects": [each.counts() for each in screening.tallies],
            "split": asdict(self.split),
            "features": {name: column.document() for name, column in self.features.items()},
        }


def main(paths: JobPaths) -> None:
    """Run the job with the arguments of the command line."""
    arguments = _arguments(sys.argv[1:])
    screening = Screening(Rules.load(paths.input("code")), paths.quarantine)
    objects = read_manifest(paths.input("manifest") / "manifest.json")
    # The state machine says so: under a KMS key ETags are no MD5s of the bytes.
    etags = os.environ.get("DROPFORGE_ETAGS", "md5") == "md5"
    files = check_arrivals(objects, paths.input("data"), etags=etags)
    split = Split(arguments.seed, arguments.holdout, arguments.validation)
    outcome = preprocess(zip(objects, files, strict=True), screening, split, paths.output)
    outcome.tell(paths.message)


def _arguments(texts: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, exit_on_error=False)
    parser.add_argument("--holdout", type=share, default=0.3, help="share that judges models")
    parser.add_argument("--validation", type=share, default=0.0, help="share to tune with")
    parser.add_argument("--seed", type=int, required=True, help="another seed, another split")
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


def preprocess(
    arrived: Iterable[tuple[ManifestObject, Path]],
    screening: Screening,
    split: Split,
    output: Path,
) -> Outcome:
    """Write the good rows per side, label first, and a profile.

    Equal rows are all kept. They are on the same side, as are rows that differ in their label only.

    Args:
        arrived: the run's objects and the file of each.
        screening: tells good rows from bad ones.
        split: how rows are shared out.
        output: gets train/train.csv, holdout/holdout.csv, with a validation share also
            validation/validation.csv, and report/profile.json.

    Returns:
        What came of it; it says so when no model should be made of these rows.
    """
    profile = Profile(split, {name: NumberProfile() for name in screening.rules.features})
    sides = [TRAIN, HOLDOUT, *([VALIDATION] if split.validation else [])]
    with ExitStack() as stack:
        writers = {
            side: csv.writer(stack.enter_context(_create(output / side / f"{side}.csv")))
            for side in sides
        }
        for item, path in arrived:
            for row in screening.rows(item, path):
                label, features = screening.rules.part(row)
                side = split.side(features)
                writers[side].writerow([label, *features])
                profile.use(label, side, features)
    outcome = screening.end(profile.unusable())
    with _create(output / "report" / "profile.json") as report:
        json.dump(profile.document(screening), report, allow_nan=False)
    logger.info("rows used: %s", dict(profile.sides))
    logger.info("rows rejected: %s", screening.rejected()["reasons"])
    logger.info("objects refused: %d", outcome.quarantined_objects)
    return outcome


def _create(path: Path) -> TextIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("w", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    sys.exit(run_job(main))
