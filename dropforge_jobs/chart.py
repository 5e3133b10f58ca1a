"""The small picture that goes into Slack: challenger against champion, or the confusion matrix."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Optional

from dropforge_jobs.canvas import HEIGHT, Canvas
from dropforge_jobs.wording import score, signed

if TYPE_CHECKING:
    from pathlib import Path

MOST_METRICS = 6
MOST_CLASSES = 8

INK, FAINT, GRID = "#1f2937", "#6b7280", "#e5e7eb"
CHALLENGER, CHAMPION = "#2563eb", "#9ca3af"
_LEFT, _RIGHT, _TOP, _BOTTOM = 200, 570, 110, 330  # of what is plotted
_STEPS = {0.1: 0.02, 0.2: 0.05, 0.5: 0.1, 1.0: 0.2}  # up to this span, ticks in this distance


def write_chart(document: dict[str, Any], path: Path, metric: Optional[str] = None) -> None:
    """Draw an evaluation as a PNG of 800 x 400 pixels, making its folder.

    Args:
        document: as `dropforge_jobs.evaluation.evaluate_run` returns it.
        path: where the picture goes.
        metric: the metric that judges; it comes first.
    """
    canvas = Canvas()
    champion = document["champion"]
    matrix = document["multiclass_classification_metrics"]["confusion_matrix"]
    if champion and champion["status"] == "scored":
        _draw_metrics(canvas, document, _shown(document["metrics"], metric))
    elif len(matrix) <= MOST_CLASSES:
        _draw_confusion(canvas, matrix, document["metrics"])
    else:
        _draw_metrics(canvas, document, _shown(document["metrics"], metric))
    canvas.save(path)


def _shown(metrics: dict[str, float], metric: Optional[str]) -> list[str]:
    """Return the names of the metrics to draw: shares, the one that judges first."""
    shares = [name for name, value in metrics.items() if name != "rows" and 0 <= value <= 1]
    return sorted(shares, key=lambda name: name != metric)[:MOST_METRICS]


def _draw_metrics(canvas: Canvas, document: dict[str, Any], names: list[str]) -> None:
    """Draw a line per metric with a dot for each model; the axis need not begin at 0 for dots."""
    new = document["metrics"]
    old = (document["champion"] or {}).get("metrics", {})
    _title(canvas, *_headline(document))
    values = [each[name] for each in (new, old) for name in names if name in each]
    least, step = _axis(min(values, default=0.0))

    def across(value: float) -> float:
        return _LEFT + (value - least) / (1 - least) * (_RIGHT - _LEFT)

    for tick in range(round((1 - least) / step) + 1):
        value = least + tick * step
        canvas.line((across(value), _TOP, across(value), _BOTTOM), GRID)
        canvas.text((across(value), _BOTTOM + 14), f"{value:.4g}", 14, FAINT, "mm")
    for place, name in enumerate(names):
        y = _TOP + (place + 0.5) * (_BOTTOM - _TOP) / len(names)
        canvas.text((_LEFT - 16, y), _cut(name, 20), 17, INK, "rm")
        canvas.text((_RIGHT + 18, y), score(new[name]), 17, CHALLENGER, "lm")
        if name in old:
            canvas.line((across(old[name]), y, across(new[name]), y), CHAMPION, width=3)
            canvas.dot(across(old[name]), y, 9, CHAMPION)
            canvas.text((_RIGHT + 90, y), _difference(new[name] - old[name]), 17, FAINT, "lm")
        canvas.dot(across(new[name]), y, 6, CHALLENGER)
    _legend(canvas, has_champion=bool(old))


def _axis(least: float) -> tuple[float, float]:
    """Return where an axis up to 1 begins, with some room before its least value, and its step."""
    begin = max(math.floor(least * 10 - 0.5) / 10, 0.0)
    step = next(step for span, step in _STEPS.items() if 1 - begin < span + 0.001)
    return math.floor(begin / step + 0.001) * step, step


def _headline(document: dict[str, Any]) -> tuple[str, str]:
    rows = f"{document['metrics']['rows']:,} hold-out rows"
    comparison = document["comparison"]
    if not comparison:
        return "Metrics on the hold-out", rows
    low, high, value = (signed(comparison[key]) for key in ("low", "high", "difference"))
    return (
        f"{_cut(comparison['metric'], 24)}: {value} against the champion",
        f"95 % interval {low} to {high} (above 0: challenger better), {rows}",
    )


def _difference(value: float) -> str:
    return signed(value) if abs(value) >= 0.00005 else "same"  # noqa: PLR2004  four decimals


def _legend(canvas: Canvas, *, has_champion: bool) -> None:
    canvas.dot(_LEFT + 6, HEIGHT - 24, 6, CHALLENGER)
    canvas.text((_LEFT + 22, HEIGHT - 24), "challenger", 15, INK, "lm")
    if has_champion:
        canvas.dot(_LEFT + 146, HEIGHT - 24, 9, CHAMPION)
        canvas.text((_LEFT + 164, HEIGHT - 24), "champion", 15, INK, "lm")


def _draw_confusion(
    canvas: Canvas, matrix: dict[str, dict[str, int]], metrics: dict[str, float]
) -> None:
    """Draw actual classes down, predicted ones across, each cell by its share of the row."""
    _title(
        canvas,
        f"Accuracy {score(metrics['accuracy'])} on {metrics['rows']:,} hold-out rows",
        "Rows by actual class (down) and predicted class (across)",
    )
    labels = list(matrix)
    left, right, top, bottom = 200, 760, 128, 380
    width, height = (right - left) / len(labels), (bottom - top) / len(labels)
    letters = int(width / 8.5)
    for down, actual in enumerate(labels):
        y = top + (down + 0.5) * height
        canvas.text((left - 14, y), _cut(actual, 20), 16, INK, "rm")
        canvas.text((left + (down + 0.5) * width, top - 15), _cut(actual, letters), 16, INK, "mm")
        total = sum(matrix[actual].values())
        for across, predicted in enumerate(labels):
            rows = matrix[actual][predicted]
            share = rows / total if total else 0.0
            x = left + across * width
            box = (x + 1, top + down * height + 1, x + width - 1, top + (down + 1) * height - 1)
            canvas.box(box, _shade(share, hit=actual == predicted))
            ink = "white" if share > 0.5 else INK if rows else FAINT  # noqa: PLR2004  half dark
            canvas.text((x + width / 2, y), f"{rows:,}", 20, ink, "mm")


def _shade(share: float, *, hit: bool) -> tuple[int, ...]:
    """Return a colour between nearly white and blue for hits, or red for misses."""
    full = (37, 99, 235) if hit else (220, 38, 38)
    return tuple(round(245 + (each - 245) * share) for each in full)


def _title(canvas: Canvas, title: str, below: str) -> None:
    canvas.text((32, 38), title, 26, INK, "lm")
    canvas.text((32, 72), below, 16, FAINT, "lm")


def _cut(text: str, letters: int) -> str:
    return text if len(text) <= letters else text[: max(letters - 2, 1)] + ".."
