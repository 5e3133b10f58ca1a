"""Numbers and comparisons in words, the same in the report and in the chart."""

from __future__ import annotations

from typing import Any, Optional

MISSING = "\N{EN DASH}"
_LEAST, _MOST = 0.001, 1000.0  # four decimals serve between them


def number(value: Optional[float]) -> str:
    """Spell a measured value with four digits, a count in full, and nothing as a dash."""
    if value is None:
        return MISSING
    text = f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
    return text.replace("-", "\N{MINUS SIGN}")


def score(value: Optional[float]) -> str:
    """Spell a metric with four decimals, so that a column of them lines up."""
    if value is None or isinstance(value, int) or not (value == 0 or _LEAST <= abs(value) < _MOST):
        return number(value)
    return f"{value:.4f}".replace("-", "\N{MINUS SIGN}")


def signed(value: Optional[float]) -> str:
    """Spell a difference of metrics, with its sign."""
    return ("+" if value is not None and value > 0 else "") + score(value)


def verdict(comparison: dict[str, Any]) -> str:
    """Say in a sentence how the challenger compares with the champion."""
    metric, low, high = (comparison[key] for key in ("metric", "low", "high"))
    rows = f"{number(comparison['rows'])} rows"
    if low == high == 0:
        return f"Challenger and champion have the same {metric}; none of {rows} tells them apart."
    if low > 0:
        finding = "The challenger is better than the champion"
    elif high < 0:
        finding = "The challenger is worse than the champion"
    else:
        finding = "Which one is better cannot be told"
    return (
        f"{finding}: the difference in {metric} is {signed(comparison['difference'])} on {rows},"
        f" with a 95 % interval of {signed(low)} to {signed(high)}; above 0 the challenger is"
        " better."
    )


def sensitivity(comparison: dict[str, Any]) -> str:
    """Say in a sentence what the hold-out can show at all."""
    smallest = comparison["minimum_detectable"]
    if smallest is None:
        return "How small a difference this hold-out could show cannot be said."
    return (
        f"A true difference of {score(smallest)} would show in about 80 % of hold-outs like this"
        " one; a smaller one may be real and still not show."
    )
