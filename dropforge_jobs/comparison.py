"""Challenger against champion on the same rows: the difference, and how sure it is."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from dropforge_jobs.bootstrap import CONFIDENCE, bootstrap
from dropforge_jobs.classification import ClassCounts, judged
from dropforge_jobs.power import smallest_difference, smallest_share_difference

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence


@dataclass(frozen=True)
class Comparison:
    """A paired comparison; every difference is positive when the challenger is the better one.

    Attributes:
        metric: the metric that was compared.
        difference: by how much the challenger is better on the hold-out.
        low: lower end of the interval.
        high: upper end of the interval.
        minimum_detectable: the smallest difference that such a hold-out can be expected to show;
            None when that cannot be said.
        rows: rows of the hold-out.
        confidence: share of hold-outs whose interval holds the true difference.
    """

    metric: str
    difference: float
    low: float
    high: float
    minimum_detectable: Optional[float]
    rows: int
    confidence: float = CONFIDENCE

    def document(self) -> dict[str, Any]:
        """Return it as evaluation.json has it."""
        return asdict(self)


def compare_classes(  # noqa: PLR0913  a comparison has these parts
    actual: Sequence[str],
    challenger: Sequence[str],
    champion: Sequence[str],
    *,
    metric: str,
    higher_is_better: bool = True,
    groups: Optional[Sequence[Hashable]] = None,
) -> Optional[Comparison]:
    """Compare two classifiers' answers to the same rows.

    The interval is a paired bootstrap: a row is drawn together with both answers to it, so that
    rows which are hard for both do not blur the difference.

    Args:
        actual: the label of each row.
        challenger: what the challenger said, row by row.
        champion: what the champion said.
        metric: one of `dropforge_jobs.classification.judged`.
        higher_is_better: whether a larger value of the metric is the better one.
        groups: what each row belongs to, such as its day: rows of one group are not independent,
            so whole groups are drawn.

    Returns:
        The comparison, or None: there is no such metric on these rows, or there are too few rows
        or groups to say how sure it is.

    Raises:
        ValueError: there is not one of everything per row.
    """
    columns = [actual, challenger, champion, *([] if groups is None else [groups])]
    if len({len(column) for column in columns}) != 1:
        raise ValueError(f"columns of {[len(column) for column in columns]} rows do not match")
    if metric not in {"accuracy", "macro_f1", *(f"recall_{label}" for label in actual)}:
        return None
    labels = sorted({*actual, *challenger, *champion})
    kinds, counts, kind_of_row = _kinds(labels, actual, challenger, champion)
    sign = 1 if higher_is_better else -1

    def difference(sums: Any) -> Any:
        new, old = _counts(sums, len(labels))
        return sign * (judged(new, labels, metric) - judged(old, labels, metric))

    by_group = (kinds, counts) if groups is None else _groups(groups, kinds, kind_of_row)
    interval = bootstrap(*by_group, difference)
    if interval is None:
        return None
    detectable = smallest_difference(interval.standard_error)
    if groups is None and metric != "macro_f1":  # the others are shares of independent rows
        detectable = _detectable_share(metric, actual, challenger, champion)
    value = float(difference(counts @ kinds))
    return Comparison(metric, value, interval.low, interval.high, detectable, len(actual))


def _kinds(labels: list[str], *columns: Sequence[str]) -> tuple[Any, Any, Any]:
    """Put rows with the same label and the same answers together.

    Returns:
        What a row of each kind adds to the counts: 1 in up to five blocks of one column per class:
        actual; said and hit by the challenger; said and hit by the champion. Then how many rows
        there are of each kind, and the kind of each row.
    """
    place = {label: position for position, label in enumerate(labels)}
    rows = np.array([[place[label] for label in column] for column in columns]).T
    found, kind_of_row, counts = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
    actual, new, old = found.T
    said = np.eye(len(labels), dtype=np.int64)
    blocks = [said[actual], said[new], said[new], said[old], said[old]]
    blocks[2] = blocks[2] * (new == actual)[:, None]
    blocks[4] = blocks[4] * (old == actual)[:, None]
    return np.concatenate(blocks, axis=1), counts, kind_of_row.ravel()


def _counts(sums: Any, classes: int) -> tuple[ClassCounts, ClassCounts]:
    """Read sums of kinds as the counts of challenger and champion."""
    blocks = [sums[..., start * classes : (start + 1) * classes] for start in range(5)]
    actual, said_new, hits_new, said_old, hits_old = blocks
    return ClassCounts(hits_new, actual, said_new), ClassCounts(hits_old, actual, said_old)


def _groups(groups: Sequence[Hashable], kinds: Any, kind_of_row: Any) -> tuple[Any, Any]:
    """Return what each group adds to the counts; each is a kind of its own."""
    place = {group: position for position, group in enumerate(dict.fromkeys(groups))}
    rows = np.zeros((len(place), len(kinds)), dtype=np.int64)
    np.add.at(rows, (np.array([place[group] for group in groups]), kind_of_row), 1)
    return rows @ kinds, np.ones(len(place), dtype=np.int64)


def _detectable_share(
    metric: str, actual: Sequence[str], challenger: Sequence[str], champion: Sequence[str]
) -> Optional[float]:
    """Return the smallest detectable difference of accuracies, or of one class's recalls."""
    rows = [
        (label == new) != (label == old)
        for label, new, old in zip(actual, challenger, champion)  # noqa: B905  Python 3.9
        if metric in ("accuracy", f"recall_{label}")
    ]
    return smallest_share_difference(len(rows), sum(rows))
