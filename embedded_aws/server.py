"""The one public door: a WSGI application that sends each request where it is answered."""

import base64
import logging
import re
from collections.abc import Callable, Iterable, Mapping
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from werkzeug.wrappers import Request, Response

from embedded_aws import answers
from embedded_aws.control import Control
from embedded_aws.errors import AwsError
from embedded_aws.faults.calls import CallFaults
from embedded_aws.functions import Functions
from embedded_aws.functions.records import find
from embedded_aws.glue import Glue
from embedded_aws.operations import Call, Protocol, call_of
from embedded_aws.sagemaker import SageMaker
from embedded_aws.settings import Settings
from embedded_aws.slack import Slack

_log = logging.getLogger(__name__)
# By the names in requests' signatures. What moto has beyond these was never tried here.
_MOTO_SERVICES = {
    "cloudformation",
    "dynamodb",
    "events",
    "iam",
    "kms",
    "lambda",
    "logs",
    "monitoring",
    "s3",
    "scheduler",
    "secretsmanager",
    "sns",
    "sqs",
    "ssm",
    "states",
    "sts",
}
# moto answers these as it answers something else, or by running a container.
_NOT_IN_MOTO = re.compile(
    r"s3:\w*(Abac|Analytics|Annotation|IntelligentTiering|BucketMetadata|MetricsConfiguration"
    r"|ObjectTorrent|CreateSession|RenameObject|UpdateObjectEncryption|WriteGetObjectResponse)"
    r"|lambda:Invoke"
)


_INVOCATION = re.compile(rb"POST /endpoints/([A-Za-z0-9-]+)/invocations HTTP/1\.1\r\n")
_SIGNED = re.compile(rb"Credential=([^/\s]*)/[^/\s]*/[^/\s]*/sagemaker/")


