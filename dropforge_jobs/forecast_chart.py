"""The small picture that goes into Slack: the last forecast days against what came."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dropforge_jobs.canvas import HEIGHT, Canvas
from dropforge_jobs.chart import CHALLENGER, CHAMPION, FAINT, GRID, INK
from dropforge_jobs.timestamps import spell_timestamp
from dropforge_jobs.wording import number

if TYPE_CHECKING:
    from pathlib import Path

    from dropforge_jobs.forecast_evaluation import Curves

DAYS = 4
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 780, 90, 330
_POINTS = 180  # of a line: more than so many cannot be told apart here
_TICKS = 4


def write_forecast_chart(document: dict[str, Any], curves: Curves, path: Path) -> None:
    """Draw the last days as a PNG of 800 x 400 pixels, making its folder.

    Args:
        document: as `dropforge_jobs.forecast_evaluation.evaluate_forecasts` returns it.
        curves: what came, and what both models said.
        path: where the picture goes.
    """
    canvas = Canvas()
    metrics = document["metrics"]
    title = f"A day ahead: {metrics['relative_mae_day_ahead']:.3f} of the naive forecast's error"
    canvas.text((20, 28), title, 22, INK, "lm")
    below = (
        f"mean error {number(metrics['mae_day_ahead'])}, one step {number(metrics['mae_one_step'])}"
    )
    canvas.text((20, 58), f"{below}, {metrics['rows']:,} forecasts", 16, FAINT, "lm")
    lines = [("what came", INK, curves.truth), ("challenger", CHALLENGER, curves.challenger)]
    if curves.champion is not None:
        lines.insert(1, ("champion", CHAMPION, curves.champion))
    if len(curves.times):
        _draw(canvas, curves, lines)
    for place, (name, colour, _) in enumerate(lines):
        x = _LEFT + 150 * place
        canvas.line((x, HEIGHT - 24, x + 24, HEIGHT - 24), colour, width=3)
        canvas.text((x + 32, HEIGHT - 24), name, 15, INK, "lm")
    canvas.save(path)


def _draw(canvas: Canvas, curves: Curves, lines: list[tuple[str, str, Any]]) -> None:
    """Draw each day's forecast beside the one before; a new one begins at each dotted line."""
    shown = [(name, colour, values[-DAYS:]) for name, colour, values in lines]
    low = min(float(values.min()) for _, _, values in shown)
    high = max(float(values.max()) for _, _, values in shown)
    span = (high - low) or 1.0
    days, season = shown[0][2].shape
    width = (_RIGHT - _LEFT) / days

    def down(value: float) -> float:
        return _BOTTOM - (value - low) / span * (_BOTTOM - _TOP)

    for tick in range(_TICKS + 1):
        value = low + span * tick / _TICKS
        canvas.line((_LEFT, down(value), _RIGHT, down(value)), GRID)
        canvas.text((_LEFT - 8, down(value)), f"{value:.3g}", 14, FAINT, "rm")
    for day in range(days):
        x = _LEFT + day * width
        canvas.line((x, _TOP, x, _BOTTOM), GRID)
        name = spell_timestamp(int(curves.times[-days:][day]) * curves.step)[:10]
        canvas.text((x + width / 2, _BOTTOM + 16), name, 14, FAINT, "mm")
    picked = np.unique(np.linspace(0, season - 1, min(season, _POINTS)).astype(int))
    for _, colour, values in shown:
        for day in range(days):
            points = [
                (_LEFT + (day + place / season) * width, down(float(values[day, place])))
                for place in picked
            ]
            for (x, y), (x2, y2) in zip(points, points[1:]):  # noqa: B905, RUF007
                canvas.line((x, y, x2, y2), colour, width=2)
