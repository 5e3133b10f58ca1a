"""How a request passes through a chain of containers: endpoints and batch transform do it alike.

Source: developer guide, "Run real-time predictions with an inference pipeline": what one container
answers, body and content type, is what the next one is asked; the first error ends it.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from embedded_aws.errors import AwsError
from embedded_aws.sagemaker.connections import NoAnswerError, Reply, UnreachableError
from embedded_aws.sagemaker.serving import ServingContainer

CLIENT_ERROR = 400
NO_ANSWER = 0
_ANY_TYPE = "application/octet-stream"
_TIMED_OUT = (
    "Your invocation timed out while waiting for a response from container {name}. Review the"
    " latency metrics for each container in Amazon CloudWatch, resolve the issue, and try again."
)


@dataclass(frozen=True)
class Request:
    """What is asked: headers for every container, and those that only the last one gets."""

    body: bytes
    content_type: str | None
    for_all: Mapping[str, str] = field(default_factory=dict)
    for_last: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Passage:
    """What came of it: the last answer, whose it is, and how long each container took.

    Status 0 stands for an answer that did not come in time.
    """

    reply: Reply
    container: str
    seconds: Sequence[tuple[str, float]]

    @property
    def failed(self) -> bool:
        """Whether a container answered with an error, or not in time."""
        return self.reply.status == NO_ANSWER or self.reply.status >= CLIENT_ERROR


def send(request: Request, containers: Sequence[ServingContainer]) -> Passage:
    """Pass a request through containers; raises AwsError when one cannot be reached."""
    body, content_type = request.body, request.content_type
    reply, name = Reply(NO_ANSWER, {}, b""), ""
    taken: list[tuple[str, float]] = []
    for position, container in enumerate(containers, start=1):
        headers = {"Content-Type": content_type or _ANY_TYPE, **request.for_all}
        if position == len(containers):
            headers.update(request.for_last)
        name = container.spec.name
        begun = time.perf_counter()
        reply = _ask(container, body, headers)
        taken.append((name, time.perf_counter() - begun))
        if reply.status == NO_ANSWER or reply.status >= CLIENT_ERROR:
            break
        body, content_type = reply.body, reply.headers.get("content-type")
    return Passage(reply, name, taken)


def _ask(container: ServingContainer, body: bytes, headers: Mapping[str, str]) -> Reply:
    name = container.spec.name
    try:
        return container.invoke(body, headers)
    except NoAnswerError:
        return Reply(NO_ANSWER, {}, _TIMED_OUT.format(name=name).encode())
    except UnreachableError as err:
        message = f"Container {name} is not available."
        raise AwsError("ServiceUnavailable", message, 503) from err
