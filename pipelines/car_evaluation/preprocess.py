"""Check the rows that arrived, share them out, and encode them by what the training rows hold.

The same file is a SageMaker processing job on scikit-learn's or Spark's image, and a Glue job; see
README.md beside it.
"""

from __future__ import annotations

import argparse
import csv
import json
import logging
import os
import sys
from collections import Counter
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from encoding import (
    IGNORE,
    POSTPROCESSOR,
    PREPROCESSOR,
    REFUSE,
    Encoded,
    UnusableError,
    pack,
)

from dropforge_jobs import glue
from dropforge_jobs.holdout import Split
from dropforge_jobs.jobs import JobError
from dropforge_jobs.manifest import check_arrivals, read_manifest
from dropforge_jobs.rules import Rules
from dropforge_jobs.screening import Screening

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from dropforge_jobs.manifest import ManifestObject
    from dropforge_jobs.outcome import Outcome
    from dropforge_jobs.paths import JobPaths

logger = logging.getLogger(__name__)


def main(paths: JobPaths) -> None:
    """Run the job with the arguments of the command line."""
    arguments = _arguments(sys.argv[1:])
    screening = Screening(Rules.load(paths.input("code")), paths.quarantine)
    objects = read_manifest(paths.input("manifest") / "manifest.json")
    data = paths.input("data")
    places = glue.Places.read(sys.argv[1:])
    if places is None:
        # The state machine says so: under a KMS key ETags are no MD5s of the bytes.
        etags = os.environ.get("DROPFORGE_ETAGS", "md5") == "md5"
        check_arrivals(objects, data, etags=etags)
    elif arguments.engine != "spark":
        raise JobError("a Glue job is for Spark: set engine: spark")
    arrived = [(item, data / item.path) for item in objects]  # under Glue, once a task fetched it
    split = Split(arguments.seed, arguments.holdout, arguments.validation)
    outcome = preprocess(arrived, screening, split, paths.output, arguments)
    outcome.tell(paths.message)


def _arguments(texts: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, exit_on_error=False)
    parser.add_argument("--holdout", type=share, default=0.15, help="share that judges models")
    parser.add_argument("--validation", type=share, default=0.15, help="share to stop training by")
    parser.add_argument("--seed", type=int, required=True, help="another seed, another split")
    parser.add_argument("--unknown", choices=(REFUSE, IGNORE), default=REFUSE)
    parser.add_argument("--engine", choices=("sklearn", "spark"), default="sklearn")
    try:
        on_glue = glue.Places.read(texts)  # which gives arguments of its own
        return parser.parse_known_args(texts)[0] if on_glue else parser.parse_args(texts)
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
    arguments: argparse.Namespace,
) -> Outcome:
    """Write features per side, the models that make them and undo the labels' index, a profile.

    Args:
        arrived: the run's objects and the file of each.
        screening: tells good rows from bad ones.
        split: how rows are shared out.
        output: gets train/, validation/, holdout/, models/ and report/.
        arguments: which engine encodes, and what the endpoint does with unknown categories.

    Returns:
        What came of it: the number of classes for the training; or why no model should be made.
    """
    if arguments.engine == "spark":
        from encode_spark import encode  # noqa: PLC0415  each image has one of the two
    else:
        from encode_sklearn import encode  # noqa: PLC0415
    try:
        found, front, behind = encode(arrived, screening, split, output, arguments.unknown)
    except UnusableError as error:
        return screening.end(str(error))
    models = output / "models"
    pack(front, models / PREPROCESSOR)
    pack(behind, models / POSTPROCESSOR)
    _write_reference(found, models / "reference")
    profile = output / "report" / "profile.json"
    profile.parent.mkdir(parents=True, exist_ok=True)
    profile.write_text(json.dumps(_profile(found, screening, split), allow_nan=False), "utf-8")
    outcome = screening.end()
    logger.info("rows used: %d; classes: %s", outcome.rows, ", ".join(found.encoding.labels))
    logger.info("rows rejected: %s", screening.rejected()["reasons"])
    logger.info("validation rows left out, whose label no training row has: %d", found.left_out)
    return replace(
        outcome,
        hyperparameters={"num_class": str(len(found.encoding.labels))},
        trained_on=found.digest(),
    )


def _write_reference(found: Encoded, folder: Path) -> None:
    """Write the different rows to learn from, and how often each comes.

    By them the evaluation trains what is shown for comparison. Of many rows with few categories
    there are not many different ones; of others nothing is written.
    """
    if found.distinct is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "rows.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(
            [rows, *row] for row, rows in sorted(found.distinct.items())
        )


def _profile(found: Encoded, screening: Screening, split: Split) -> dict[str, Any]:
    sides: Counter[str] = sum(found.classes.values(), Counter())
    return {
        "rows": sides.total(),
        "sides": sides,
        "classes": dict(sorted(found.classes.items())),
        "rejected": screening.rejected(),
        "objects": [each.counts() for each in screening.tallies],
        "split": asdict(split),
        "features": {},  # no column holds numbers
        "categories": {name: dict(sorted(n.items())) for name, n in found.values.items()},
        "left_out": found.left_out,
    }


if __name__ == "__main__":
    sys.exit(glue.run(main))
