"""How figures are worded for people: the same in Slack, in mails and at the terminal."""

import json
from collections.abc import Mapping
from datetime import UTC
from typing import Any

from dropforge_core.figures import finite
from dropforge_core.times import parsed

_MINUTE, _HOUR = 60, 3600
_KILO = 1000
_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")
_CENT = 0.01


def number(value: Any) -> str:
    """Word one of JSON's values: a number with at most four decimals, a tiny one with four digits.

    Text stays, all else is as JSON has it.
    """
    if isinstance(value, str):
        return value
    figure = finite(value)
    if figure is None or isinstance(value, int):
        return json.dumps(value, ensure_ascii=False)
    rounded = round(figure, 4) + 0.0  # -0.0 + 0.0 is 0.0
    return f"{rounded:.10g}" if rounded or not figure else f"{figure:.4g}"


def difference(mine: Any, theirs: Any) -> str:
    """Word by how much mine is more than theirs, "" when they are not both numbers."""
    one, other = finite(mine), finite(theirs)
    if one is None or other is None:
        return ""
    return f"{'-' if one < other else '+'}{number(abs(one - other))}"


def size(count: float) -> str:
    """Word a number of bytes."""
    unit = 0
    while count >= _KILO and unit < len(_UNITS) - 1:
        count, unit = count / _KILO, unit + 1
    return f"{count:.0f} {_UNITS[unit]}" if unit == 0 else f"{count:.1f} {_UNITS[unit]}"


def duration(seconds: float) -> str:
    """Word a time span."""
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"


def moment(text: str) -> str:
    """Word a moment in ISO 8601 to the minute; what is none stays as it is."""
    found = parsed(text)
    return f"{found.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if found else text


def counted(count: float, noun: str) -> str:
    """Word how many of something there are."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def money(usd: float | None) -> str:
    """Word an estimated amount."""
    if usd is None:
        return "unknown"
    return f"about ${usd:,.2f}" if usd >= _CENT else "less than $0.01"


def machines(job: Mapping[str, Any]) -> str:
    """Word what a job ran on; ``job`` has what published.JobMachine has."""
    count, kind = job["instance_count"], job["instance_type"]
    return str(kind) if count == 1 else f"{number(count)} x {kind}"


def meanwhile(facts: Mapping[str, Any]) -> str:
    """Word what became of a run's objects before they were read; nothing when nothing did."""
    words = []
    if restored := facts.get("restored"):
        words.append(f"{counted(restored, 'object')} replaced or deleted, read from copies")
    if lost := facts.get("lost"):
        words.append(f"{counted(lost, 'object')} gone, left out")
    return "; ".join(words)


def data(facts: Mapping[str, Any]) -> str:
    """Word what a run reads; ``facts`` are those of contracts.RunData and contracts.RowCounts."""
    words = [counted(facts["objects"], "object"), size(facts["bytes"])]
    if (rows := facts.get("rows")) is not None:
        words.append(counted(rows, "row"))
    if (rejected := facts.get("rejected_rows")) is not None:
        words.append(f"{number(rejected)} rejected")
    if refused := facts.get("quarantined_objects"):
        words.append(f"{counted(refused, 'object')} in quarantine")
    return ", ".join(words)
