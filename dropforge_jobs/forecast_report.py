"""The report of a forecaster's evaluation: one HTML file, as `dropforge_jobs.report` makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dropforge_jobs.report import sources, template
from dropforge_jobs.timestamps import spell_timestamp
from dropforge_jobs.wording import sensitivity, verdict

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from dropforge_jobs.facts import RunFacts
    from dropforge_jobs.forecast_evaluation import Curves

_TEMPLATE = "forecast_report.html.j2"
_WIDTH, _HEIGHT, _POINTS = 300, 120, 150
_GAPS = 12
_REASONS = 5
_SIDES = {"train": "validation_from", "validation": "holdout_from", "holdout": "until"}


def write_forecast_report(
    document: dict[str, Any], curves: Curves, facts: RunFacts, path: Path, notes: Iterable[str] = ()
) -> None:
    """Write the report, making its folder.

    Args:
        document: as `dropforge_jobs.forecast_evaluation.evaluate_forecasts` returns it.
        curves: the forecasts to draw.
        facts: what is known of the run and of its champion's.
        path: where the report goes.
        notes: sentences that the reader must know.
    """
    profile, comparison = facts.profile or {}, document["comparison"]
    path.parent.mkdir(parents=True, exist_ok=True)
    text = template(_TEMPLATE).render(
        facts=facts,
        notes=list(notes),
        metrics=document["metrics"],
        champion=document["champion"],
        comparison=comparison,
        verdict=verdict(comparison) if comparison else "",
        sensitivity=sensitivity(comparison) if comparison else "",
        naive_words=_words(curves),
        days=[_day(curves, place) for place in range(len(curves.times))],
        sides=_sides(profile),
        readings=list((profile.get("readings") or {}).items()),
        gaps=(profile.get("gaps") or [])[:_GAPS],
        rejected=list(((profile.get("rejected") or {}).get("reasons") or {}).items())[:_REASONS],
        sources=sources(facts),
    )
    path.write_text(text, encoding="utf-8")


def _words(curves: Curves) -> str:
    if not len(curves.times):
        return "none of them of a whole calendar day"
    first, last = (spell_timestamp(int(curves.times[at]) * curves.step)[:10] for at in (0, -1))
    return f"over the days {first} to {last}"


def _day(curves: Curves, place: int) -> dict[str, Any]:
    """Return one day's lines as SVG has them, and its errors."""
    lines = [
        ("#fbbf24", curves.naive[place]),
        ("#2563eb", curves.challenger[place]),
        ("#1f2937", curves.truth[place]),
    ]
    if curves.champion is not None:
        lines.insert(1, ("#9ca3af", curves.champion[place]))
    low = min(float(values.min()) for _, values in lines)
    high = max(float(values.max()) for _, values in lines)
    truth = curves.truth[place]
    return {
        "name": spell_timestamp(int(curves.times[place]) * curves.step)[:16],
        "low": float(truth.min()),
        "high": float(truth.max()),
        "error": float(np.abs(curves.challenger[place] - truth).mean()),
        "naive": float(np.abs(curves.naive[place] - truth).mean()),
        "lines": [
            {"colour": colour, "points": _points(values, low, high)} for colour, values in lines
        ],
    }


def _points(values: Any, low: float, high: float) -> str:
    picked = np.unique(np.linspace(0, len(values) - 1, min(len(values), _POINTS)).astype(int))
    x = picked / max(len(values) - 1, 1) * _WIDTH
    y = _HEIGHT - (values[picked] - low) / ((high - low) or 1.0) * _HEIGHT
    return " ".join(f"{across:.1f},{down:.1f}" for across, down in zip(x, y))  # noqa: B905


def _sides(profile: dict[str, Any]) -> list[tuple[str, Any, str]]:
    """Return each side with its number of values and its end."""
    words = (profile.get("time_split") or {}).get("words") or {}
    counts = profile.get("sides") or {}
    return [(side, counts.get(side), words.get(end, "")) for side, end in _SIDES.items()]
