"""Judge the model on the hold-out: a SageMaker processing job in the image that trained it."""

from __future__ import annotations

import logging
import sys
import tarfile
import tempfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

# The image's own code: what is evaluated is what will be served.
from iris_image.model import ModelError, Tree, load
from iris_image.rows import RowError, labelled_rows

from dropforge_jobs.evaluation import evaluate_classes, write_evaluation
from dropforge_jobs.jobs import JobError, run_job

if TYPE_CHECKING:
    from dropforge_jobs.paths import JobPaths

logger = logging.getLogger(__name__)


def main(paths: JobPaths) -> None:
    """Run the job."""
    tree = load_archive(paths.input("model") / "model.tar.gz")
    document = evaluate(tree, paths.input("holdout"))
    write_evaluation(document, paths.output / "evaluation" / "evaluation.json")
    for name, value in document["metrics"].items():
        logger.info("holdout:%s=%.6f;", name, value)


def evaluate(tree: Tree, holdout: Path) -> dict[str, Any]:
    """Compare the model's answers with the labels of the CSV files in a folder (label first).

    Returns:
        The document of `dropforge_jobs.evaluation.evaluate_classes`.

    Raises:
        JobError: there are no rows, or the model cannot read them.
    """
    try:
        labels, rows = labelled_rows(sorted(holdout.glob("*.csv")))
    except RowError as error:
        raise JobError(f"the hold-out cannot be read: {error}") from error
    if rows and len(rows[0]) != tree.features:
        raise JobError(f"the hold-out has {len(rows[0])} features, the model {tree.features}")
    return evaluate_classes(labels, tree.predict(rows))


def load_archive(archive: Path) -> Tree:
    """Load the model from the archive that a training job leaves.

    Raises:
        JobError: it cannot be read, would unpack outside its folder, or holds no usable model.
    """
    with tempfile.TemporaryDirectory() as folder:
        try:
            with tarfile.open(archive) as tar:
                tar.extractall(folder, filter="data")  # refuses links and paths that lead outside
            return load(Path(folder))
        except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
            raise JobError(f"{archive.name} cannot be unpacked: {error}") from error
        except ModelError as error:
            raise JobError(f"{archive.name} holds no usable model: {error}") from error


if __name__ == "__main__":
    sys.exit(run_job(main))
