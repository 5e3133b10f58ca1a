"""Which side of the split a time is on: training, validation or hold-out.

The newest whole seasons are the hold-out, those before them are for validation, all that is older
trains. So no model was ever trained on a time that it is judged on, nor on a later one; and a model
that was trained before can be judged on newer days as long as they are not older than its own
hold-out: `holdout_from` says from when on a run's model has seen nothing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Optional

from dropforge_jobs.timestamps import spell_timestamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True)
class TimeSplit:
    """The same times for all series of a run, in seconds; each side ends where the next begins.

    Attributes:
        validation_from: before it, training.
        holdout_from: before it, validation.
        until: the end of the last whole season; later times wait until theirs is complete.
    """

    validation_from: int
    holdout_from: int
    until: int

    @classmethod
    def newest(
        cls, seasons: Iterable[int], seconds: int, *, holdout: int, validation: int
    ) -> Optional[TimeSplit]:
        """Split by the seasons that are whole.

        Args:
            seasons: the number of each whole season, counted from 1970-01-01.
            seconds: the length of a season.
            holdout: how many whole seasons are held out.
            validation: how many validate.

        Returns:
            The split; None when there are not enough for all three sides.
        """
        whole = sorted(set(seasons))
        if len(whole) <= holdout + validation:
            return None
        return cls(
            whole[-holdout - validation] * seconds,
            whole[-holdout] * seconds,
            (whole[-1] + 1) * seconds,
        )

    @classmethod
    def read(cls, profile: Optional[Mapping[str, Any]]) -> Optional[TimeSplit]:
        """Take the split of a run from its profile; None when that has none."""
        try:
            given = (profile or {})["time_split"]
            return cls(**{name: int(given[name]) for name in cls.__dataclass_fields__})
        except (KeyError, TypeError, ValueError):
            return None

    def document(self) -> dict[str, Any]:
        """Return it as profile.json has it, with the times in words."""
        words = {name: spell_timestamp(value) for name, value in asdict(self).items()}
        return {**asdict(self), "words": words}
