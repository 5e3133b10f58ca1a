"""How good a classifier is on the hold-out, in the layout that SageMaker reads.

The document has two parts: `multiclass_classification_metrics` as SageMaker Model Monitor writes
it, which the Model Registry shows as a model's quality, and a flat `metrics` object of plain
numbers, which the state machine judges.
https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-model-quality-metrics.html
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from dropforge_jobs.jobs import JobError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

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
    counts = _confusion(actual, predicted, labels)
    values = _metrics(counts)
    draws = np.random.default_rng(_SEED).multinomial(
        counts.sum(), (counts / counts.sum()).ravel(), size=_RESAMPLES
    )
    deviations = _metrics(draws.reshape(_RESAMPLES, *counts.shape))
    quality: dict[str, Any] = {
        name: {"value": float(value), "standard_deviation": float(np.std(deviations[name]))}
        for name, value in values.items()
        if name != "macro_f1"
    }
    quality["confusion_matrix"] = {  # actual class -> predicted class -> rows
        label: dict(zip(labels, row.tolist()))  # noqa: B905  Python 3.9 has no `strict`
        for label, row in zip(labels, counts)  # noqa: B905
    }
    flat = {
        "accuracy": float(values["accuracy"]),
        "macro_f1": float(values["macro_f1"]),
        "rows": len(actual),
    }
    for position, label in enumerate(labels):
        if counts[position].sum():
            flat[f"recall_{label}"] = float(counts[position, position] / counts[position].sum())
    return {"multiclass_classification_metrics": quality, "metrics": flat}


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


def _metrics(counts: Any) -> dict[str, Any]:
    """Return each metric of confusion matrices of the shape (..., classes, classes)."""
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    actual = counts.sum(axis=-1)
    predicted = counts.sum(axis=-2)
    rows = actual.sum(axis=-1)
    recall = _ratio(hits, actual)
    precision = _ratio(hits, predicted)

    def weighted(scores: Any) -> Any:
        return (scores * actual).sum(axis=-1) / rows

    def f_score(beta: float) -> Any:
        return _ratio((1 + beta**2) * hits, beta**2 * actual + predicted)

    seen = (actual + predicted) > 0
    return {
        "accuracy": hits.sum(axis=-1) / rows,
        "macro_f1": f_score(1).sum(axis=-1) / seen.sum(axis=-1),
        "weighted_recall": weighted(recall),
        "weighted_precision": weighted(precision),
        "weighted_f0_5": weighted(f_score(0.5)),
        "weighted_f1": weighted(f_score(1)),
        "weighted_f2": weighted(f_score(2)),
        "accuracy_best_constant_classifier": actual.max(axis=-1) / rows,
    }


def _ratio(part: Any, whole: Any) -> Any:
    """Divide, nothing by nothing being 0."""
    return np.divide(part, whole, out=np.zeros(np.shape(whole)), where=np.asarray(whole) != 0)
