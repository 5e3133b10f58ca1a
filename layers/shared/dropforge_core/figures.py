"""What of JSON's values can be reckoned with."""

import math
from typing import Any


def finite(value: Any) -> float | None:
    """Return a real finite number as float; None for all else, and for True and False."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
