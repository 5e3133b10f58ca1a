import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from embedded_aws.errors import AwsError
from embedded_aws.functions import Functions
from embedded_aws.functions.records import RUNTIME
from embedded_aws.settings import Settings

both_clients = pytest.mark.parametrize("functions", ["awslambdaric", "plain"], indirect=True)

ECHO = "def lambda_handler(event, context): return event"


@both_clients
def test_echo(functions: Functions, deploy: Callable[..., str]) -> None:
    """The event reaches the handler and its result comes back, also by ARN, text and all."""
    arn = deploy(ECHO)
    event = {"text": "Grüße, 世界", "number": 1.5, "list": [None, True]}
    for name in ("under-test", arn, "123456789012:function:under-test", f"{arn}:$LATEST"):
        invocation = functions.invoke(name, json.dumps(event).encode())
        assert json.loads(invocation.payload) == event
        assert invocation.function_error is None


@both_clients
def test_an_empty_payload_is_an_empty_event(
    functions: Functions, deploy: Callable[..., str]
) -> None:
    """Invoke without a payload gives the handler an empty object."""
    deploy(ECHO)
    assert functions.invoke("under-test", b"").payload == b"{}"


@both_clients
def test_the_environment_is_lambdas(
    functions: Functions,
    deploy: Callable[..., str],
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A function sees Lambda's variables and its own, and none of ours."""
    monkeypatch.setenv("OUR_SECRET", "must not leak")
    source = (
        "import os\n"
        "def lambda_handler(event, context): return [dict(os.environ), os.getcwd(), __file__]"
    )
    deploy(source, Environment={"Variables": {"TABLE": "ledger", "COUNT": "3"}}, MemorySize=256)

    variables, folder, file = json.loads(functions.invoke("under-test", b"{}").payload)

    expected = {
        "_HANDLER": "app.lambda_handler",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": settings.endpoint_url,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{RUNTIME}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_FUNCTION_NAME": "under-test",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/under-test",
        "AWS_REGION": "us-east-1",
        "COUNT": "3",
        "LAMBDA_TASK_ROOT": folder,
        "TABLE": "ledger",
        "TZ": ":UTC",
    }
    assert expected.items() <= variables.items()
    assert Path(file).parent == Path(folder)
    others = variables.keys() - expected.keys()
    of_the_shell = {"LC_CTYPE", "OLDPWD", "PWD", "SHLVL", "_"}
    assert others - of_the_shell == {
        "_X_AMZN_TRACE_ID",
        "AWS_ACCESS_KEY_ID",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_XRAY_CONTEXT_MISSING",
        "HOME",
        "LAMBDA_RUNTIME_DIR",
        "LANG",
        "PATH",
        "PYTHONPATH",
        "TMPDIR",
    }


@both_clients
def test_only_the_runtimes_packages_are_there(
    functions: Functions, deploy: Callable[..., str]
) -> None:
    """boto3 can be imported as on Lambda; what surrounds the embedded AWS cannot."""
    source = (
        "import importlib.util\n"
        "def lambda_handler(event, context):\n"
        "    return [name for name in event if importlib.util.find_spec(name)]"
    )
    deploy(source)
    names = ["boto3", "botocore", "numpy", "moto", "pydantic", "embedded_aws", "pytest", "sklearn"]
    found = json.loads(functions.invoke("under-test", json.dumps(names).encode()).payload)
    assert found == ["boto3", "botocore"]


@both_clients
def test_a_function_calls_the_embedded_aws(
    functions: Functions, deploy: Callable[..., str], aws: Callable[[str], Any]
) -> None:
    """A plain boto3 client in a handler talks to us."""
    aws("s3").create_bucket(Bucket="made-by-the-test")
    source = (
        "import boto3\n"
        "def lambda_handler(event, context):\n"
        "    return [b['Name'] for b in boto3.client('s3').list_buckets()['Buckets']]"
    )
    deploy(source)
    assert "made-by-the-test" in json.loads(functions.invoke("under-test", b"{}").payload)


@both_clients
def test_the_context(functions: Functions, deploy: Callable[..., str]) -> None:
    """The handler's context has Lambda's attributes, and the time that is left."""
    source = (
        "def lambda_handler(event, context):\n"
        "    return [context.function_name, context.function_version,\n"
        "            context.memory_limit_in_mb, context.invoked_function_arn,\n"
        "            context.aws_request_id, context.log_group_name,\n"
        "            context.get_remaining_time_in_millis(), context.identity.cognito_identity_id]"
    )
    arn = deploy(source, Timeout=7)
    request_id = "11111111-2222-3333-4444-555555555555"
    *values, left, identity = json.loads(
        functions.invoke("under-test", b"{}", request_id=request_id).payload
    )
    assert values == [
        "under-test",
        "$LATEST",
        "128",
        arn,
        request_id,
        "/aws/lambda/under-test",
    ]
    assert 4000 < left <= 7000
    assert identity is None


def test_the_log(functions: Functions, deploy: Callable[..., str], settings: Settings) -> None:
    """The stream has Lambda's lines around what the function prints; the tail is one invocation."""
    source = (
        "import logging\n"
        "def lambda_handler(event, context):\n"
        "    print('said', event)\n"
        "    logging.getLogger().warning('warned')"
    )
    deploy(source)
    first = functions.invoke("under-test", b"1")
    second = functions.invoke("under-test", b"2")

    assert re.search(
        r"INIT_START Runtime Version: python3\.\d+ .*\n"
        r"START RequestId: (\S+) Version: \$LATEST\n"
        r"said 1\n"
        r"\[WARNING\]\t\S+Z\t\1\twarned\n"
        r"END RequestId: \1\n"
        r"REPORT RequestId: \1\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\t"
        r"Memory Size: 128 MB\t(Max Memory Used: \d+ MB\t)?Init Duration: [\d.]+ ms\t\n$",
        first.log_tail,
    )
    assert "said 1" not in second.log_tail
    assert "Init Duration" not in second.log_tail
    (stream,) = (settings.state / "logs" / "aws" / "lambda" / "under-test").glob("*.log")
    assert stream.read_text() == first.log_tail + second.log_tail


def test_the_tail_is_4_kb(functions: Functions, deploy: Callable[..., str]) -> None:
    """A long log is cut at its beginning."""
    deploy("def lambda_handler(event, context): print('x' * 10000)")
    tail = functions.invoke("under-test", b"{}").log_tail
    assert len(tail) == 4096
    assert tail.endswith("ms\t\n")


def test_layers(
    functions: Functions, deploy: Callable[..., str], layer: Callable[[dict[str, str]], str]
) -> None:
    """Modules come from layers; a later layer wins over an earlier one, the function over both."""
    first = layer({"python/shared.py": "NAME = 'first'", "python/only_first.py": "NAME = 1"})
    second = layer(
        {
            "python/shared.py": "NAME = 'second'",
            "python/app.py": "raise RuntimeError('not this one')",
            f"python/lib/{RUNTIME}/site-packages/deep.py": "NAME = 'deep'",
        }
    )
    source = (
        "import deep, only_first, shared\n"
        "def lambda_handler(event, context): return [shared.NAME, only_first.NAME, deep.NAME]"
    )
    deploy(source, Layers=[first, second])
    result = json.loads(functions.invoke("under-test", b"{}").payload)
    assert result == ["second", 1, "deep"]


def test_byte_code_is_kept_for_the_next_environment(
    functions: Functions, deploy: Callable[..., str], settings: Settings
) -> None:
    """The first import leaves its byte code beside the unpacked code."""
    deploy(ECHO)
    functions.invoke("under-test", b"{}")
    assert list((settings.state / "functions" / "code").glob("*/__pycache__/app.*.pyc"))


def test_requests_that_lambda_refuses(functions: Functions, deploy: Callable[..., str]) -> None:
    """Unknown functions, text that is no JSON and payloads over the limit are refused."""
    deploy(ECHO)
    large = b'"' + b"x" * (6 * 1024 * 1024) + b'"'
    cases: list[tuple[str, bytes, str, int]] = [
        ("nobody", b"{}", "ResourceNotFoundException", 404),
        ("under-test:7", b"{}", "ResourceNotFoundException", 404),
        ("under-test", b"{", "InvalidRequestContentException", 400),
        ("under-test", large, "RequestTooLargeException", 413),
    ]
    for function, payload, code, status in cases:
        with pytest.raises(AwsError) as refused:
            functions.invoke(function, payload)
        assert (refused.value.code, refused.value.status) == (code, status)
    with pytest.raises(AwsError, match="RequestTooLargeException"):
        functions.invoke_async("under-test", large[: 1024 * 1024] + b'"')
    largest = large.replace(b"xx", b"", 1)
    assert functions.invoke("under-test", largest).payload == largest


def test_what_cannot_run_here_is_refused_by_name(
    functions: Functions, deploy: Callable[..., str]
) -> None:
    """Another runtime is refused, and so is code that is no zip file."""
    deploy(ECHO, "node", Runtime="nodejs22.x")
    deploy(ECHO, "broken", Code={"ZipFile": b"not a zip"})
    with pytest.raises(AwsError, match=r"nodejs22\.x is not supported"):
        functions.invoke("node", b"{}")
    with pytest.raises(AwsError, match="InvalidZipFileException"):
        functions.invoke("broken", b"{}")


def test_a_cold_start_is_quick(functions: Functions, deploy: Callable[..., str]) -> None:
    """A bare handler answers within 0.15 s of its process's start, best of three."""
    times = []
    for number in range(3):
        deploy(ECHO, f"bare-{number}")
        began = time.perf_counter()
        functions.invoke(f"bare-{number}", b"{}")
        times.append(time.perf_counter() - began)
    assert min(times) <= 0.15
