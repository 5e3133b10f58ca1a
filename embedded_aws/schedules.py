"""Fires the scheduled rules of the default bus: when their time has come, or when asked to."""

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from moto.events.models import events_backends

from embedded_aws import schedule_expressions
from embedded_aws.errors import AwsError
from embedded_aws.settings import Settings

_LOOK_SECONDS = 1.0
_log = logging.getLogger(__name__)


class Schedules:
    """The rules that have a schedule, and when each is due; thread safe."""

    def __init__(self, settings: Settings, fire: Callable[[Any], None]) -> None:
        """Fire rules by `fire(rule)` once `start` was called."""
        self._settings = settings
        self._fire = fire
        self._lock = threading.Lock()
        # By ARN: the rule, which PutRule replaces and so starts anew, and when it is due.
        self._due: dict[str, tuple[Any, datetime | None]] = {}
        self._stopping = threading.Event()

    def start(self) -> None:
        """Begin to look at the time."""
        threading.Thread(target=self._run, name="schedules", daemon=True).start()

    def stop(self) -> None:
        """Fire nothing any more."""
        self._stopping.set()

    def told(self) -> list[dict[str, Any]]:
        """Tell each scheduled rule, with the time when it is due (ISO 8601, UTC)."""
        self._plan(datetime.now(UTC))
        with self._lock:
            return [
                {
                    "rule": rule.name,
                    "expression": rule.scheduled_expression,
                    "state": rule.state,
                    "next": due.isoformat() if due else None,
                }
                for rule, due in self._due.values()
            ]

    def fire(self, document: Any) -> dict[str, Any]:
        """Fire the rule of `{"rule": name or ARN}` now; raises AwsError when it cannot be."""
        name = document.get("rule") if isinstance(document, dict) else None
        found = [rule for rule in self._rules() if name in (rule.name, rule.arn)]
        if not found:
            message = f"there is no rule {name!r} with a schedule: give its name or its ARN"
            raise AwsError("ResourceNotFoundException", message, 404)
        [rule] = found
        if rule.state != "ENABLED":
            raise AwsError("ValidationException", f"the rule {rule.name} is disabled")
        self._fire(rule)
        return {"rule": rule.arn, "targets": [target["Arn"] for target in rule.targets]}

    def _run(self) -> None:
        while not self._stopping.wait(_LOOK_SECONDS):
            try:
                self.look(datetime.now(UTC))
            except Exception:  # noqa: BLE001 - logged; the next look may do better
                _log.exception("schedules could not be looked at")

    def look(self, moment: datetime) -> None:
        """Fire what is due at a moment, once, however many times were missed."""
        self._plan(moment)
        with self._lock:
            due = [rule for rule, at in self._due.values() if at and at <= moment]
            for rule in due:
                self._due[rule.arn] = (rule, _next(rule, moment))
        for rule in due:
            if rule.state == "ENABLED":
                self._fire(rule)

    def _plan(self, moment: datetime) -> None:
        """Take up new rules and forget those that are gone."""
        rules = {rule.arn: rule for rule in self._rules()}
        with self._lock:
            for arn in self._due.keys() - rules.keys():
                del self._due[arn]
            for arn, rule in rules.items():
                if arn not in self._due or self._due[arn][0] is not rule:
                    self._due[arn] = (rule, _next(rule, moment))

    def _rules(self) -> list[Any]:
        backend = events_backends[self._settings.account][self._settings.region]
        rules = list(backend.event_buses["default"].rules.values())
        return [rule for rule in rules if rule.scheduled_expression]


def _next(rule: Any, moment: datetime) -> datetime | None:
    return schedule_expressions.read(rule.scheduled_expression).after(moment)
