"""May a challenger serve? Thresholds first, then the champion, as the pipeline's policy asks.

The comparison with the champion is paired: both models answered the same rows. Under ``not_worse``
a champion may be replaced by one that is a little worse, so the challenger must not be far below
the best of the last deployed models either: small losses do not add up.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from dropforge_core.contracts import Verdict
from dropforge_core.figures import finite
from dropforge_core.lineage import standing
from dropforge_core.words import number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dropforge_core.contracts import JudgeInput
    from dropforge_core.published import JudgePolicy, Threshold
    from dropforge_core.records import Run

# 0.95 - 1 is a little below -0.05 in binary; a margin is meant in decimals.
_ROUNDING = 1e-9
_REASON = 300


@dataclass(frozen=True, kw_only=True)
class Best:
    """The best of the last deployed models: its run, and its metric on its own hold-out."""

    run_id: str
    value: float


@dataclass(frozen=True, kw_only=True)
class _Comparison:
    """Challenger less champion on the same rows; above 0 the challenger is better."""

    difference: float
    low: float
    high: float
    confidence: float
    rows: float


def needs_best_of_last(given: JudgeInput) -> bool:
    """Say whether the judge has to know what was deployed before."""
    policy = given.judge
    return policy.policy == "not_worse" and policy.last > 0 and _is_scored(given)


def best_of_last(runs: Iterable[Run], policy: JudgePolicy) -> Best | None:
    """Find the best of the last deployed models; ``runs`` are newest first.

    Runs that have no such number are passed over; they count among the last nevertheless. A model
    that somebody went back from is no measure any more: what it promised did not last.
    """
    found = [
        Best(run_id=run.run_id, value=value)
        for run in islice(standing(runs), policy.last)
        if (value := finite(run.metrics.get(policy.metric))) is not None
    ]
    sign = _sign(policy)
    return max(found, key=lambda best: sign * best.value, default=None)


def judge(given: JudgeInput, best: Best | None) -> Verdict:
    """Decide; ``best`` is the best of the last deployed models, if any."""
    objections = _objections(given)
    if objections:
        promoted, reason = False, "; ".join(objections)
    elif given.champion is None:
        promoted, reason = True, f"{_met(given)}, and no champion was scored"
    elif not _is_scored(given):
        promoted, reason = True, f"{_met(given)}; {_unusable(given.champion)}"
    else:
        promoted, reason = _against_champion(given, best)
    scored = given.champion.get("metrics") if given.champion and _is_scored(given) else None
    return Verdict(promoted=promoted, reason=f"{reason}.", champion_metrics=scored or None)


def _objections(given: JudgeInput) -> list[str]:
    """Name what of the metrics alone speaks against the challenger."""
    policy = given.judge
    named = dict.fromkeys([policy.metric, *(one.metric for one in policy.thresholds)])
    unusable = [_no_number(name, given.metrics) for name in named]
    broken = (_broken(threshold, given.metrics) for threshold in policy.thresholds)
    return list(filter(None, [*unusable, *broken]))


def _no_number(name: str, metrics: Mapping[str, Any]) -> str:
    value = metrics.get(name)
    if value is None:
        return f"{name} is missing"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"{name} is not a number"
    return f"{name} is not a finite number" if finite(value) is None else ""


def _broken(threshold: Threshold, metrics: Mapping[str, Any]) -> str:
    value, bound = finite(metrics.get(threshold.metric)), threshold.value
    if value is None:
        return ""  # named already
    # Written so that a bound that is NaN is broken too.
    if threshold.bound == "minimum" and not value >= bound:
        word = "below"
    elif threshold.bound == "maximum" and not value <= bound:
        word = "above"
    else:
        return ""
    said = number(value) if number(value) != number(bound) else repr(value)
    return f"{threshold.metric} {said} is {word} {number(bound)}"


def _against_champion(given: JudgeInput, best: Best | None) -> tuple[bool, str]:
    policy = given.judge
    comparison = _comparison(given)
    if policy.policy == "always":
        end = f"; {_compared(given, comparison)}" if comparison else ""
        return True, f"{_met(given)}, and the policy asks for no more{end}"
    if comparison is None:
        said = f"the champion was scored, but evaluation.json does not compare {policy.metric}"
        return False, f"{said}: that the challenger is {policy.policy} cannot be shown"
    said = _compared(given, comparison)
    if policy.policy == "better":
        if comparison.low > 0:
            return True, said
        return False, f"{said}: the interval's lower end must be above 0"
    if comparison.difference < -policy.margin - _ROUNDING:
        return False, f"{said}, more than the margin of {number(policy.margin)}"
    fallen = _fallen(given, best)
    return (False, fallen) if fallen else (True, said)


def _fallen(given: JudgeInput, best: Best | None) -> str:
    """Say how far the challenger is below the best of the last, if by more than the margin."""
    policy, value = given.judge, _judged(given)
    loss = _sign(policy) * (best.value - value) if best else 0.0
    if best is None or loss <= policy.margin + _ROUNDING:
        return ""
    return (
        f"{policy.metric} {number(value)} is {number(loss)} worse than the best of the last"
        f" {policy.last} deployed ({number(best.value)} of {best.run_id}), more than the margin"
        f" of {number(policy.margin)}"
    )


def _is_scored(given: JudgeInput) -> bool:
    """Whether a champion answered the hold-out: only one that says so is unusable."""
    return given.champion is not None and given.champion.get("status") != "unusable"


def _comparison(given: JudgeInput) -> _Comparison | None:
    """Read the comparison; None when it is not there, of another metric, or no numbers."""
    said = given.comparison or {}
    if said.get("metric") != given.judge.metric:
        return None
    names = ("difference", "low", "high", "confidence", "rows")
    values = {name: value for name in names if (value := finite(said.get(name))) is not None}
    return _Comparison(**values) if len(values) == len(names) else None


def _compared(given: JudgeInput, comparison: _Comparison) -> str:
    difference = comparison.difference
    word = "better than" if difference > 0 else "worse than"
    how = f"{number(abs(difference))} {word}" if difference else "the same as"
    return (
        f"{given.judge.metric} {number(_judged(given))} is {how} the champion's"
        f" ({number(comparison.confidence * 100)} % interval {number(comparison.low)} to"
        f" {number(comparison.high)}, {number(comparison.rows)} rows)"
    )


def _met(given: JudgeInput) -> str:
    return f"all thresholds are met ({given.judge.metric} {number(_judged(given))})"


def _unusable(champion: Mapping[str, Any]) -> str:
    # On one line: the reason also describes a model package, which takes no control characters.
    printable = "".join(one if one.isprintable() else " " for one in str(champion.get("reason")))
    why = " ".join(printable.split())[:_REASON].rstrip(". ")
    return f"the champion of {champion.get('run_id')} cannot be scored: {why}"


def _judged(given: JudgeInput) -> float:
    """Return the judged metric; that it is a finite number was the first objection."""
    return float(given.metrics[given.judge.metric])


def _sign(policy: JudgePolicy) -> int:
    return 1 if policy.direction == "higher" else -1
