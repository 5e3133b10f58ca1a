"""The report of an evaluation: one HTML file that needs no network, no script and no other file.

What comes from data, such as labels and keys, is escaped by the template engine; and the page's own
policy forbids the browser to load or run anything, should something get past it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

from dropforge_jobs import drift
from dropforge_jobs.profile import Histogram
from dropforge_jobs.wording import number, score, sensitivity, signed, verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dropforge_jobs.facts import RunFacts

_TEMPLATE = "report.html.j2"
_BARS = 20
_REASONS = 5


def write_report(
    document: dict[str, Any], facts: RunFacts, path: Path, notes: Iterable[str] = ()
) -> None:
    """Write the report, making its folder.

    Args:
        document: as `dropforge_jobs.evaluation.evaluate_run` returns it.
        facts: what is known of the run and of its champion's.
        path: where the report goes.
        notes: sentences that the reader must know, such as rows that were left out.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render_report(document, facts, notes), encoding="utf-8")


def render_report(document: dict[str, Any], facts: RunFacts, notes: Iterable[str] = ()) -> str:
    """Return the report's HTML; for the arguments see `write_report`."""
    profile, earlier = facts.profile or {}, facts.champion_profile or {}
    comparison = document["comparison"]
    text: str = template(_TEMPLATE).render(
        facts=facts,
        notes=list(notes),
        champion=document["champion"],
        comparison=comparison,
        verdict=verdict(comparison) if comparison else "",
        sensitivity=sensitivity(comparison) if comparison else "",
        interval=_interval(comparison) if comparison else None,
        metrics=_metrics(document),
        matrix=_matrix(document["multiclass_classification_metrics"]["confusion_matrix"]),
        counts=_counts(profile, earlier, facts.manifest),
        classes=_classes(profile, earlier),
        rejected=_rejected(profile),
        features=_features(profile, earlier),
        drifts=drift.data_drift(profile, earlier) if earlier else [],
        limits={"some": drift.SOME, "strong": drift.STRONG},
        sources=sources(facts),
    )
    return text


def template(name: str) -> Any:
    """Return a report's Jinja template: it escapes, and what is missing is an error."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415  not before

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(number=number, score=score, signed=signed)
    return environment.get_template(name)


def _metrics(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return each metric of both models, the champion's and the difference where there are any."""
    new = document["metrics"]
    old = (document["champion"] or {}).get("metrics", {})
    return [
        {
            "name": name,
            "challenger": new.get(name),
            "champion": old.get(name),
            "difference": new[name] - old[name] if name in new and name in old else None,
        }
        for name in {**new, **old}
        if name != "rows"
    ]


def _matrix(confusion: dict[str, dict[str, int]]) -> list[dict[str, Any]]:
    """Return the rows of the confusion matrix, each cell with its share of the row."""
    return [
        {
            "label": actual,
            "rows": sum(row.values()),
            "cells": [
                {
                    "rows": rows,
                    "hit": actual == predicted,
                    "share": rows / max(sum(row.values()), 1),
                }
                for predicted, rows in row.items()
            ],
        }
        for actual, row in confusion.items()
    ]


def _interval(comparison: dict[str, Any]) -> dict[str, float]:
    """Place the interval, its middle and zero on an axis of 0 to 100."""
    values: list[float] = [0.0, *(comparison[key] for key in ("low", "high", "difference"))]
    least, most = min(values), max(values)
    margin = (most - least) * 0.15 or 1.0

    def place(value: float) -> float:
        return (value - least + margin) / (most - least + 2 * margin) * 100

    return {
        "zero": place(0.0),
        **{key: place(comparison[key]) for key in ("low", "high", "difference")},
    }


def _dig(document: Any, *path: str) -> Any:
    """Return what lies at a path in a JSON document, None when there is no such path."""
    for key in path:
        document = document.get(key) if isinstance(document, dict) else None
    return document


def _counts(
    profile: dict[str, Any], earlier: dict[str, Any], manifest: Optional[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return how much data there is, now and in the champion's run."""
    objects = [_dig(each, "objects") for each in (profile, earlier)]
    counts = [
        ("objects", *(len(each) if isinstance(each, list) else None for each in objects)),
        *(
            (name, *(_dig(each, *path) for each in (profile, earlier)))
            for name, path in (
                ("rows used", ("rows",)),
                ("for training", ("sides", "train")),
                ("for validation", ("sides", "validation")),
                ("held out", ("sides", "holdout")),
                ("rows rejected", ("rejected", "rows")),
            )
        ),
    ]
    listed = (manifest or {}).get("objects")
    if isinstance(listed, list):
        counts.insert(1, ("bytes", sum(_dig(each, "size") or 0 for each in listed), None))
    return [
        {
            "name": name,
            "now": now,
            "then": then,
            "change": None if then is None else now - then,
        }
        for name, now, then in counts
        if now is not None
    ]


def _classes(profile: dict[str, Any], earlier: dict[str, Any]) -> list[dict[str, Any]]:
    """Return rows and share of each class, now and in the champion's run."""
    both = []
    for each in (profile, earlier):
        classes = _dig(each, "classes") or {}
        rows = {label: sum(sides.values()) for label, sides in classes.items()}
        both.append((rows, max(sum(rows.values()), 1)))
    (now, total), (then, total_then) = both
    return [
        {
            "label": label,
            "now": now.get(label, 0),
            "share": now.get(label, 0) / total,
            "then": then.get(label, 0) if then else None,
            "share_then": then.get(label, 0) / total_then if then else None,
        }
        for label in {**now, **then}
    ]


def _rejected(profile: dict[str, Any]) -> dict[str, Any]:
    """Return why rows were rejected, the most frequent reasons first, and where some are."""
    return {
        "reasons": list((_dig(profile, "rejected", "reasons") or {}).items())[:_REASONS],
        "examples": (_dig(profile, "rejected", "examples") or [])[:_REASONS],
    }


def _features(profile: dict[str, Any], earlier: dict[str, Any]) -> list[dict[str, Any]]:
    """Return each feature's figures now and then, and bars that show both distributions."""
    columns = _dig(profile, "features") or {}
    return [
        {"name": name, "now": now, "then": then or {}, "bars": _bars(now, then)}
        for name, now, then in (
            (name, column, _dig(earlier, "features", name)) for name, column in columns.items()
        )
    ]


def _bars(now: Any, then: Any) -> list[dict[str, float]]:
    """Return the share of values in equal steps over both ranges; the tallest bar is 1 high."""
    new, old = Histogram.read(now), Histogram.read(then)
    if new is None:
        return []
    known: Sequence[Histogram] = [new] if old is None else [new, old]
    low, high = min(each.low for each in known), max(each.high for each in known)
    if low == high:
        return []
    edges = [low + (high - low) * step / _BARS for step in range(1, _BARS)]
    shares = [[rows / each.count for rows in each.between(edges)] for each in known]
    tallest = max(max(each) for each in shares)
    return [
        {"now": column[0] / tallest, "then": column[1] / tallest if old else 0.0}
        for column in zip(*shares)  # noqa: B905
    ]


def sources(facts: RunFacts) -> list[tuple[str, str]]:
    """Return where everything came from, as names and values."""
    found = [
        ("run", facts.run_id),
        ("code version", facts.code_version),
        ("champion's run", facts.champion_run_id or ""),
    ]
    bucket, run_id = (_dig(facts.manifest, key) for key in ("bucket", "run_id"))
    if bucket and run_id:
        found.append(("manifest", f"s3://{bucket}/runs/{run_id}/manifest.json"))
    return [(name, value) for name, value in found if value]
