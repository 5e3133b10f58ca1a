"""A model whose containers are asked directly, one by each request."""

from typing import TYPE_CHECKING, Any

import pytest

from embedded_aws.errors import AwsError
from tests.unit.embedded_aws.sagemaker.conftest import SERVE

if TYPE_CHECKING:
    from tests.unit.embedded_aws.sagemaker.conftest import Bench

TARGET = "X-Amzn-SageMaker-Target-Container-Hostname"


def model(bench: "Bench", mode: str, *names: str | None) -> None:
    """Make a model of containers of these host names, each with a model that is named so."""
    image = bench.image(serve=SERVE)
    containers: list[dict[str, Any]] = [
        {"Image": image, "ModelDataUrl": bench.model_data(name or "none")}
        | ({"ContainerHostname": name} if name else {})
        for name in names
    ]
    bench.call(
        "CreateModel",
        ModelName="m",
        Containers=containers,
        InferenceExecutionConfig={"Mode": mode},
    )


def test_a_request_names_its_container(bench: "Bench") -> None:
    """Only that one is asked, with what the caller accepts; the model says that it is so."""
    model(bench, "Direct", "one", "two")
    described = bench.call("DescribeModel", ModelName="m")
    assert described["InferenceExecutionConfig"] == {"Mode": "Direct"}
    bench.config("m")
    bench.endpoint("e", "m")
    for name in ("one", "two"):
        status, body = bench.invoke("e", headers={TARGET: name, "Accept": "a/b"})
        assert (status, body) == (200, f"{name}|x|text/csv|a/b".encode())
    status, body = bench.invoke("e", b"status 404", {TARGET: "two"})
    assert status == 424
    assert b"from two with message" in body


@pytest.mark.parametrize(
    ("mode", "headers", "problem"),
    [
        ("Direct", {}, "give a TargetContainerHostname"),
        ("Direct", {TARGET: "three"}, "no container with the TargetContainerHostname three"),
        ("Serial", {TARGET: "one"}, "not configured for direct invocation"),
    ],
)
def test_whoever_cannot_be_meant(
    bench: "Bench", mode: str, headers: dict[str, str], problem: str
) -> None:
    """None, an unknown one, or any of a chain: validation errors, as the guide says."""
    model(bench, mode, "one", "two")
    bench.config("m")
    bench.endpoint("e", "m")
    with pytest.raises(AwsError, match=problem) as refused:
        bench.invoke("e", headers=headers)
    assert refused.value.code == "ValidationError"


@pytest.mark.parametrize(
    ("mode", "names"),
    [("Direct", ("one",)), ("Direct", ("one", None)), ("Serial", ("one", "one"))],
)
def test_names_that_tell_nothing_apart(
    bench: "Bench", mode: str, names: tuple[str | None, ...]
) -> None:
    """Direct containers need a name each, and no two containers have the same."""
    with pytest.raises(AwsError, match="ContainerHostname") as refused:
        model(bench, mode, *names)
    assert refused.value.code == "ValidationException"
