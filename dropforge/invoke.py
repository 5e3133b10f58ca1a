"""`dropforge invoke`: ask a pipeline's endpoint."""

import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from dropforge_core.naming import endpoint_name, is_pipeline_name

from dropforge import output
from dropforge.errors import CommandError, InputError
from dropforge.target import Target


@dataclass(frozen=True)
class Answer:
    """What the endpoint answered, as it came, and after how long."""

    body: bytes
    milliseconds: float

    def document(self) -> dict[str, Any]:
        """Return what `--json` prints: the prediction parsed when it is JSON, else its text."""
        text = self.body.decode("utf-8", errors="replace")
        try:
            prediction = json.loads(text, parse_constant=_refuse)
        except ValueError:
            prediction = text.removesuffix("\n").removesuffix("\r")
        return {"prediction": prediction, "milliseconds": self.milliseconds}

    def write(self) -> None:
        """Write the body to stdout, byte by byte as it came."""
        sys.stdout.flush()
        sys.stdout.buffer.write(self.body)
        sys.stdout.buffer.flush()
        if sys.stdout.isatty() and not self.body.endswith(b"\n"):
            sys.stdout.write("\n")


def read_body(data: str | None, file: Path | None) -> bytes:
    """Return what to ask with.

    Raises:
        InputError: not exactly one of both is given, or the file cannot be read or is empty.
    """
    if (data is None) == (file is None):
        raise InputError("Give the question as --data TEXT or --file PATH, one of them.")
    if file is None:
        # Its bytes as they were typed, UTF-8 or not.
        body = os.fsencode(data or "")
    else:
        try:
            body = file.read_bytes()
        except OSError as err:
            raise InputError(f"{file}: cannot be read: {err.strerror}.") from err
    if not body:
        raise InputError(f"{file or '--data'}: is empty: there is nothing to ask.")
    return body


def invoke(
    target: Target, pipeline: str, body: bytes, content_type: str, container: str | None = None
) -> Answer:
    """Ask the pipeline's endpoint, or one container of it where they are asked directly.

    Raises:
        InputError: there is no such pipeline, or the content type cannot be one.
        CommandError: it has no endpoint yet, or the model refused or failed.
    """
    if not is_pipeline_name(pipeline) or target.ledger.published(pipeline) is None:
        raise InputError(
            f"No pipeline {pipeline!r} is published in {target.stack}; publish and drop first:"
            f" dropforge drop {pipeline} FILE --wait"
        )
    if not (content_type.isascii() and content_type.isprintable()):
        raise InputError(f"--content-type: {content_type!r} cannot be one, such as text/csv.")
    endpoint = endpoint_name(target.stack, pipeline)
    asked: Any = {"TargetContainerHostname": container} if container else {}
    started = time.perf_counter()
    try:
        answer = target.client("sagemaker-runtime").invoke_endpoint(
            EndpointName=endpoint, ContentType=content_type, Body=body, **asked
        )
    except ClientError as err:
        raise _explain(err, endpoint, pipeline) from err
    content = answer["Body"].read()
    return Answer(content, round((time.perf_counter() - started) * 1000, 3))


def check_plot(path: Path | None) -> None:
    """Refuse a name that is no picture's, before anything is asked.

    Raises:
        InputError: it does not end in .png.
    """
    if path is not None and path.suffix.lower() != ".png":
        raise InputError(f"--plot: {path}: name a .png file.")


def plot(pipeline: str, body: bytes, answer: Answer, path: Path) -> None:
    """Draw question and answer; the first of several instances.

    Raises:
        CommandError: the answer holds no numbers.
        InputError: the file cannot be written.
    """
    from dropforge import plot as picture  # noqa: PLC0415 - only pictures wait for Pillow

    picture.write(f"{pipeline}: asked and answered", body, answer.document()["prediction"], path)
    output.say(f"Drawn: {path}")


def _explain(err: ClientError, endpoint: str, pipeline: str) -> Exception:
    code = err.response["Error"]["Code"]
    message = " ".join(err.response["Error"].get("Message", "").split())
    if code == "ModelError":
        said = err.response.get("OriginalMessage") or message
        status = err.response.get("OriginalStatusCode", "")
        return CommandError(f"The model answered {status}: {' '.join(str(said).split())}")
    if code == "ThrottlingException":
        return CommandError(
            f"Endpoint {endpoint} is throttled: as many requests are in it as it takes at once"
            " (serverless: MaxConcurrency); try again."
        )
    if code in {"ValidationError", "ValidationException"} and "not found" in message.lower():
        return CommandError(
            f"Pipeline {pipeline} has no endpoint {endpoint} yet: a run must deploy one; see:"
            f" dropforge runs {pipeline}"
        )
    return err


def _refuse(constant: str) -> Any:
    # NaN and Infinity are Python's, not JSON's.
    raise ValueError(constant)