class Front:
    """Sends SageMaker, Glue, invocations, Slack and control calls to us, the rest to moto."""

    def __init__(  # noqa: PLR0913 - the parts are what they are
        self,
        settings: Settings,
        *,
        moto: WSGIApplication,
        sagemaker: SageMaker,
        glue: Glue,
        functions: Functions,
        slack: Slack,
        faults: CallFaults,
        control: Control,
    ) -> None:
        """Take the parts that answer."""
        self._settings = settings
        self._moto = moto
        self._sagemaker = sagemaker
        self._glue = glue
        self._functions = functions
        self._slack = slack
        self._faults = faults
        self._control = control

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        path = environ["PATH_INFO"]
        if path.startswith("/_embedded/"):
            response = self._control.answer(Request(environ))
        elif path.startswith("/slack/"):
            response = self._answer_slack(Request(environ))
        else:
            call = call_of(environ)
            response = self._answer(call, lambda: self._call(call, environ))
        return response(environ, start_response)

    def shortcut(self, head: bytes) -> Callable[[bytes], Response] | None:
        """Give what answers a call of InvokeEndpoint: clients make many of these, and count ms."""
        found = _INVOCATION.match(head)
        signed = _SIGNED.search(head)
        if found is None or signed is None:
            return None
        endpoint, caller = found[1].decode("latin-1"), signed[1].decode("latin-1")
        headers = _headers(head)

        def answer(body: bytes) -> Response:
            path = f"/endpoints/{endpoint}/invocations"
            call = Call(
                "sagemaker",
                "InvokeEndpoint",
                Protocol.REST_JSON,
                caller,
                lambda: f"{path} {body.decode(errors='replace')}",
            )
            return self._answer(call, lambda: self._invoke_endpoint(endpoint, body, headers))

        return answer

    def _answer_slack(self, request: Request) -> Response:
        """Answer a call of Slack's webhook, whose errors are a word each."""
        call = Call("slack", "Post", Protocol.REST_JSON, "", lambda: request.get_data(as_text=True))
        return self._faults.answer(
            call,
            act=lambda: self._slack.post(request),
            refuse=lambda err: Response(err.code, err.status, mimetype="text/plain"),
        )

    def _answer(self, call: Call, act: Callable[[], Response]) -> Response:
        """Answer a call of an AWS API by `act`, unless a fault interrupts who makes it."""
        with self._functions.calling(call):
            return self._faults.answer(
                call,
                act=lambda: self._act(call, act),
                refuse=lambda err: answers.error(err, call.protocol),
            )

    def _act(self, call: Call, act: Callable[[], Response]) -> Response:
        """Do what a call asks for, and answer in AWS's form whatever happens."""
        service, operation = call.service, call.operation
        try:
            return act()
        except AwsError as err:
            return answers.error(err, call.protocol)
        except NotImplementedError as err:
            _log.warning("%s:%s: %s", service, operation, err)
            return answers.error(_not_implemented(service, operation, str(err)), call.protocol)
        except Exception:  # noqa: BLE001 - the last resort: even this is answered
            _log.exception("%s:%s failed", service, operation)
            message = f"The embedded AWS failed in {service}:{operation}; its log says how."
            return answers.error(AwsError("InternalFailure", message, 500), call.protocol)

    def _call(self, call: Call, environ: WSGIEnvironment) -> Response:
        service, operation = call.service, call.operation
        request = Request(environ)
        if service == "sagemaker" and operation == "InvokeEndpoint":
            name = request.path.split("/")[2]
            return self._invoke_endpoint(name, request.get_data(), dict(request.headers))
        if service == "sagemaker":
            return self._call_sagemaker(operation, request)
        if service == "glue":
            result = self._glue.call(str(operation), request.get_json(force=True))
            return answers.json_1_1(result)
        if service == "lambda" and operation == "Invoke":
            return self._invoke_function(request)
        if service not in _MOTO_SERVICES or _NOT_IN_MOTO.match(f"{service}:{operation}"):
            raise _not_implemented(service, operation)
        response = Response.from_app(self._moto, environ, buffered=True)
        if b"The requested URL was not found on the server" in response.data[:200]:
            # Flask's own page: moto has no such path.
            raise _not_implemented(service, operation, f"{request.method} {request.path}")
        return response

    def _call_sagemaker(self, operation: str | None, request: Request) -> Response:
        if not request.headers.get("X-Amz-Target", "").startswith("SageMaker."):
            raise _not_implemented("sagemaker", operation)
        result = self._sagemaker.call(str(operation), request.get_json(force=True))
        return answers.json_1_1(result)

    def _invoke_endpoint(self, name: str, body: bytes, headers: Mapping[str, str]) -> Response:
        answer = self._sagemaker.invoke_endpoint(name, body, headers)
        return Response(answer.body, answer.status, answer.headers)

    def _invoke_function(self, request: Request) -> Response:
        name = request.path.split("/")[3]
        qualifier = request.args.get("Qualifier", "$LATEST")
        if qualifier != "$LATEST":
            raise AwsError("NotImplemented", f"Invoke with Qualifier {qualifier!r}", 501)
        kind = request.headers.get("X-Amz-Invocation-Type", "RequestResponse")
        if kind == "Event":
            self._functions.invoke_async(name, request.get_data())
            return Response(status=202)
        if kind == "DryRun":
            find(self._settings, name)
            return Response(status=204)
        if kind != "RequestResponse":
            raise AwsError("NotImplemented", f"Invoke with InvocationType {kind!r}", 501)
        done = self._functions.invoke(name, request.get_data() or b"{}")
        headers = {"X-Amz-Executed-Version": "$LATEST"}
        if done.function_error:
            headers["X-Amz-Function-Error"] = done.function_error
        if request.headers.get("X-Amz-Log-Type") == "Tail":
            headers["X-Amz-Log-Result"] = base64.b64encode(done.log_tail.encode()).decode()
        return Response(done.payload, 200, headers, "application/json")


def _headers(head: bytes) -> dict[str, str]:
    lines = head.decode("latin-1").split("\r\n")[1:-2]
    pairs = (line.partition(":") for line in lines)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _not_implemented(service: str, operation: str | None, detail: str = "") -> AwsError:
    called = f"{service}:{operation}" if operation else service
    message = f"The embedded AWS does not support {called}. {detail}".strip()
    return AwsError("NotImplemented", message, 501)
