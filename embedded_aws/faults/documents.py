"""What a fault can say, kind by kind; docs/local.md tells it to people.

Wherever a field chooses what is meant by text (a function's name, what is in a call's body), any
part of the text does, and an empty one means all.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from embedded_aws.errors import AwsError
from embedded_aws.operations import is_operation, signing_name

# Services are kept by the names in requests' signatures, which seams see.
type Service = Annotated[str, AfterValidator(signing_name)]
type Seconds = Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)]

_SLACK = ("slack", "Post")


class Fault(BaseModel):
    """What all kinds have."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    match: str = ""  # text in what the kind's class says
    after: int = Field(default=0, ge=0)  # lets so many pass first
    times: int = Field(default=1, ge=1)  # strikes so many


class CallFault(Fault):
    """A call over HTTP. It is refused with `code`, cut off, or answered late; `match`: path, body.

    `service` is boto3's name or the one in signatures ("stepfunctions" or "states"), `operation` as
    boto3 names it ("StartExecution"); Slack's webhook is `slack` and `Post`. `by` is text in the
    access key id that signed the call: the name of the Lambda function, "states", or one's own.
    """

    kind: Literal["call"] = "call"
    service: Service
    operation: str
    by: str = ""
    code: str = ""
    message: str = "This error was asked for."
    status: int = Field(default=400, ge=400, le=599)
    headers: dict[str, str] = {}  # of the error answer
    breaks: bool = False  # the connection is closed without an answer
    seconds: Seconds = 0.0  # until the answer
    happens: bool = False  # the call has its effect first

    @model_validator(mode="after")
    def _check(self) -> Self:
        _check_operation(self.service, self.operation)
        if bool(self.code) + self.breaks > 1:
            raise ValueError("give code or breaks, not both")
        if not (self.code or self.breaks or self.seconds):
            raise ValueError("it changes nothing: give code, breaks or seconds")
        return self


class EventFault(Fault):
    """A delivery of an event to a target of a rule; `match`: the event's JSON."""

    kind: Literal["event"]
    source: str = ""  # all of it, such as aws.s3
    detail_type: str = ""  # all of it, such as Object Created
    then: Literal["dropped", "delayed", "duplicated", "reordered"]
    seconds: Seconds = 0.0  # that it is late, or that the copies are
    copies: int = Field(default=1, ge=1)  # beside the one

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.then == "delayed") != bool(self.seconds) and self.then != "duplicated":
            raise ValueError("seconds goes with delayed, which needs it, and duplicated")
        if "copies" in self.model_fields_set and self.then != "duplicated":
            raise ValueError("copies goes with duplicated")
        if self.then == "reordered" and self.times == 1:
            raise ValueError("reordered needs times: that many are held, then sent in reverse")
        return self


class MessageFault(Fault):
    """A message that a queue takes, and will deliver more than once; `match`: its body."""

    kind: Literal["message"]
    queue: str = ""  # in the queue's name
    copies: int = Field(default=1, ge=1)  # beside the one
    seconds: Seconds = 0.0  # until the copies can be received


class FunctionFault(Fault):
    """An invocation that is interrupted; `match`: its payload.

    At its call number `call`, of all that it makes or of those to `service` and `operation`; or
    `seconds` after it began.
    """

    kind: Literal["function"]
    function: str = ""  # in the function's name
    then: Literal["killed", "timed_out"] = "killed"
    call: int = Field(default=1, ge=1)
    service: Service = ""
    operation: str = ""
    happens: bool = False  # the call has its effect first
    seconds: Seconds | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.service and self.operation:
            _check_operation(self.service, self.operation)
        at_call = self.model_fields_set & {"call", "service", "operation", "happens"}
        if self.seconds is not None and at_call:
            raise ValueError(f"give seconds or {', '.join(sorted(at_call))}, not both")
        return self


class JobFault(Fault):
    """A processing or training job whose program runs; `match`: the request that made it."""

    kind: Literal["job"]
    job: str = ""  # in the job's name
    then: Literal["killed", "failed", "stopped", "timed_out", "interrupted"]
    reason: str = ""
    seconds: Seconds = 0.0
    grace: Seconds | None = None  # between SIGTERM and SIGKILL; SageMaker's own when left out
    away: Seconds = 0.0  # until there is spot capacity again

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.then == "failed") != bool(self.reason):
            raise ValueError("reason goes with failed, which needs it")
        if self.then != "interrupted" and (self.grace is not None or self.away):
            raise ValueError("grace and away go with interrupted")
        return self


class EndpointFault(Fault):
    """A serving container that is killed; `match`: the name of its endpoint config."""

    kind: Literal["endpoint"]
    endpoint: str = ""  # in the endpoint's name
    restarts: bool = True
    seconds: Seconds = 0.0


_ANY: TypeAdapter[Fault] = TypeAdapter(
    Annotated[
        CallFault | EventFault | MessageFault | FunctionFault | JobFault | EndpointFault,
        Field(discriminator="kind"),
    ]
)


def read(document: Any) -> Fault:
    """Read a document; without `kind` it is a call. Raises AwsError, in one line, for no fault."""
    if not isinstance(document, Mapping):
        raise AwsError("ValidationException", "not a fault: it is a JSON object")
    try:
        return _ANY.validate_python({"kind": "call", **document})
    except ValidationError as err:
        problems = "; ".join(_problem(one["loc"], one["msg"]) for one in err.errors())
        raise AwsError("ValidationException", f"not a fault: {problems}") from err


def write(fault: Fault, *, after: int, times: int) -> dict[str, Any]:
    """Give a fault's document: what it was given, and how often it is still to come."""
    said = fault.model_dump(exclude_defaults=True)
    return {"kind": fault.model_dump()["kind"], **said, "after": after, "times": times}


def _problem(where: tuple[int | str, ...], message: str) -> str:
    # The first part is the kind; errors of a whole document have no other.
    name = ".".join(map(str, where[1:]))
    text = message.removeprefix("Value error, ")
    return f"{name}: {text}" if name else text


def _check_operation(service: str, operation: str) -> None:
    if (service, operation) != _SLACK and not is_operation(service, operation):
        raise ValueError(f"there is no operation {service}:{operation}")
