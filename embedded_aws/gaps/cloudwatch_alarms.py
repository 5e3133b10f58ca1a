"""Gap: alarms are never evaluated, begin as OK, and their changes tell nobody.

Evaluating and telling is done by `embedded_aws.alarms`. What that cannot do is refused here:
percentiles, metric math, composite alarms, actions other than SNS topics.
"""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from moto.cloudwatch.exceptions import ValidationError
from moto.cloudwatch.models import Alarm, CloudWatchBackend

from embedded_aws.alarm_evaluation import COMPARISONS, STATISTICS
from embedded_aws.alarms import state

_SHORT_PERIODS = (10, 20, 30)  # seconds; else a multiple of a minute
_TREATMENTS = (None, "missing", "ignore", "breaching", "notBreaching")


def apply(changed: Callable[[Any, dict[str, Any]], None]) -> None:
    """Tell each change of state to `changed(alarm, state before)`."""
    begin, update = Alarm.__init__, Alarm.update_state
    put, set_state = CloudWatchBackend.put_metric_alarm, CloudWatchBackend.set_alarm_state

    @wraps(begin)
    def begin_unknown(alarm: Any, *args: Any, **given: Any) -> None:
        begin(alarm, *args, **given)
        alarm.state_value = "INSUFFICIENT_DATA"

    def update_and_tell(alarm: Any, reason: str, reason_data: str, state_value: str) -> None:
        before = state(alarm)
        update(alarm, reason, reason_data, state_value)
        if state_value != before["value"]:
            changed(alarm, before)

    def checked_put(backend: Any, name: str, **given: Any) -> Any:
        _check(given)
        old = backend.alarms.get(name)
        alarm = put(backend, name, **given)
        if old:
            # An alarm that is changed keeps its state until it is evaluated again.
            for field in ("value", "reason", "reason_data", "updated_timestamp"):
                setattr(alarm, f"state_{field}", getattr(old, f"state_{field}"))
        return alarm

    def hold(backend: Any, alarm_name: str, *args: Any) -> None:
        alarm = backend.alarms.get(alarm_name)
        if alarm:
            # It lasts until the next evaluation, which on AWS is a period away.
            alarm.held_until = time.monotonic() + int(alarm.period)
        set_state(backend, alarm_name, *args)

    Alarm.__init__ = begin_unknown
    Alarm.update_state = update_and_tell
    CloudWatchBackend.put_metric_alarm = checked_put
    CloudWatchBackend.set_alarm_state = hold


def _check(given: dict[str, Any]) -> None:
    unsupported = [
        what
        for what, is_there in (
            ("Metrics", given.get("metric_data_queries")),
            ("AlarmRule", given.get("rule")),
            ("ExtendedStatistic", given.get("extended_statistic")),
            ("ThresholdMetricId", given.get("threshold_metric_id")),
            (f"Statistic {given.get('statistic')}", given.get("statistic") not in STATISTICS),
            (
                f"ComparisonOperator {given.get('comparison_operator')}",
                given.get("comparison_operator") not in COMPARISONS,
            ),
        )
        if is_there
    ]
    for actions in ("alarm_actions", "ok_actions", "insufficient_data_actions"):
        found = given.get(actions) or []
        unsupported += [f"the action {arn}" for arn in found if not arn.startswith("arn:aws:sns:")]
    if unsupported:
        raise NotImplementedError(", ".join(unsupported))
    period, periods = int(given["period"] or 0), int(given["evaluation_periods"])
    datapoints = int(given.get("datapoints_to_alarm") or periods)
    if period < 1 or (period not in _SHORT_PERIODS and period % 60):
        raise ValidationError("Period must be 10, 20, 30 or a multiple of 60 seconds.")
    if not 1 <= datapoints <= periods:
        raise ValidationError("DatapointsToAlarm must be between 1 and EvaluationPeriods.")
    if given.get("treat_missing_data") not in _TREATMENTS:
        raise ValidationError(f"TreatMissingData cannot be {given['treat_missing_data']}.")
