"""Lambda's Invoke, and what starts invocations by itself: retries and event sources."""

import json
import threading
import uuid
from contextlib import AbstractContextManager, suppress

from embedded_aws.cloudwatch import CloudWatch
from embedded_aws.errors import AwsError
from embedded_aws.faults import Faults
from embedded_aws.functions import moto_lambda, moto_sqs, records
from embedded_aws.functions.asynchronous import AsyncInvocations
from embedded_aws.functions.code import CodeStore
from embedded_aws.functions.environment import Invocation, Platform
from embedded_aws.functions.event_sources import EventSources
from embedded_aws.functions.interruptions import Interruptions
from embedded_aws.functions.outcomes import MAX_ASYNC_REQUEST_BYTES, MAX_REQUEST_BYTES
from embedded_aws.functions.pool import Pool
from embedded_aws.functions.runtime_folder import prepare
from embedded_aws.operations import Call
from embedded_aws.processes import Children
from embedded_aws.settings import Settings


class Functions:
    """Runs the functions that moto's Lambda knows. Make it before functions are created."""

    def __init__(
        self,
        settings: Settings,
        children: Children,
        faults: Faults,
        *,
        plain_client: bool | None = None,
        initialise_ahead: bool = False,
    ) -> None:
        """Make the runtime.

        `plain_client`: our client instead of AWS's; None: as installed. `initialise_ahead`: start
        an environment of each new function before anybody asks, as Lambda does now and then.
        """
        folder = settings.state / "functions"
        runtime = prepare(folder / "runtime", plain_client=plain_client)
        moto_lambda.apply()
        moto_sqs.apply()
        self._settings = settings
        self._interruptions = Interruptions(faults)
        code = CodeStore(folder / "code")
        cloudwatch = CloudWatch(settings)
        platform = Platform(settings, children, runtime, code, self._interruptions, cloudwatch)
        self._pool = Pool(platform)
        self._async = AsyncInvocations(settings, self)
        self._event_sources = EventSources(settings, self)
        if initialise_ahead:
            moto_lambda.created.append(self._initialise_ahead)

    def invoke(self, function: str, payload: bytes, *, request_id: str | None = None) -> Invocation:
        """Invoke a function, given by name or ARN, and wait for its answer.

        Raises AwsError: ResourceNotFoundException, InvalidRequestContentException,
        RequestTooLargeException, TooManyRequestsException, InvalidRuntimeException.
        """
        _check(payload, "RequestResponse", MAX_REQUEST_BYTES)
        record = records.find(self._settings, function)
        reserved = records.reserved_concurrency(self._settings, function)
        with self._pool.lend(record, reserved) as environment:
            return environment.invoke(payload or b"{}", request_id or str(uuid.uuid4()))

    def invoke_async(self, function: str, payload: bytes) -> None:
        """Accept an event for a function; it runs, and is tried again, in the background.

        Raises AwsError as `invoke` does, except for throttling, which is waited out.
        """
        _check(payload, "Event", MAX_ASYNC_REQUEST_BYTES)
        record = records.find(self._settings, function)
        self._async.accept(record.arn, payload or b"{}")

    def calling(self, call: Call) -> AbstractContextManager[None]:
        """Surround a call over HTTP; raises HangUpError when a fault kills the function at it."""
        return self._interruptions.calling(call)

    def poll_event_sources(self) -> None:
        """Start to read the queues that event source mappings name."""
        self._event_sources.start()

    def stop(self) -> None:
        """Stop polling, and end all functions, also those at work."""
        with suppress(ValueError):
            moto_lambda.created.remove(self._initialise_ahead)
        self._event_sources.stop()
        self._async.stop()
        self._pool.stop()

    def _initialise_ahead(self, function: str) -> None:
        """Have a new function ready for its first invocation; its errors show up there."""

        def initialise() -> None:
            with suppress(AwsError, RuntimeError):  # the latter: it is stopping
                self._pool.initialise(records.find(self._settings, function))

        threading.Thread(target=initialise, name=f"initialise {function}", daemon=True).start()


def _check(payload: bytes, invocation_type: str, limit: int) -> None:
    if len(payload) > limit:
        raise AwsError(
            "RequestTooLargeException",
            f"{len(payload)} byte payload is too large for the {invocation_type} invocation type "
            f"(limit {limit} bytes)",
            413,
        )
    try:
        json.loads(payload or b"{}")
    except ValueError as err:
        raise AwsError(
            "InvalidRequestContentException", f"Could not parse request body into json: {err}"
        ) from err
