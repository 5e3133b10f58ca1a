"""What the tests of the embedded AWS share."""

import io
import json
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import Embedded

type Force = Callable[..., list[dict[str, Any]]]
type Pending = Callable[[], list[dict[str, Any]]]

CODE = """
def lambda_handler(event, context):
    print("got", event["say"])
    if event["say"] == "fail":
        raise ValueError("as asked")
    return {"said": event["say"]}
"""


@pytest.fixture(scope="session")
def make_function(embedded: Embedded) -> Callable[..., str]:
    """Make a Lambda function from the source of its only module; give its ARN."""
    iam = embedded.client("iam")
    role = iam.create_role(RoleName="functions", AssumeRolePolicyDocument="{}")["Role"]["Arn"]

    def make(name: str, source: str, **options: Any) -> str:
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("app.py", source)
        made = embedded.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.13",
            Handler="app.lambda_handler",
            Role=role,
            Code={"ZipFile": code.getvalue()},
            **options,
        )
        return str(made["FunctionArn"])

    return make


@pytest.fixture(scope="session")
def echo(make_function: Callable[..., str]) -> str:
    """Give the name of a Lambda function that answers what it is sent."""
    make_function("echo", CODE)
    return "echo"


@pytest.fixture
def force(embedded: Embedded) -> Iterator[Force]:
    """Force a fault, given by its fields; list those that are to come. None is left over."""
    yield lambda **fault: faults(embedded, "POST", fault)
    faults(embedded, "DELETE")


@pytest.fixture
def pending(embedded: Embedded) -> Pending:
    """List the faults that are still to come."""
    return lambda: list(faults(embedded, "GET"))


@pytest.fixture
def eventually() -> Callable[[Callable[[], Any]], Any]:
    """Waits until the condition is true, and gives what it gave; fails when it is not in time."""

    def wait(condition: Callable[[], Any], seconds: float = 10.0) -> Any:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            result = condition()
            if result:
                return result
            time.sleep(0.02)
        raise AssertionError("not in time")

    return wait


def faults(embedded: Embedded, method: str, fault: dict[str, Any] | None = None) -> Any:
    """Call the control endpoint of faults."""
    request = urllib.request.Request(  # noqa: S310
        f"{embedded.endpoint_url}/_embedded/faults",
        data=json.dumps(fault).encode() if fault else None,
        method=method,
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        return json.load(answer)
