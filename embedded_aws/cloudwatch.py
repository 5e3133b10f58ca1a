"""CloudWatch, that is moto's, as the embedded AWS's own services use it: without HTTP."""

from collections.abc import Sequence
from typing import Any

from moto.cloudwatch.models import cloudwatch_backends
from moto.core.utils import utcnow

from embedded_aws.settings import Settings

_MOST_DATA = 100_000  # hours of traffic; AWS would forget what is older than 15 months


class CloudWatch:
    """The metrics and alarms of the settings' account and region."""

    def __init__(self, settings: Settings) -> None:
        """Use moto's backend."""
        self._settings = settings

    @property
    def backend(self) -> Any:
        """Moto's backend."""
        return cloudwatch_backends[self._settings.account][self._settings.region]

    def alarm_state(self, name: str) -> str | None:
        """Give an alarm's state; None when there is no alarm of that name."""
        alarm = self.backend.alarms.get(name)
        return str(alarm.state_value) if alarm else None

    def put(self, namespace: str, data: Sequence[dict[str, Any]]) -> None:
        """Keep metric data, each as PutMetricData's MetricDatum, of this moment."""
        # moto's times have no zone.
        at = utcnow()
        self.backend.put_metric_data(namespace, [{"Timestamp": at, **datum} for datum in data])
        kept = self.backend.metric_data
        if len(kept) > _MOST_DATA:
            del kept[: len(kept) - _MOST_DATA]
