"""The embedded AWS's own endpoints under /_embedded/, which AWS does not have."""

import os
import resource
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from embedded_aws.answers import plain_json
from embedded_aws.errors import AwsError
from embedded_aws.faults import Faults
from embedded_aws.settings import Settings
from embedded_aws.slack import Slack

if TYPE_CHECKING:
    from collections.abc import Callable


class Control:
    """Status, Slack's messages, and forced faults."""

    def __init__(self, settings: Settings, slack: Slack, faults: Faults) -> None:
        """Serve these."""
        self._settings = settings
        self._slack = slack
        self._faults = faults
        self._routes: dict[tuple[str, str], Callable[[Request], Any]] = {
            ("GET", "/_embedded/status"): self._status,
            ("GET", "/_embedded/slack"): lambda _: slack.messages(),
            ("GET", "/_embedded/faults"): lambda _: faults.pending(),
            ("POST", "/_embedded/faults"): self._add_fault,
            ("DELETE", "/_embedded/faults"): lambda _: faults.clear(),
        }

    def answer(self, request: Request) -> Response:
        """Answer with JSON; 404 for anything else than the five calls above."""
        handle = self._routes.get((request.method, request.path))
        if handle is None:
            return plain_json({"message": f"there is no {request.method} {request.path}"}, 404)
        try:
            return plain_json(handle(request))
        except AwsError as err:
            return plain_json({"message": err.message}, err.status)

    def _add_fault(self, request: Request) -> list[dict[str, Any]]:
        document = request.get_json(force=True, silent=True)
        if not isinstance(document, dict):
            raise AwsError("ValidationException", "a fault is a JSON object")
        self._faults.add(document)
        return self._faults.pending()

    def _status(self, _: Request) -> dict[str, Any]:
        return {
            "pid": os.getpid(),
            "endpoint_url": self._settings.endpoint_url,
            "region": self._settings.region,
            "account": self._settings.account,
            # Kilobytes on Linux, bytes on macOS.
            "max_rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        }
