"""The smallest difference that a hold-out can be expected to show.

"Smallest detectable" means: if the true difference were this large, a two-sided test at 5 % would
find it in 80 % of all hold-outs of this size. A smaller one may be real and still not show.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Optional

LEVEL = 0.05
POWER = 0.80
_STEPS = 60  # halvings: more digits than a float has

_Z_LEVEL = NormalDist().inv_cdf(1 - LEVEL / 2)
_Z_POWER = NormalDist().inv_cdf(POWER)


def smallest_share_difference(rows: int, discordant: int) -> Optional[float]:
    """Return the smallest detectable difference of two shares that were counted on the same rows.

    Solves Connor's sample size formula for the difference d, p being the share of rows on which
    exactly one of the two is right:
    rows = (1.96 sqrt(p) + 0.84 sqrt(p - d²))² / d².
    Connor, "Sample size for testing differences in proportions for the paired-sample design",
    Biometrics 43 (1987), page 209. As p, the share seen on this hold-out is taken, but at least d
    itself: models cannot differ by more than the rows on which they disagree. So two models that
    agree on every row do not make a small hold-out look sharp.

    Args:
        rows: how many rows there are.
        discordant: on how many of them exactly one of the two models is right.

    Returns:
        The difference as a share, or None: not even a difference of 1 would show on so few rows.
    """

    def needed(difference: float) -> float:
        share = max(discordant / rows, difference)
        spread = _Z_LEVEL * math.sqrt(share) + _Z_POWER * math.sqrt(share - difference**2)
        return (spread / difference) ** 2

    if rows < 1 or needed(1.0) > rows:
        return None
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if needed(middle) > rows else (low, middle)
    return high


def smallest_difference(standard_error: float) -> Optional[float]:
    """Return the smallest detectable difference for any metric: 2.8 standard errors.

    Bloom, "Minimum detectable effects", Evaluation Review 19 (1995).

    Returns:
        None for a standard error of 0: resamples that never differ say nothing.
    """
    return (_Z_LEVEL + _Z_POWER) * standard_error if standard_error > 0 else None
