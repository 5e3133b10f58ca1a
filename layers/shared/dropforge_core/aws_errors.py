"""Whose fault an AWS error is: only the platform's own are worth a retry."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore import exceptions
from botocore.exceptions import BotoCoreError, ClientError

from dropforge_core.errors import ServiceUnavailableError

_TOO_MANY_REQUESTS = 429
_SERVER_ERROR = 500
# Beside those with "Throttl" in their name; from botocore's own list of throttling codes.
_THROTTLES = {
    "BandwidthLimitExceeded",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "SlowDown",
    "TooManyRequestsException",
    "TransactionConflictException",
    "TransactionInProgressException",
}


def error_code(error: ClientError) -> str:
    """Return the code of an error that AWS answered."""
    return error.response.get("Error", {}).get("Code", "")


def is_platform_fault(error: ClientError | BotoCoreError) -> bool:
    """Say whether the same call may succeed later: a throttle, a 5xx, a broken connection."""
    if not isinstance(error, ClientError):
        return isinstance(error, exceptions.ConnectionError | exceptions.HTTPClientError)
    code = error_code(error)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return (
        code in _THROTTLES
        or "Throttl" in code
        or status == _TOO_MANY_REQUESTS
        or status >= _SERVER_ERROR
    )


@contextmanager
def platform_faults() -> Iterator[None]:
    """Turn the platform's faults into the error that the state machines retry.

    Raises:
        ServiceUnavailableError: AWS throttled, failed or could not be reached, after boto3's own
            retries. Every other error passes as it is.
    """
    try:
        yield
    except (ClientError, BotoCoreError) as err:
        if not is_platform_fault(err):
            raise
        raise ServiceUnavailableError(str(err)) from err
