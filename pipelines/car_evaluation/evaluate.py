"""Judge the chain of models on the hold-out, and the champion's chain on the same rows.

Two more things are looked at: whether the first model computes the very features that preprocess
wrote, and what the hyperparameters of 2018 give on the same rows, for the reader of the report.
"""

from __future__ import annotations

import csv
import logging
import os
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import xgboost
from chain import Chain
from encoding import ARCHIVE, ENCODED, ROWS

from dropforge_jobs.champion import ask_champion
from dropforge_jobs.chart import write_chart
from dropforge_jobs.evaluation import evaluate_classes, evaluate_run, write_evaluation
from dropforge_jobs.facts import RunFacts
from dropforge_jobs.holdout import TRAIN, VALIDATION, find_leaks
from dropforge_jobs.jobs import JobError, run_job
from dropforge_jobs.report import write_report

if TYPE_CHECKING:
    from pathlib import Path

    from dropforge_jobs.holdout import Split
    from dropforge_jobs.paths import JobPaths

# What the system of 2018 trained with: AWS's blog on a Spark and XGBoost inference pipeline.
REFERENCE = {"objective": "multi:softmax", "eval_metric": "mlogloss"}
REFERENCE_ROUNDS, REFERENCE_PATIENCE = 10, 5

logger = logging.getLogger(__name__)


class Pair(NamedTuple):
    """A row of the hold-out."""

    label: str
    row: list[str]


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
    for note in notes:
        logger.info("note: %s", note)


def evaluate(paths: JobPaths, facts: RunFacts) -> tuple[dict[str, Any], list[str]]:
    """Compare the models' answers with the labels of the hold-out.

    Rows that the champion may have been trained on count for neither model.

    Returns:
        The document of `dropforge_jobs.evaluation.evaluate_run` with the run's row counts as
        `data` and the metrics of 2018's hyperparameters as `reference`, and what the report has to
        say.

    Raises:
        JobError: there are no rows, a model cannot be loaded or cannot read them, the new one may
            have been trained on some of them, or it computes other features than it learnt from.
    """
    pairs = read_holdout(paths.input("holdout") / ROWS)
    if leaked(pairs, facts.split):
        raise JobError("the hold-out has rows that, by this run's split, the model was trained on")
    challenger = Chain(paths.input("model") / ARCHIVE, paths.input("models"))
    check_skew(challenger, pairs, paths.input("holdout") / ENCODED)
    known = leaked(pairs, facts.champion_split)
    fair = [pair for place, pair in enumerate(pairs) if place not in known]
    judged = fair or pairs

    def champions_answers() -> list[str]:
        if not fair:
            raise JobError("it may have been trained on every held-out row: the split has changed")
        chain = Chain(paths.input("champion") / ARCHIVE, paths.input("champion_models"))
        return chain.predict([pair.row for pair in fair])

    champion = None
    if facts.champion_run_id is not None:
        champion = ask_champion(facts.champion_run_id, len(judged), champions_answers)
    document = evaluate_run(
        [pair.label for pair in judged],
        challenger.predict([pair.row for pair in judged]),
        champion,
        facts.metric,
        higher_is_better=facts.higher_is_better,
    )
    document["data"] = facts.row_counts
    document["reference"] = reference(challenger, judged, paths.input("models") / "reference")
    return document, _notes(document, len(known) if fair else 0, len(pairs))


def read_holdout(folder: Path) -> list[Pair]:
    """Read the CSV files in a folder, label first; raises `JobError` when there is no row."""
    pairs = [Pair(label, row) for label, *row in _table(folder)]
    if not pairs:
        raise JobError("the hold-out has no rows: there is nothing to evaluate the model on")
    return pairs


def leaked(pairs: list[Pair], split: Split | None) -> set[int]:
    """Return the positions of the rows that a model with this split may have been trained on."""
    return set(find_leaks([pair.row for pair in pairs], split)) if split else set()


def check_skew(chain: Chain, pairs: list[Pair], folder: Path) -> None:
    """Compare what the first model computes with what preprocess wrote, number by number.

    Raises:
        JobError: they differ, and where: what would be served is not what was learnt from.
    """
    written = [[float(value) for value in row] for _, *row in _table(folder)]
    computed = chain.features([pair.row for pair in pairs]).tolist()
    if len(written) != len(computed):
        raise JobError(f"there are {len(written)} rows of features for {len(computed)} rows")
    for place, (ours, theirs) in enumerate(zip(computed, written, strict=True), start=1):
        if ours != theirs:
            raise JobError(
                f"skew: for row {place} of the hold-out the model in front of XGBoost computes"
                " other features than preprocess wrote"
            )


def reference(chain: Chain, pairs: list[Pair], folder: Path) -> dict[str, Any] | None:
    """Train with the hyperparameters of 2018 on the same rows, and evaluate that model.

    Returns:
        Its metrics on the hold-out; None when preprocess left no rows for it, being too many.
    """
    if not folder.is_dir():
        return None
    rows = _table(folder)
    labels = sorted({row[2] for row in rows})
    sides = {
        side: xgboost.DMatrix(
            chain.features([row[3:] for row in rows if row[1] == side]),
            [labels.index(row[2]) for row in rows if row[1] == side],
            weight=[float(row[0]) for row in rows if row[1] == side],
        )
        for side in (TRAIN, VALIDATION)
    }
    booster = xgboost.train(
        {**REFERENCE, "num_class": len(labels)},
        sides[TRAIN],
        REFERENCE_ROUNDS,
        evals=[(sides[VALIDATION], VALIDATION)],
        early_stopping_rounds=REFERENCE_PATIENCE,
        verbose_eval=False,
    )
    features = chain.features([pair.row for pair in pairs])
    places = booster.inplace_predict(features).astype(np.int64).tolist()
    found = evaluate_classes([pair.label for pair in pairs], [labels[place] for place in places])
    return dict(found["metrics"])


def _notes(document: dict[str, Any], known: int, rows: int) -> list[str]:
    notes = []
    if known:
        notes.append(
            f"{known} of {rows} held-out rows may have been in the champion's training data, since"
            " the split has changed since its run: no model is judged on them."
        )
    if found := document["reference"]:
        notes.append(
            f"For comparison: with the hyperparameters of 2018 ({REFERENCE_ROUNDS} rounds, early"
            f" stopping after {REFERENCE_PATIENCE}, XGBoost's defaults otherwise), trained on the"
            f" same rows, accuracy is {found['accuracy']:.4f} and macro_f1 {found['macro_f1']:.4f}."
        )
    return notes


def _table(folder: Path) -> list[list[str]]:
    """Read the CSV files in a folder, one after the other."""
    rows: list[list[str]] = []
    for path in sorted(folder.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            rows += csv.reader(file)
    return rows


if __name__ == "__main__":
    sys.exit(run_job(main))
