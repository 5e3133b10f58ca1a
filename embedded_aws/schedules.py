"""Fires scheduled rules of the default bus, and schedules: in their time, or when asked to."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal

from moto.events.models import events_backends

from embedded_aws import schedule_expressions
from embedded_aws.errors import AwsError
from embedded_aws.settings import Settings

_LOOK_SECONDS = 1.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Timed:
    """Something that has a schedule; `fire` takes the time for which it was planned.

    It starts anew when its `version` is another.
    """

    kind: Literal["rule", "schedule"]
    name: str
    arn: str
    expression: str
    state: str
    targets: tuple[str, ...]
    version: Any
    fire: Callable[[datetime], None]
    timezone: str = "UTC"

    def after(self, moment: datetime) -> datetime | None:
        """Say when it is due next."""
        return schedule_expressions.read(self.expression, self.timezone).after(moment)


class Schedules:
    """What has a schedule, and when each is due; thread safe."""

    def __init__(
        self,
        settings: Settings,
        fire: Callable[[Any], None],
        schedules: Callable[[], list[Timed]] = list,
    ) -> None:
        """Fire rules by `fire(rule)`, and what `schedules()` lists, once `start` was called."""
        self._settings = settings
        self._fire = fire
        self._schedules = schedules
        self._lock = threading.Lock()
        # By ARN: what it was when it was planned, and when it is due.
        self._due: dict[str, tuple[Timed, datetime | None]] = {}
        self._stopping = threading.Event()

    def start(self) -> None:
        """Begin to look at the time."""
        threading.Thread(target=self._run, name="schedules", daemon=True).start()

    def stop(self) -> None:
        """Fire nothing any more."""
        self._stopping.set()

    def told(self) -> list[dict[str, Any]]:
        """Tell each rule and schedule, with the time when it is due (ISO 8601, UTC)."""
        self._plan(datetime.now(UTC))
        with self._lock:
            return [
                {
                    timed.kind: timed.name,
                    "expression": timed.expression,
                    "state": timed.state,
                    "next": due.isoformat() if due else None,
                }
                for timed, due in self._due.values()
            ]

    def fire(self, document: Any) -> dict[str, Any]:
        """Fire `{"rule": name or ARN}` or `{"schedule": ...}` now; raises AwsError otherwise."""
        given = document if isinstance(document, dict) else {}
        kind = "schedule" if "schedule" in given else "rule"
        name = given.get(kind)
        found = [
            timed
            for timed in self._timed()
            if timed.kind == kind and name in (timed.name, timed.arn)
        ]
        if not found:
            what = f"rule {name!r} with a schedule" if kind == "rule" else f"schedule {name!r}"
            message = f"there is no {what}: give its name or its ARN"
            raise AwsError("ResourceNotFoundException", message, 404)
        [timed] = found
        if timed.state != "ENABLED":
            raise AwsError("ValidationException", f"the {kind} {timed.name} is disabled")
        timed.fire(datetime.now(UTC))
        return {kind: timed.arn, "targets": list(timed.targets)}

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
            due = [(timed, at) for timed, at in self._due.values() if at and at <= moment]
            for timed, _ in due:
                self._due[timed.arn] = (timed, timed.after(moment))
        for timed, at in due:
            if timed.state == "ENABLED":
                timed.fire(at)

    def _plan(self, moment: datetime) -> None:
        """Take up what is new and forget what is gone."""
        found = {timed.arn: timed for timed in self._timed()}
        with self._lock:
            for arn in self._due.keys() - found.keys():
                del self._due[arn]
            for arn, timed in found.items():
                known, due = self._due.get(arn, (None, None))
                again = known is None or known.version is not timed.version
                self._due[arn] = (timed, timed.after(moment) if again else due)

    def _timed(self) -> list[Timed]:
        backend = events_backends[self._settings.account][self._settings.region]
        rules = list(backend.event_buses["default"].rules.values())
        return [self._rule(rule) for rule in rules if rule.scheduled_expression] + self._schedules()

    def _rule(self, rule: Any) -> Timed:
        return Timed(
            kind="rule",
            name=rule.name,
            arn=rule.arn,
            expression=rule.scheduled_expression,
            state=rule.state,
            targets=tuple(target["Arn"] for target in rule.targets),
            version=rule,  # PutRule makes another
            fire=partial(self._fire_rule, rule),
        )

    def _fire_rule(self, rule: Any, _: datetime) -> None:
        self._fire(rule)
