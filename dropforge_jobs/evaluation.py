"""How good a classifier is on the hold-out, in the layout that SageMaker reads.

The document has five parts: `multiclass_classification_metrics` as SageMaker Model Monitor writes
it, which the Model Registry shows as a model's quality; a flat `metrics` object of plain numbers,
which the state machine judges; `champion`, the metrics of the model that serves now, on the same
rows; `comparison`, how sure the difference is; and `data`, how many rows preprocessing used and
rejected, which people are told. Champion and comparison are null without a champion.
https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-model-quality-metrics.html
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from dropforge_jobs import classification
from dropforge_jobs.classification import ClassCounts
from dropforge_jobs.comparison import compare_classes
from dropforge_jobs.jobs import JobError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dropforge_jobs.champion import Champion

_RESAMPLES = 200
_SEED = 0


def evaluate_classes(actual: Sequence[str], predicted: Sequence[str]) -> dict[str, Any]:
    """Compare the predicted class of each row with its actual one.

    Averages are over the classes that occur among `actual` or `predicted`: `macro_f1` counts each
    class the same, `weighted_...` by its actual rows. A ratio of nothing to nothing counts as 0, as
    in scikit-learn. Standard deviations are those of 200 bootstrap resamples of the rows.

    Returns:
        The document that `write_evaluation` writes. `metrics` has accuracy, macro_f1, rows, and
        recall_<class> for each class with actual rows.

    Raises:
        JobError: there is no row.
        ValueError: there is not one prediction per row.
    """
    if len(actual) != len(predicted):
        raise ValueError(f"{len(predicted)} predictions for {len(actual)} rows")
    if not actual:
        raise JobError("the hold-out has no rows: there is nothing to evaluate the model on")
    labels = sorted({*actual, *predicted})
    confusion = _confusion(actual, predicted, labels)
    counts = ClassCounts.of_confusion(confusion)
    quality = classification.quality(counts)
    draws = np.random.default_rng(_SEED).multinomial(
        len(actual), confusion.ravel() / len(actual), size=_RESAMPLES
    )
    resamples = ClassCounts.of_confusion(draws.reshape(_RESAMPLES, *confusion.shape))
    deviations = classification.quality(resamples)
    shown: dict[str, Any] = {
        name: {"value": float(value), "standard_deviation": float(np.std(deviations[name]))}
        for name, value in quality.items()
    }
    shown["confusion_matrix"] = {  # actual class -> predicted class -> rows
        label: dict(zip(labels, row.tolist()))  # noqa: B905  Python 3.9 has no `strict`
        for label, row in zip(labels, confusion)  # noqa: B905
    }
    present = set(actual)
    names = ["accuracy", "macro_f1", *(f"recall_{label}" for label in labels if label in present)]
    metrics = {name: float(classification.judged(counts, labels, name)) for name in names}
    return {
        "multiclass_classification_metrics": shown,
        "metrics": {**metrics, "rows": len(actual)},
    }


def evaluate_run(
    actual: Sequence[str],
    predicted: Sequence[str],
    champion: Optional[Champion],
    metric: Optional[str],
    *,
    higher_is_better: bool = True,
) -> dict[str, Any]:
    """Evaluate a challenger, and the champion beside it when there is one.

    Args:
        actual: the label of each row.
        predicted: what the challenger said, row by row.
        champion: the model that serves now.
        metric: the metric that judges; without one nothing is compared.
        higher_is_better: whether a larger value of that metric is the better one.

    Returns:
        The document of `evaluate_classes` and in it also `champion` and `comparison`.
    """
    document = {**evaluate_classes(actual, predicted), "champion": None, "comparison": None}
    if champion is None:
        return document
    answers = champion.answers
    document["champion"] = {
        "run_id": champion.run_id,
        "status": "unusable" if answers is None else "scored",
        "reason": champion.reason,
        "metrics": {} if answers is None else evaluate_classes(actual, answers)["metrics"],
    }
    if answers is not None and metric is not None:
        found = compare_classes(
            actual, predicted, answers, metric=metric, higher_is_better=higher_is_better
        )
        document["comparison"] = found.document() if found else None
    return document


def write_evaluation(document: dict[str, Any], path: Path) -> None:
    """Write an evaluation as JSON, making its folder.

    Raises:
        JobError: one of its numbers is NaN or infinite. JSON has neither, and a judge that reads
            one compares against nothing.
    """
    try:
        text = json.dumps(document, indent=2, allow_nan=False)
    except ValueError as error:
        raise JobError(
            f"the evaluation has a metric that is no finite number: {_flaw(document)}"
        ) from error
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n", encoding="utf-8")


def _flaw(value: Any, name: str = "") -> str:
    """Return the dotted name of the first number in `value` that is not finite, "" if none."""
    if isinstance(value, dict):
        flaws = (_flaw(each, f"{name}.{key}".lstrip(".")) for key, each in value.items())
        return next(filter(None, flaws), "")
    return name if isinstance(value, float) and not np.isfinite(value) else ""


def _confusion(actual: Sequence[str], predicted: Sequence[str], labels: list[str]) -> Any:
    """Count rows per actual class (first axis) and predicted class (second axis)."""
    place = {label: position for position, label in enumerate(labels)}
    cells = [
        place[label] * len(labels) + place[guess]
        for label, guess in zip(actual, predicted)  # noqa: B905
    ]
    return np.bincount(cells, minlength=len(labels) ** 2).reshape(len(labels), len(labels))
