"""What people are told when a run ends, whatever the channel."""

import json
import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dropforge_core.contracts import RunNews
from dropforge_core.failures import describe
from dropforge_core.figures import finite
from dropforge_core.records import Run
from dropforge_core.redaction import redact
from dropforge_core.times import parsed, seconds_between

_TITLES = {
    ("DEPLOYED", "CREATED"): "✅ {pipeline}: deployed, endpoint created",
    ("DEPLOYED", "UPDATED"): "✅ {pipeline}: deployed, endpoint updated",
    "DEPLOYED": "✅ {pipeline}: deployed",
    "WAITING_FOR_APPROVAL": "⏸️ {pipeline}: waits for approval",
    "REJECTED": "🛑 {pipeline}: rejected, endpoint untouched",
    "ROLLED_BACK": "↩️ {pipeline}: rolled back, the old model serves",
    "UNDONE": "↩️ {pipeline}: rolled back, there is no endpoint",
    "SKIPPED": "⏭️ {pipeline}: skipped, nothing new",
    "FAILED": "❌ {pipeline}: failed",
}
# Of a rollback, which has its own words where it matters which model serves.
_ROLLBACK_TITLES = {
    "DEPLOYED": "↩️ {pipeline}: went back to the model of {run}",
    "ROLLED_BACK": "↩️ {pipeline}: the model of {run} did not hold, the one before serves",
    "FAILED": "❌ {pipeline}: going back to the model of {run} failed",
}
_MINUTE, _HOUR = 60, 3600
_KILO = 1000
_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")


@dataclass(frozen=True, kw_only=True)
class Announcement:
    """A run's end in words: a title, a sentence, facts and metrics as label and value."""

    title: str
    reason: str
    facts: list[tuple[str, str]]
    metrics: list[tuple[str, str]]

    def fields(self) -> dict[str, Any]:
        """Return the same content as a log line's fields."""
        return {
            "title": self.title,
            "reason": self.reason,
            "facts": dict(self.facts),
            "metrics": dict(self.metrics),
        }


def announce(end: RunNews, run: Run | None, now: datetime) -> Announcement:
    """Word a run's end; ``run`` is its record, None when the ledger does not know it."""
    facts = [("Run", end.run_id), ("Endpoint", _endpoint(end))]
    if run is not None and end.restores is None:  # a rollback waited for no data
        start = parsed(run.first_event_at) or now
        facts.append(("Data", _data(run.data)))
        facts.append(("Since the first object came", _duration(seconds_between(start, now))))
    if end.model_package is not None:
        facts.append(("Model package", end.model_package))
    if end.status == "WAITING_FOR_APPROVAL":
        facts.append(("Approve it", f"dropforge approve {end.run_id}"))
        facts.append(("Turn it down", f"dropforge approve {end.run_id} --reject"))
    if end.error is not None:
        facts.append(("Failed step", end.error.step))
        facts.append(("Look at it", f"dropforge show {end.run_id}"))
    return Announcement(
        title=_title(end),
        reason=redact(describe(end.error) if end.error else end.reason),
        facts=facts,
        metrics=[
            (name, _metric(value, (end.champion_metrics or {}).get(name)))
            for name, value in end.metrics.items()
        ],
    )


def _title(end: RunNews) -> str:
    undone = end.status == "ROLLED_BACK" and end.endpoint.config is None
    status = "UNDONE" if undone else end.status
    title = _TITLES.get((status, end.endpoint.action), _TITLES.get(status, ""))
    if end.restores:
        title = _ROLLBACK_TITLES.get(end.status, title)
    text = title.format(pipeline=end.pipeline, run=end.restores)
    return f"{text} in {end.error.step}" if end.error else text


def _endpoint(end: RunNews) -> str:
    words = {"CREATED": "created", "UPDATED": "updated", "NONE": "untouched"}
    action = "rolled back" if end.status == "ROLLED_BACK" else words[end.endpoint.action]
    config = f", serves {end.endpoint.config}" if end.endpoint.config else ""
    return f"{end.endpoint.name}: {action}{config}"


def _data(data: dict[str, Any]) -> str:
    objects = data["objects"]
    return f"{objects} {'object' if objects == 1 else 'objects'}, {_size(data['bytes'])}"


def _size(count: float) -> str:
    unit = 0
    while count >= _KILO and unit < len(_UNITS) - 1:
        count, unit = count / _KILO, unit + 1
    return f"{count:.0f} {_UNITS[unit]}" if unit == 0 else f"{count:.1f} {_UNITS[unit]}"


def _duration(seconds: float) -> str:
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE:.0f} min {seconds % _MINUTE:.0f} s"
    return f"{seconds // _HOUR:.0f} h {seconds % _HOUR // _MINUTE:.0f} min"


def _metric(value: Any, champions: Any) -> str:
    """Word a metric and, if the champion has it too, the champion's and the difference."""
    if champions is None:
        return _number(value)
    mine, theirs = finite(value), finite(champions)
    difference = "" if mine is None or theirs is None else f" ({mine - theirs:+.4g})"
    return f"{_number(value)}, champion {_number(champions)}{difference}"


def _number(value: Any) -> str:
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:.6g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
