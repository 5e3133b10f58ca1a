"""How far a run's data has moved from an earlier run's: the population stability index.

PSI = sum over bins of (a - e) ln(a / e), e and a being the shares of the earlier and of this run's
rows in a bin; for a number the bins are the earlier run's deciles. The usual reading, from credit
scoring (Siddiqi, "Credit Risk Scorecards", 2006): below 0.1 no change that matters, up to 0.25 some
change, above it another population.

Those limits know nothing of how many rows there are, and two samples of 100 rows differ by 0.1 by
chance alone. So each index comes with the value that independent samples of one population stay
below in 95 % of the cases: (1/n + 1/m) times the chi-squared quantile for one degree of freedom
less than there are bins. Yurdakul and Naranjo, "Statistical properties of the population stability
index", Journal of Risk Model Validation 14 (2020).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Optional

from dropforge_jobs.profile import Histogram

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BINS = 10
SOME = 0.1
STRONG = 0.25
_NONE = 0.5  # added to every bin's rows, so that an empty one has a share to compare


@dataclass(frozen=True)
class Drift:
    """The stability of one column.

    Attributes:
        name: the column.
        index: its population stability index, 0 for the same distribution.
        by_chance: what the index of two samples of one population stays below, 19 times of 20.
    """

    name: str
    index: float
    by_chance: float

    @property
    def verdict(self) -> str:
        """The index in words."""
        if self.index < SOME:
            return "stable"
        if self.index <= self.by_chance:
            return "may be chance"
        return "some drift" if self.index < STRONG else "strong drift"


def data_drift(profile: Mapping[str, Any], earlier: Mapping[str, Any]) -> list[Drift]:
    """Compare the profiles of two runs: the label, then each feature that both have."""
    columns = profile.get("features") or {}
    known = earlier.get("features") or {}
    found = [_label_drift(profile.get("classes"), earlier.get("classes"))]
    found += [_number_drift(name, columns[name], known[name]) for name in columns if name in known]
    return [each for each in found if each is not None]


def figure(drifts: Sequence[Drift]) -> float:
    """Return the largest index that chance does not explain, 0 when there is none."""
    return max((each.index for each in drifts if each.index > each.by_chance), default=0.0)


def stability(expected: Sequence[float], actual: Sequence[float]) -> tuple[float, float]:
    """Return the population stability index of rows per bin, and its limit by chance.

    Raises:
        ValueError: there are fewer than two bins, or not the same bins.
    """
    bins = len(expected)
    if bins < 2 or bins != len(actual):  # noqa: PLR2004  one bin holds everything
        raise ValueError(f"{bins} bins cannot be compared with {len(actual)}")
    before, after = sum(expected), sum(actual)
    index = 0.0
    for one, other in zip(expected, actual):  # noqa: B905
        share_before = (one + _NONE) / (before + _NONE * bins)
        share_after = (other + _NONE) / (after + _NONE * bins)
        index += (share_after - share_before) * math.log(share_after / share_before)
    return index, _chi_squared(bins - 1) * (1 / before + 1 / after)


def _number_drift(name: str, column: Any, known: Any) -> Optional[Drift]:
    now, then = Histogram.read(column), Histogram.read(known)
    if now is None or then is None:
        return None
    # A column with one value only has no edge inside: its value is the edge then.
    edges = then.edges(BINS) or [then.high]
    return Drift(name, *stability(then.between(edges), now.between(edges)))


def _label_drift(classes: Any, known: Any) -> Optional[Drift]:
    try:
        labels = sorted({*classes, *known})
        now, then = (
            [sum(each.get(label, {}).values()) for label in labels] for each in (classes, known)
        )
        return Drift("label", *stability(then, now))
    except (AttributeError, TypeError, ValueError, ZeroDivisionError):
        return None  # another version's profile, or one class only


def _chi_squared(freedom: int) -> float:
    """Return the 95 % quantile, by Wilson and Hilferty (1931): within 2 %."""
    part = 2 / (9 * freedom)
    z = NormalDist().inv_cdf(0.95)
    return freedom * (1 - part + z * math.sqrt(part)) ** 3
