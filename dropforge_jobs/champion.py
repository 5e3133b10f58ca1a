"""The model that serves now, and what it says to today's rows.

A champion that cannot be loaded, or that does not take today's columns, is a fact to report; it is
no reason for a run to fail, for then no better model could ever replace it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional

from dropforge_jobs.jobs import JobError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

REASON_CHARACTERS = 300

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Champion:
    """The champion and its answers to the hold-out.

    Attributes:
        run_id: the run that made it.
        answers: its prediction for each row; None when it is unusable.
        reason: why it is unusable, in one sentence.
    """

    run_id: str
    answers: Optional[Sequence[str]]
    reason: str = ""


def ask_champion(run_id: str, rows: int, answer: Callable[[], Sequence[str]]) -> Champion:
    """Let the champion answer; whatever goes wrong makes it unusable.

    Args:
        run_id: the run that made the champion.
        rows: how many answers are expected.
        answer: loads it and returns its prediction for each row.
    """
    try:
        answers = answer()
    except JobError as error:
        reason = str(error)
    except Exception as error:  # noqa: BLE001  it is another run's model: anything can be in it
        reason = f"{type(error).__name__}: {error}"
    else:
        if len(answers) == rows:
            return Champion(run_id, answers)
        reason = f"it gave {len(answers)} answers to {rows} rows"
    logger.warning("the champion of run %s cannot be scored: %s", run_id, reason)
    return Champion(run_id, None, reason[:REASON_CHARACTERS])
