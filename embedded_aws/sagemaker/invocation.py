"""InvokeEndpoint: what is asked, how it passes through a chain of containers, what is answered.

Sources: API reference, InvokeEndpoint; developer guide, "Run real-time predictions with an
inference pipeline"; the wording of ModelError as clients report it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from embedded_aws.errors import AwsError
from embedded_aws.sagemaker.serving import (
    NoAnswerError,
    Reply,
    ServingContainer,
    UnreachableError,
)
from embedded_aws.sagemaker.support import not_implemented
from embedded_aws.sagemaker.validation import invalid
from embedded_aws.settings import Settings

_CUSTOM_ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"
_TARGET_VARIANT = "x-amzn-sagemaker-target-variant"
_UNSUPPORTED = {
    "x-amzn-sagemaker-enable-explanations": "EnableExplanations",
    "x-amzn-sagemaker-inference-component": "InferenceComponentName",
    "x-amzn-sagemaker-prefix-aware-id": "PrefixAwareId",
    "x-amzn-sagemaker-session-id": "SessionId",
    "x-amzn-sagemaker-target-container-hostname": "TargetContainerHostname",
    "x-amzn-sagemaker-target-model": "TargetModel",
}
_CLIENT_ERROR, _SERVER_ERROR = 400, 500
_MODEL_ERROR = 424
_TIMED_OUT = (
    "Your invocation timed out while waiting for a response from container {name}. Review the"
    " latency metrics for each container in Amazon CloudWatch, resolve the issue, and try again."
)


@dataclass(frozen=True)
class Answer:
    """An HTTP answer of SageMaker Runtime."""

    status: int
    headers: dict[str, str]
    body: bytes
    model_status: int = 200  # of the container that ended the chain


@dataclass(frozen=True)
class Invocation:
    """One call of InvokeEndpoint."""

    endpoint: str
    body: bytes
    headers: Mapping[str, str]  # names in lower case

    @classmethod
    def read(cls, endpoint: str, body: bytes, headers: Mapping[str, str]) -> "Invocation":
        """Read a request; raises AwsError for what is not supported."""
        lower = {name.lower(): value for name, value in headers.items()}
        unsupported = [field for name, field in _UNSUPPORTED.items() if name in lower]
        if unsupported:
            raise not_implemented(f"InvokeEndpoint with {', '.join(unsupported)}")
        return cls(endpoint, body, lower)

    def check(self, variant: str, max_body_bytes: int) -> None:
        """Raise AwsError for a body that is too large and a variant that is not there."""
        if len(self.body) > max_body_bytes:
            problem = (
                "Value at 'body' failed to satisfy constraint:"
                f" Member must have length less than or equal to {max_body_bytes}"
            )
            raise AwsError("ValidationError", invalid(problem).message)
        target = self.headers.get(_TARGET_VARIANT, variant)
        if target != variant:
            message = f"Variant {target} not found for endpoint {self.endpoint}."
            raise AwsError("ValidationError", message)

    def forward(
        self, containers: Sequence[ServingContainer], variant: str, settings: Settings
    ) -> Answer:
        """Pass the request through the containers, each getting what the one before answered."""
        body, content_type = self.body, self.headers.get("content-type")
        reply = Reply(0, {}, b"")
        for position, container in enumerate(containers, start=1):
            headers = self._headers(content_type, is_last=position == len(containers))
            name = container.spec.name
            try:
                reply = container.invoke(body, headers)
            except NoAnswerError:
                late = _TIMED_OUT.format(name=name).encode()
                return self._model_error(Reply(0, {}, late), name, settings)
            except UnreachableError as err:
                message = f"Container {name} of endpoint {self.endpoint} is not available."
                raise AwsError("ServiceUnavailable", message, 503) from err
            if reply.status >= _CLIENT_ERROR:
                return self._model_error(reply, name, settings)
            body, content_type = reply.body, reply.headers.get("Content-Type")
        return _success(reply, variant)

    def _headers(self, content_type: str | None, *, is_last: bool) -> dict[str, str]:
        headers = {"Content-Type": content_type or "application/octet-stream"}
        # What the caller accepts is for the last container to obey.
        if is_last and "accept" in self.headers:
            headers["Accept"] = self.headers["accept"]
        if _CUSTOM_ATTRIBUTES in self.headers:
            headers["X-Amzn-SageMaker-Custom-Attributes"] = self.headers[_CUSTOM_ATTRIBUTES]
        return headers

    def _model_error(self, reply: Reply, container: str, settings: Settings) -> Answer:
        group = f"/aws/sagemaker/Endpoints/{self.endpoint}"
        blame = "client" if _CLIENT_ERROR <= reply.status < _SERVER_ERROR else "server"
        original = reply.body.decode(errors="replace")
        console = f"https://{settings.region}.console.aws.amazon.com/cloudwatch/home"
        body = {
            "ErrorCode": f"{blame.upper()}_ERROR_FROM_MODEL",
            "Message": (
                f"Received {blame} error ({reply.status}) from {container} with message"
                f' "{original}". See {console}?region={settings.region}'
                f"#logEventViewer:group={group} in account {settings.account}"
                " for more information."
            ),
            "OriginalStatusCode": reply.status,
            "OriginalMessage": original,
            "LogStreamArn": (
                f"arn:aws:logs:{settings.region}:{settings.account}:log-group:{group}"
            ),
        }
        headers = {"Content-Type": "application/json", "x-amzn-ErrorType": "ModelError"}
        # An answer that did not come counts as the container's failure.
        status = reply.status or _SERVER_ERROR
        return Answer(_MODEL_ERROR, headers, json.dumps(body).encode(), status)


def _success(reply: Reply, variant: str) -> Answer:
    headers = {
        "Content-Type": reply.headers.get("Content-Type", "application/octet-stream"),
        "x-Amzn-Invoked-Production-Variant": variant,
    }
    attributes = reply.headers.get(_CUSTOM_ATTRIBUTES)
    if attributes is not None:
        headers["X-Amzn-SageMaker-Custom-Attributes"] = attributes
    return Answer(200, headers, reply.body)
