"""The metrics of classifiers, as functions of three counts per class.

All of them follow from how often a class was right (hits), how often it occurs (actual) and how
often it was said (predicted). So they can be computed for thousands of resamples at once: every
function here takes counts of the shape (..., classes) and returns values of the shape (...).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class ClassCounts:
    """Rows per class, each an array of the shape (..., classes)."""

    hits: Any
    actual: Any
    predicted: Any

    @classmethod
    def of_confusion(cls, counts: Any) -> ClassCounts:
        """Take the counts from confusion matrices of the shape (..., actual, predicted)."""
        hits = np.diagonal(counts, axis1=-2, axis2=-1)
        return cls(hits, counts.sum(axis=-1), counts.sum(axis=-2))


def accuracy(counts: ClassCounts) -> Any:
    """Return the share of rows that are right."""
    return counts.hits.sum(axis=-1) / counts.actual.sum(axis=-1)


def f_scores(counts: ClassCounts, beta: float = 1) -> Any:
    """Return each class's F score, 0 for a class that neither occurs nor was said."""
    return _ratio((1 + beta**2) * counts.hits, beta**2 * counts.actual + counts.predicted)


def macro_f1(counts: ClassCounts) -> Any:
    """Return the mean F1 score of the classes that occur or were said."""
    seen = (counts.actual + counts.predicted) > 0
    return f_scores(counts).sum(axis=-1) / seen.sum(axis=-1)


def recalls(counts: ClassCounts) -> Any:
    """Return each class's recall, NaN for a class without actual rows: it has none."""
    return _ratio(counts.hits, counts.actual, empty=np.nan)


def quality(counts: ClassCounts) -> dict[str, Any]:
    """Return the metrics that SageMaker Model Monitor gives for multiclass problems.

    `weighted_...` counts each class by its actual rows. A ratio of nothing to nothing counts as 0,
    as in scikit-learn.
    """
    rows = counts.actual.sum(axis=-1)

    def weighted(scores: Any) -> Any:
        return (scores * counts.actual).sum(axis=-1) / rows

    return {
        "accuracy": accuracy(counts),
        "weighted_recall": weighted(_ratio(counts.hits, counts.actual)),
        "weighted_precision": weighted(_ratio(counts.hits, counts.predicted)),
        "weighted_f0_5": weighted(f_scores(counts, 0.5)),
        "weighted_f1": weighted(f_scores(counts)),
        "weighted_f2": weighted(f_scores(counts, 2)),
        "accuracy_best_constant_classifier": counts.actual.max(axis=-1) / rows,
    }


def judged(counts: ClassCounts, labels: list[str], metric: str) -> Any:
    """Return a metric that a judge may name.

    Args:
        counts: the rows per class.
        labels: the name of each class.
        metric: "accuracy", "macro_f1" or "recall_<label>".

    Raises:
        ValueError: it is none of them.
    """
    if metric == "accuracy":
        return accuracy(counts)
    if metric == "macro_f1":
        return macro_f1(counts)
    names = [f"recall_{label}" for label in labels]
    return recalls(counts)[..., names.index(metric)]


def _ratio(part: Any, whole: Any, empty: float = 0.0) -> Any:
    """Divide; nothing by nothing is `empty`."""
    whole = np.asarray(whole)
    return np.divide(part, whole, out=np.full(np.shape(whole), empty), where=whole != 0)
