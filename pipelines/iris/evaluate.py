"""Judge the model on the hold-out: a SageMaker processing job in the image that trained it.

The model that serves now, the champion, answers the same rows: what is reported is the difference.
"""

from __future__ import annotations

import logging
import os
import sys
import tarfile
import tempfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

# The image's own code: what is evaluated is what will be served.
from iris_image.model import ModelError, Tree, load
from iris_image.rows import RowError, labelled_rows

from dropforge_jobs.champion import ask_champion
from dropforge_jobs.chart import write_chart
from dropforge_jobs.evaluation import evaluate_run, write_evaluation
from dropforge_jobs.facts import RunFacts
from dropforge_jobs.holdout import find_leaks
from dropforge_jobs.jobs import JobError, run_job
from dropforge_jobs.report import write_report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dropforge_jobs.holdout import Split
    from dropforge_jobs.paths import JobPaths

    type Pair = tuple[str, list[float]]  # label and features of a row

ARCHIVE = "model.tar.gz"

logger = logging.getLogger(__name__)


def main(paths: JobPaths) -> None:
    """Run the job."""
    facts = RunFacts.read(paths, os.environ)
    document, notes = evaluate(paths, facts)
    folder = paths.output / "evaluation"
    write_evaluation(document, folder / "evaluation.json")
    write_report(document, facts, folder / "report.html", notes)
    write_chart(document, folder / "chart.png", facts.metric)
    for name, value in document["metrics"].items():
        logger.info("holdout:%s=%.6f;", name, value)
    logger.info("comparison: %s", document["comparison"])


def evaluate(paths: JobPaths, facts: RunFacts) -> tuple[dict[str, Any], list[str]]:
    """Compare the models' answers with the labels of the hold-out.

    Rows that the champion may have been trained on count for neither model.

    Returns:
        The document of `dropforge_jobs.evaluation.evaluate_run` with the run's row counts as
        `data`, and what the report has to say about its rows.

    Raises:
        JobError: there are no rows, or the new model cannot be loaded, cannot read them, or may
            have been trained on some of them.
    """
    pairs = read_holdout(paths.input("holdout"))
    if leaked(pairs, facts.split):
        raise JobError("the hold-out has rows that, by this run's split, the model was trained on")
    challenger = load_archive(paths.input("model") / ARCHIVE)
    known = leaked(pairs, facts.champion_split)
    fair = [pair for place, pair in enumerate(pairs) if place not in known]
    judged = fair or pairs

    def champions_answers() -> list[str]:
        if not fair:
            raise JobError("it may have been trained on every held-out row: the split has changed")
        return predict(load_archive(paths.input("champion") / ARCHIVE), fair)

    champion = None
    if facts.champion_run_id is not None:
        champion = ask_champion(facts.champion_run_id, len(judged), champions_answers)
    document = evaluate_run(
        [label for label, _ in judged],
        predict(challenger, judged),
        champion,
        facts.metric,
        higher_is_better=facts.higher_is_better,
    )
    document["data"] = facts.row_counts
    note = (
        f"{len(known)} of {len(pairs)} held-out rows may have been in the champion's training "
        "data, since the split has changed since its run: no model is judged on them."
    )
    return document, [note] if known and fair else []


def read_holdout(folder: Path) -> list[Pair]:
    """Read the CSV files in a folder (label first).

    Raises:
        JobError: one of them cannot be read.
    """
    try:
        labels, rows = labelled_rows(sorted(folder.glob("*.csv")))
    except RowError as error:
        raise JobError(f"the hold-out cannot be read: {error}") from error
    return list(zip(labels, rows, strict=True))


def leaked(pairs: Sequence[Pair], split: Split | None) -> set[int]:
    """Return the positions of the rows that a model with this split may have been trained on."""
    return set(find_leaks([row for _, row in pairs], split)) if split else set()


def predict(tree: Tree, pairs: Sequence[Pair]) -> list[str]:
    """Return the model's answer to each row.

    Raises:
        JobError: it was made for other columns, or there is no row.
    """
    if pairs and len(pairs[0][1]) != tree.features:
        raise JobError(f"the hold-out has {len(pairs[0][1])} features, the model {tree.features}")
    return tree.predict([row for _, row in pairs])


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
