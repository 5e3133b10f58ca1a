"""Judge the forecaster on the newest days: a SageMaker processing job in TensorFlow's image.

What is judged is the SavedModel that will serve. The champion forecasts the same days, if it was
not trained on them.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tarfile
import tempfile
import zlib
from typing import TYPE_CHECKING, Any

from dropforge_jobs.evaluation import write_evaluation
from dropforge_jobs.facts import RunFacts
from dropforge_jobs.forecast_chart import write_forecast_chart
from dropforge_jobs.forecast_evaluation import Evaluated, Forecaster, evaluate_forecasts
from dropforge_jobs.forecast_report import write_forecast_report
from dropforge_jobs.jobs import JobError, run_job
from dropforge_jobs.series_store import read_series

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dropforge_jobs.paths import JobPaths

ARCHIVE = "model.tar.gz"
_VERSION = "1"

logger = logging.getLogger(__name__)


def main(paths: JobPaths) -> None:
    """Run the job with the arguments of the command line."""
    facts = RunFacts.read(paths, os.environ)
    evaluated = evaluate(paths, facts, every=_arguments(sys.argv[1:]).every)
    folder = paths.output / "evaluation"
    document, curves = evaluated.document, evaluated.curves
    write_evaluation(document, folder / "evaluation.json")
    notes = list((facts.profile or {}).get("notes", []))
    if evaluated.left_out:
        notes.append(
            f"{evaluated.left_out} forecasts were left out: the champion may have been trained on"
            " the values that they forecast."
        )
    write_forecast_report(document, curves, facts, folder / "report.html", notes)
    write_forecast_chart(document, curves, folder / "chart.png")
    for name, value in document["metrics"].items():
        logger.info("holdout:%s=%.6f;", name, value)
    logger.info("comparison: %s", document["comparison"])


def _arguments(texts: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, exit_on_error=False)
    parser.add_argument("--every", type=int, default=12, help="steps from a forecast to the next")
    try:
        return parser.parse_args(texts)
    except argparse.ArgumentError as error:
        raise JobError(f"evaluate.py was called with wrong arguments: {error}") from error


def evaluate(paths: JobPaths, facts: RunFacts, *, every: int) -> Evaluated:
    """Compare both models' forecasts with what came.

    Raises:
        JobError: the hold-out cannot be read, or the new model cannot be loaded or judged.
    """
    series = read_series(paths.input("holdout"))
    evaluated = evaluate_forecasts(
        series,
        load_archive(paths.input("model") / ARCHIVE),
        lambda: load_archive(paths.input("champion") / ARCHIVE),
        facts,
        every=every,
    )
    evaluated.document["data"] = facts.row_counts
    return evaluated


def load_archive(archive: Path) -> Forecaster:
    """Load the SavedModel from the archive that a training job leaves.

    Raises:
        JobError: it cannot be read, would unpack outside its folder, or holds no forecaster.
    """
    with tempfile.TemporaryDirectory() as folder:
        try:
            with tarfile.open(archive) as tar:
                tar.extractall(folder, filter="data")  # refuses links and paths that lead outside
        except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
            raise JobError(f"{archive.name} cannot be unpacked: {error}") from error
        return load_model(f"{folder}/{_VERSION}")


def load_model(folder: str) -> Forecaster:
    """Load a SavedModel; raises JobError when it is no forecaster."""
    import tensorflow as tf  # noqa: PLC0415  it takes seconds: what is wrong before, is said at once

    try:
        model = tf.saved_model.load(folder)
        serve = model.signatures["serving_default"]
        (given,) = serve.structured_input_signature[1].values()
        inputs = int(given.shape[1])
    except (OSError, KeyError, ValueError, TypeError, IndexError) as error:
        raise JobError(
            f"the archive holds no forecaster in its folder {_VERSION}: {error}"
        ) from error
    name = given.name

    def answer(values: Any) -> Any:
        (found,) = serve(**{name: tf.constant(values)}).values()
        return found.numpy() if model else None  # the model has to live as long as its function

    return Forecaster(inputs, answer)


if __name__ == "__main__":
    sys.exit(run_job(main))
