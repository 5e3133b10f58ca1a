"""The embedded AWS's own endpoints under /_embedded/, which AWS does not have."""

import os
import resource
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from embedded_aws.answers import plain_json
from embedded_aws.errors import AwsError
from embedded_aws.faults import Faults
from embedded_aws.sagemaker import SageMaker
from embedded_aws.schedules import Schedules
from embedded_aws.settings import Settings
from embedded_aws.slack import Slack

if TYPE_CHECKING:
    from collections.abc import Callable


class Control:
    """Status, Slack's messages, and what tests force: faults, endpoints' statuses, schedules."""

    def __init__(
        self,
        settings: Settings,
        *,
        slack: Slack,
        faults: Faults,
        sagemaker: SageMaker,
        schedules: Schedules,
    ) -> None:
        """Serve these."""
        self._settings = settings
        self._slack = slack
        self._faults = faults
        self._endpoints = sagemaker.endpoints
        self._routes: dict[tuple[str, str], Callable[[Request], Any]] = {
            ("GET", "/_embedded/status"): self._status,
            ("GET", "/_embedded/slack"): lambda _: slack.messages(),
            ("GET", "/_embedded/faults"): lambda _: faults.pending(),
            ("POST", "/_embedded/faults"): self._add_fault,
            ("DELETE", "/_embedded/faults"): lambda _: faults.clear(),
            ("GET", "/_embedded/endpoints"): lambda _: self._endpoints.forced(),
            ("POST", "/_embedded/endpoints"): self._force_endpoint,
            ("DELETE", "/_embedded/endpoints"): lambda _: self._endpoints.forget_plans(),
            ("GET", "/_embedded/schedules"): lambda _: schedules.told(),
            ("POST", "/_embedded/schedules/fire"): lambda request: schedules.fire(_json(request)),
        }

    def answer(self, request: Request) -> Response:
        """Answer with JSON; 404 for anything else than the calls above."""
        handle = self._routes.get((request.method, request.path))
        if handle is None:
            return plain_json({"message": f"there is no {request.method} {request.path}"}, 404)
        try:
            return plain_json(handle(request))
        except AwsError as err:
            return plain_json({"message": err.message}, err.status)

    def _add_fault(self, request: Request) -> list[dict[str, Any]]:
        self._faults.add(_json(request))
        return self._faults.pending()

    def _force_endpoint(self, request: Request) -> dict[str, Any]:
        self._endpoints.force(_json(request))
        return self._endpoints.forced()

    def _status(self, _: Request) -> dict[str, Any]:
        return {
            "pid": os.getpid(),
            "endpoint_url": self._settings.endpoint_url,
            "container_url": self._settings.container_url,
            "region": self._settings.region,
            "account": self._settings.account,
            "runtime": self._settings.runtime,
            # Kilobytes on Linux, bytes on macOS.
            "max_rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        }


def _json(request: Request) -> Any:
    return request.get_json(force=True, silent=True)
