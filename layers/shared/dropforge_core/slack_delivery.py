"""Post a message to a Slack incoming webhook, whose URL is a secret.

Time is bounded: at most three tries of five seconds and two waits of five, and for a second message
two tries and a wait, so that the function ends within its 60 seconds. Slack fetches a message's
picture before it answers. The URL is in no error and no log line: slack_sdk's own errors and logger
can hold it, so only their kinds are passed on.
"""

from __future__ import annotations

import logging
import ssl
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from aws_lambda_powertools.utilities.parameters import SecretsProvider, SSMProvider
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
from slack_sdk.http_retry.builtin_handlers import (
    ConnectionErrorRetryHandler,
    RateLimitErrorRetryHandler,
    ServerErrorRetryHandler,
)
from slack_sdk.webhook import WebhookClient

from dropforge_core.redaction import redact

if TYPE_CHECKING:
    from slack_sdk.http_retry.request import HttpRequest
    from slack_sdk.http_retry.response import HttpResponse
    from slack_sdk.http_retry.state import RetryState

    from dropforge_core.clients import Clients

_TIMEOUT_SECONDS = 5
_RETRIES = 2
_LONGEST_WAIT_SECONDS = 5
_OK, _BAD_REQUEST = 200, 400

_silent = logging.getLogger("dropforge.slack")
_silent.disabled = True


class DeliveryError(Exception):
    """Slack did not take the message; the text holds no secret."""


class _RefusedError(DeliveryError):
    """Slack does not take this very message."""


class _BoundedRateLimit(RateLimitErrorRetryHandler):
    """Wait as long as Slack asks for, if that is not too long."""

    def _can_retry(
        self,
        *,
        state: RetryState,
        request: HttpRequest,
        response: HttpResponse | None = None,
        error: Exception | None = None,
    ) -> bool:
        limited = super()._can_retry(state=state, request=request, response=response, error=error)
        return limited and response is not None and _wait_of(response) <= _LONGEST_WAIT_SECONDS


@cache
def webhook_url(clients: Clients, source: Literal["ssm", "secretsmanager"], name: str) -> str:
    """Read the webhook's URL through Powertools Parameters, once in a function's life.

    Raises:
        DeliveryError: it cannot be read.
    """
    value: object
    try:
        if source == "ssm":
            value = SSMProvider(boto3_client=clients.ssm).get(name, decrypt=True)
        else:
            value = SecretsProvider(boto3_client=clients.secretsmanager).get(name)
    except GetParameterError as err:
        raise DeliveryError(f"the webhook's URL cannot be read: {redact(str(err))}") from None
    if not isinstance(value, str):
        raise DeliveryError("the webhook's URL cannot be read: it is no text")
    return value.strip()


def deliver(url: str, message: dict[str, Any], instead: dict[str, Any] | None = None) -> bool:
    """Post a message; return False when Slack took ``instead``, which is for when it refuses that.

    Slack refuses a whole message when it cannot fetch its picture.

    Raises:
        DeliveryError: Slack refused both or could not be reached.
    """
    try:
        _post(url, message, _RETRIES)
    except _RefusedError:
        if instead is None:
            raise
        _post(url, instead, 1)
        return False
    return True


def _post(url: str, message: dict[str, Any], retries: int) -> None:
    client = WebhookClient(
        url,
        timeout=_TIMEOUT_SECONDS,
        logger=_silent,
        # urllib would load all certificates, which takes time, even for plain HTTP,
        # which only a stand-in speaks. This context trusts nobody.
        ssl=None if url.startswith("https:") else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        retry_handlers=[
            _BoundedRateLimit(max_retry_count=retries),
            ServerErrorRetryHandler(max_retry_count=retries),
            ConnectionErrorRetryHandler(max_retry_count=min(retries, 1)),
        ],
    )
    try:
        answer = client.send_dict(message)
    except Exception as err:  # noqa: BLE001 - whatever it is, the run's result must not change
        raise DeliveryError(f"Slack cannot be reached: {type(err).__name__}") from None
    if answer.status_code != _OK or answer.body != "ok":
        said = redact(" ".join(answer.body.split()))[:100]
        kind = _RefusedError if answer.status_code == _BAD_REQUEST else DeliveryError
        raise kind(f"Slack refused the message: {answer.status_code} {said}")


def _wait_of(response: HttpResponse) -> float:
    for name, values in response.headers.items():
        if name.lower() == "retry-after":
            try:
                return int(values[0])
            except ValueError:
                return float("inf")
    return 1
