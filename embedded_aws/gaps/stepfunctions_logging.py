"""Gap (moto 5.2.5): each failure, caught or not, is logged once per enclosing part of the machine.

Every line prints that part in full, Arguments included: slow, unreadable, and no place for what a
state machine passes around. Failures are told by the execution's history.
"""

from typing import Any

from moto.stepfunctions.parser.asl.component.eval_component import EvalComponent


def _say_nothing(self: Any, *args: Any, **kwargs: Any) -> None:
    """Leave it to the history."""


def apply() -> None:
    """Log no failing parts."""
    EvalComponent._log_failure_event_exception = _say_nothing  # noqa: SLF001
    EvalComponent._log_exception = _say_nothing  # noqa: SLF001
