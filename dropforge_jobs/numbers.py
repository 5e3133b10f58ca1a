"""Numbers as text: one strict reading of them for every job."""

from __future__ import annotations

import math
from typing import Optional


def parse_number(text: str) -> Optional[float]:
    """Return the finite number that `text` spells, or None.

    Python reads more than data files mean: "1_000", digits of other scripts, "nan" and "infinity"
    are no numbers here. Spaces around a number are allowed; "-0.0" is read as 0.0.
    """
    if "_" in text or not text.isascii():
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number + 0.0 if math.isfinite(number) else None
