"""InvokeEndpoint: what is asked, how it passes through a chain of containers, what is answered.

Sources: API reference, InvokeEndpoint; developer guide, "Run real-time predictions with an
inference pipeline"; the wording of ModelError as clients report it.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from embedded_aws.errors import AwsError
from embedded_aws.sagemaker.passing import CLIENT_ERROR, Passage, Request, send
from embedded_aws.sagemaker.serving import ServingContainer
from embedded_aws.sagemaker.support import not_implemented
from embedded_aws.sagemaker.validation import invalid
from embedded_aws.settings import Settings

_CUSTOM_ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"
_TARGET_CONTAINER = "x-amzn-sagemaker-target-container-hostname"
_TARGET_VARIANT = "x-amzn-sagemaker-target-variant"
_UNSUPPORTED = {
    "x-amzn-sagemaker-enable-explanations": "EnableExplanations",
    "x-amzn-sagemaker-inference-component": "InferenceComponentName",
    "x-amzn-sagemaker-prefix-aware-id": "PrefixAwareId",
    "x-amzn-sagemaker-session-id": "SessionId",
    "x-amzn-sagemaker-target-model": "TargetModel",
}
_SERVER_ERROR = 500
_MODEL_ERROR = 424


@dataclass(frozen=True)
class Answer:
    """An HTTP answer of SageMaker Runtime."""

    status: int
    headers: dict[str, str]
    body: bytes
    passage: Passage


@dataclass(frozen=True)
class Invocation:
    """One call of InvokeEndpoint."""

    endpoint: str
    body: bytes
    headers: Mapping[str, str]  # names in lower case
    received: float = field(default_factory=time.perf_counter)

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
        """Pass the request on, and word the answer as SageMaker Runtime does."""
        for_all = {}
        if _CUSTOM_ATTRIBUTES in self.headers:
            for_all["X-Amzn-SageMaker-Custom-Attributes"] = self.headers[_CUSTOM_ATTRIBUTES]
        # What the caller accepts is for the last container to obey.
        for_last = {"Accept": self.headers["accept"]} if "accept" in self.headers else {}
        request = Request(self.body, self.headers.get("content-type"), for_all, for_last)
        passage = send(request, containers)
        if passage.failed:
            return self._model_error(passage, settings)
        return _success(passage, variant)

    def choose(
        self, containers: Sequence[ServingContainer], *, is_direct: bool
    ) -> Sequence[ServingContainer]:
        """Choose who is asked: all, or the one that is named where containers are asked directly.

        The developer guide promises validation errors ("Invoke a multi-container endpoint with
        direct invocation") and not their words.
        """
        target = self.headers.get(_TARGET_CONTAINER)
        if not is_direct:
            if target is None:
                return containers
            problem = "is not configured for direct invocation: give no TargetContainerHostname"
        elif target is None:
            problem = "is configured for direct invocation: give a TargetContainerHostname"
        else:
            chosen = [each for each in containers if each.spec.name == target]
            if chosen:
                return chosen
            problem = f"has no container with the TargetContainerHostname {target}"
        raise AwsError("ValidationError", f"Endpoint {self.endpoint} {problem}.")

    def _model_error(self, passage: Passage, settings: Settings) -> Answer:
        reply, container = passage.reply, passage.container
        group = f"/aws/sagemaker/Endpoints/{self.endpoint}"
        blame = "client" if CLIENT_ERROR <= reply.status < _SERVER_ERROR else "server"
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
        return Answer(_MODEL_ERROR, headers, json.dumps(body).encode(), passage)


def _success(passage: Passage, variant: str) -> Answer:
    reply = passage.reply
    headers = {
        "Content-Type": reply.headers.get("content-type", "application/octet-stream"),
        "x-Amzn-Invoked-Production-Variant": variant,
    }
    attributes = reply.headers.get(_CUSTOM_ATTRIBUTES)
    if attributes is not None:
        headers["X-Amzn-SageMaker-Custom-Attributes"] = attributes
    return Answer(200, headers, reply.body, passage)
