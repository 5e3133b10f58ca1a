"""The smoke test: ask an endpoint the pipeline's golden samples, and compare its answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NoReturn

from botocore.exceptions import ClientError

from dropforge_core.aws_errors import error_code, is_platform_fault
from dropforge_core.contracts import SmokeTestResult
from dropforge_core.failures import shortened

if TYPE_CHECKING:
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

    from dropforge_core.contracts import SmokeTestInput
    from dropforge_core.published import SmokeSample

_SHOWN = 80  # characters of a sample, an answer or an error


def smoke_test(runtime: SageMakerRuntimeClient, asked: SmokeTestInput) -> SmokeTestResult:
    """Ask every sample, up to the first that is not answered as expected.

    Raises:
        botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError: the platform failed, so
            that nothing is known of the model.
    """
    for number, sample in enumerate(asked.samples, start=1):
        problem = _problem(runtime, asked.endpoint, sample)
        if problem:
            reason = f"The smoke test failed: sample {number} ({_short(sample.data)}) {problem}."
            return SmokeTestResult(passed=False, reason=reason)
    count = len(asked.samples)
    samples = "1 sample was" if count == 1 else f"{count} samples were"
    return SmokeTestResult(passed=True, reason=f"{samples} answered as expected.")


def _problem(runtime: SageMakerRuntimeClient, endpoint: str, sample: SmokeSample) -> str:
    """Say what is wrong with the answer to one sample; "" when nothing is."""
    try:
        target: Any = {"TargetContainerHostname": sample.container} if sample.container else {}
        answer = runtime.invoke_endpoint(
            EndpointName=endpoint,
            ContentType=sample.content_type,
            Body=sample.data.encode(),
            **target,
        )
    except ClientError as err:
        if is_platform_fault(err):
            raise
        return _refused(err)
    text = answer["Body"].read().decode(errors="replace")
    if sample.expect is None or matches(sample.expect, text, sample.tolerance):
        return ""
    wanted = sample.expect if isinstance(sample.expect, str) else json.dumps(sample.expect)
    return f"was answered {_short(text)}, expected {_short(wanted)}"


def _refused(err: ClientError) -> str:
    """Word an error that is the model's, or that of who asked."""
    answer: dict[str, Any] = dict(err.response)
    if error_code(err) == "ModelError":
        said = f"{answer.get('OriginalStatusCode', '')} {answer.get('OriginalMessage', '')}"
        return f"was answered with the model's error {_short(said)}"
    message = err.response.get("Error", {}).get("Message", "")
    return f"could not be asked: {error_code(err)}: {shortened(message, _SHOWN).rstrip('.')}"


def matches(expected: Any, answer: str, tolerance: float) -> bool:
    """Compare an answer with what is expected.

    As JSON when both can be read as JSON, numbers within the tolerance, in lists and objects too;
    else as text, without the white space around it.
    """
    try:
        wanted = _json(expected) if isinstance(expected, str) else expected
        return _equal(wanted, _json(answer), tolerance)
    except ValueError:
        return isinstance(expected, str) and expected.strip() == answer.strip()
    except (OverflowError, RecursionError):
        # A number beyond all floats, or lists in lists without end.
        return False


def _equal(wanted: Any, got: Any, tolerance: float) -> bool:
    if isinstance(wanted, dict) and isinstance(got, dict):
        return wanted.keys() == got.keys() and all(
            _equal(value, got[key], tolerance) for key, value in wanted.items()
        )
    if isinstance(wanted, list) and isinstance(got, list):
        return len(wanted) == len(got) and all(
            _equal(one, other, tolerance) for one, other in zip(wanted, got, strict=True)
        )
    if _is_number(wanted) and _is_number(got):
        return bool(abs(wanted - got) <= tolerance)
    return type(wanted) is type(got) and bool(wanted == got)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _json(text: str) -> Any:
    return json.loads(text, parse_constant=_refuse)


def _refuse(constant: str) -> NoReturn:
    # NaN and Infinity are Python's, not JSON's.
    raise ValueError(constant)


def _short(text: str) -> str:
    return f"'{shortened(' '.join(text.split()), _SHOWN)}'"
