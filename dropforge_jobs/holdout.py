"""Which side of the split a row is on: training, validation or hold-out, fixed for ever.

The side depends on nothing but the row's own feature values and the seed: not on the label, on the
other rows, on their order, on the file, or on the run. So a row that a model was once trained on is
never in the hold-out that a later model is judged on, rows with the same features are always on the
same side (whatever their labels and however often they come), and champion and challenger compare
fairly although they were trained on different days.

Two things move rows, and break that promise for models that exist already: another seed moves any
row; a larger hold-out share takes rows out of the training side. `find_leaks` finds such rows when
it is given the split that a model was trained with. The shares are met on average only: among few
rows the hold-out is a little larger or smaller than asked.
"""

from __future__ import annotations

import hashlib
import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Union

from dropforge_jobs.numbers import parse_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

TRAIN = "train"
VALIDATION = "validation"
HOLDOUT = "holdout"

_POSITIONS = 2**64  # a position is an unsigned 64-bit number
_NUMBER = struct.Struct(">cd").pack


@dataclass(frozen=True)
class Split:
    """How rows are shared out.

    Attributes:
        seed: another seed is another split.
        holdout: share of the rows that judge models, 0 to 1.
        validation: share of the rows that training may look at without learning from them, 0 to 1.

    Raises:
        ValueError: the shares are negative or leave nothing to train on.
    """

    seed: int
    holdout: float
    validation: float = 0.0

    def __post_init__(self) -> None:
        """Refuse shares that cannot be met."""
        if not (self.holdout >= 0 and self.validation >= 0 and self.holdout + self.validation < 1):
            raise ValueError(
                f"the shares for hold-out ({self.holdout}) and validation ({self.validation}) "
                "must not be negative and must leave some rows to train on"
            )

    def side(self, features: Iterable[Union[str, float]]) -> str:
        """Return TRAIN, VALIDATION or HOLDOUT for the row with these feature values.

        A value counts by its meaning: "5.10", " 5.1" and 5.1 are the same, as are -0.0 and "0".
        Text that is no finite number counts as it stands, without the spaces around it.
        """
        row = b"".join([_canonical(value) for value in features])
        digest = hashlib.blake2b(row, digest_size=8, key=b"dropforge-split-1:%d" % self.seed)
        position = int.from_bytes(digest.digest(), "big") / _POSITIONS
        if position < self.holdout:
            return HOLDOUT
        # Behind the hold-out, so that another validation share leaves the hold-out as it is.
        return VALIDATION if position < self.holdout + self.validation else TRAIN


def find_leaks(rows: Iterable[Sequence[Union[str, float]]], split: Split) -> list[int]:
    """Return the positions of the rows that `split` does not hold out.

    Given a hold-out and the split of a model's own run: the rows that the model may have been
    trained or tuned with, and that it must not be judged on.

    Args:
        rows: feature values, in the columns that the split was made by.
        split: how the run that made the model shared out its rows.
    """
    return [place for place, row in enumerate(rows) if split.side(row) != HOLDOUT]


def _canonical(value: Union[str, float]) -> bytes:
    """Spell a value the same way on every platform; no two rows spell the same bytes."""
    number = parse_number(value) if isinstance(value, str) else float(value)
    if number is not None and math.isfinite(number):
        return _NUMBER(b"n", number + 0.0)  # + 0.0 makes -0.0 the same as 0.0
    text = str(value).strip().encode("utf-8")
    return b"t" + struct.pack(">I", len(text)) + text
