"""One update under guardrails: traffic is shifted step by step while alarms are watched.

How AWS words the FailureReason of a deployment that an alarm rolled back is not known.
"""

import threading
import time
from collections.abc import Callable, Iterable

from embedded_aws.sagemaker.guardrails import AlarmState, Guardrails
from embedded_aws.sagemaker.traffic import Traffic

_LOOK_SECONDS = 0.1

type Tell = Callable[[str, str, int], None]


class RolledBackError(Exception):
    """The deployment is to be rolled back; the message is the endpoint's FailureReason."""


class Deployment:
    """The shifting and baking of one update."""

    def __init__(
        self,
        guardrails: Guardrails,
        alarm_state: AlarmState,
        closing: threading.Event,
        tell: Tell,
    ) -> None:
        """Take the time from now; `tell` hears stage, message and instances with traffic."""
        self._guardrails = guardrails
        self._alarm_state = alarm_state
        self._closing = closing
        self._tell = tell
        self._deadline = time.monotonic() + guardrails.timeout

    def shift(self, traffic: Traffic) -> None:
        """Let the new fleet have all the traffic in the end; raises RolledBackError."""
        guardrails = self._guardrails
        # An alarm that sounds already would end the deployment anyway: no request is risked.
        self._check()
        for active in guardrails.steps:
            self._tell("ActivatingTraffic", guardrails.activating(active), active)
            traffic.shift(active, guardrails.total)
            self._tell("Baking", guardrails.baking(active), active)
            self._bake(guardrails.seconds_after(active))

    def _bake(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while True:
            self._check()
            left = end - time.monotonic()
            if left <= 0 or self._closing.wait(min(left, _LOOK_SECONDS)):
                return

    def _check(self) -> None:
        sounding = [name for name in self._guardrails.alarms if self._alarm_state(name) == "ALARM"]
        if sounding:
            raise RolledBackError(_sounding(sounding))
        if time.monotonic() > self._deadline:
            raise RolledBackError(
                "The deployment was rolled back because it exceeded its maximum execution time"
                f" of {self._guardrails.timeout:g} seconds."
            )


def _sounding(alarms: Iterable[str]) -> str:
    return (
        "The deployment was rolled back because of CloudWatch alarm(s) in ALARM state:"
        f" [{', '.join(alarms)}]."
    )
