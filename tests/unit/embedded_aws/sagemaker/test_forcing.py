"""Statuses and outcomes of endpoints that a test asks for."""

import json
import time
import urllib.request
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError

import pytest

from embedded_aws.errors import AwsError
from embedded_aws.sagemaker.forcing import Order
from tests.conftest import Embedded

if TYPE_CHECKING:
    from tests.unit.embedded_aws.sagemaker.conftest import Bench

ARN = "arn:aws:sagemaker:us-east-1:123456789012:endpoint/e"
IN_PROGRESS = f'Cannot update in-progress endpoint "{ARN}".'


def force(bench: "Bench", **document: Any) -> None:
    """Ask for a status or an outcome of the endpoint `e`."""
    bench.sagemaker.endpoints.force({"name": "e", **document})


def statuses(bench: "Bench") -> list[str]:
    """List the statuses that EventBridge heard of."""
    return [detail["EndpointStatus"] for _, detail, _ in bench.events]


def refusal(bench: "Bench", operation: str, **more: Any) -> str:
    """Call what the endpoint's status does not allow; return the message."""
    with pytest.raises(AwsError) as caught:
        bench.call(operation, EndpointName="e", **more)
    assert caught.value.code == "ValidationException"
    return caught.value.message


@pytest.fixture
def endpoint(bench: "Bench") -> "Bench":
    """Have an endpoint `e` that serves the model `one`, and a config `two`."""
    for name in ("one", "two"):
        bench.model(name)
    bench.endpoint("e", "one")
    return bench


@pytest.mark.parametrize(
    ("status", "update", "deletes", "serves"),
    [
        ("Failed", f'Cannot update failed endpoint "{ARN}".', True, False),
        (
            "UpdateRollbackFailed",
            f'Cannot update endpoint "{ARN}" in status UpdateRollbackFailed.',
            True,
            True,
        ),
        ("SystemUpdating", IN_PROGRESS, False, True),
        ("Updating", IN_PROGRESS, False, True),
        ("OutOfService", None, True, False),
    ],
)
def test_each_status_allows_what_aws_allows(
    endpoint: "Bench",
    status: str,
    update: str | None,
    deletes: bool,  # noqa: FBT001
    serves: bool,  # noqa: FBT001
) -> None:
    """Update, delete and invocations are taken or refused as the status says; it is an event."""
    force(endpoint, status=status, failure_reason="because")
    described = endpoint.call("DescribeEndpoint", EndpointName="e")
    assert described["EndpointStatus"] == status
    has_reason = status in {"Failed", "UpdateRollbackFailed"}
    assert described.get("FailureReason") == ("because" if has_reason else None)
    assert statuses(endpoint)[-1].replace("_", "") == status.upper()
    if serves:
        assert endpoint.invoke("e")[1].startswith(b"one")
    else:
        with pytest.raises(AwsError, match="not found"):
            endpoint.invoke("e")
    if update:
        assert refusal(endpoint, "UpdateEndpoint", EndpointConfigName="two") == update
    if deletes:
        endpoint.call("DeleteEndpoint", EndpointName="e")
    else:
        assert refusal(endpoint, "DeleteEndpoint") == IN_PROGRESS


def test_an_endpoint_out_of_service_serves_after_an_update(endpoint: "Bench") -> None:
    """An update brings it back."""
    force(endpoint, status="OutOfService")
    endpoint.call("UpdateEndpoint", EndpointName="e", EndpointConfigName="two")
    endpoint.wait_for_endpoint("e")
    assert endpoint.invoke("e")[1].startswith(b"two")


def test_a_forced_status_ends_when_asked(endpoint: "Bench") -> None:
    """By time or by another order it is InService again, without a reason."""
    force(endpoint, status="SystemUpdating", seconds=0.2)
    endpoint.wait_for_endpoint("e")
    force(endpoint, status="Failed", failure_reason="because")
    force(endpoint, status="InService")
    assert "FailureReason" not in endpoint.call("DescribeEndpoint", EndpointName="e")
    assert endpoint.invoke("e")[1].startswith(b"one")
    assert statuses(endpoint)[2:] == ["SYSTEM_UPDATING", "IN_SERVICE", "FAILED", "IN_SERVICE"]


def test_a_silent_rollback(endpoint: "Bench") -> None:
    """The update ends InService, the only signs being the old config and FailureReason."""
    force(endpoint, next="RolledBack", failure_reason="no capacity")
    endpoint.call("UpdateEndpoint", EndpointName="e", EndpointConfigName="two")
    described = endpoint.wait_for_endpoint("e")
    assert described["EndpointConfigName"] == "one"
    assert described["FailureReason"] == "no capacity"
    assert "PendingDeploymentSummary" not in described
    assert statuses(endpoint)[2:] == ["UPDATING", "IN_SERVICE"]
    # Only the next one was asked to.
    endpoint.call("UpdateEndpoint", EndpointName="e", EndpointConfigName="two")
    described = endpoint.wait_for_endpoint("e")
    assert described["EndpointConfigName"] == "two"
    assert "FailureReason" not in described


def test_an_update_that_fails(endpoint: "Bench") -> None:
    """The endpoint is Failed and serves no more; deleted, it can be created again."""
    force(endpoint, next="Failed")
    endpoint.call("UpdateEndpoint", EndpointName="e", EndpointConfigName="two")
    assert endpoint.wait_for_endpoint("e", "Failed")["FailureReason"] == (
        "This outcome was asked for."
    )
    with pytest.raises(AwsError, match="not found"):
        endpoint.invoke("e")
    endpoint.call("DeleteEndpoint", EndpointName="e")
    deadline = time.monotonic() + 20
    while endpoint.call("ListEndpoints")["Endpoints"]:
        assert time.monotonic() < deadline
        endpoint.sagemaker.wait_for_change(0.5)
    endpoint.endpoint("e", "two")
    assert endpoint.invoke("e")[1].startswith(b"two")


def test_a_rollback_that_fails(endpoint: "Bench") -> None:
    """Both configs serve, until a person has looked; the config told is the old one."""
    force(endpoint, next="UpdateRollbackFailed", failure_reason="stuck")
    endpoint.call("UpdateEndpoint", EndpointName="e", EndpointConfigName="two")
    described = endpoint.wait_for_endpoint("e", "UpdateRollbackFailed")
    assert (described["EndpointConfigName"], described["FailureReason"]) == ("one", "stuck")
    answers = Counter(endpoint.invoke("e")[1][:3] for _ in range(10))
    assert answers == {b"one": 5, b"two": 5}
    force(endpoint, status="InService")
    assert {endpoint.invoke("e")[1][:3] for _ in range(4)} == {b"one"}
    assert statuses(endpoint)[2:] == [
        "UPDATING",
        "ROLLING_BACK",
        "UPDATE_ROLLBACK_FAILED",
        "IN_SERVICE",
    ]


def test_a_creation_that_fails_and_one_that_takes_its_time(bench: "Bench") -> None:
    """Plans are made before the endpoint exists; a transition lasts as long as asked."""
    bench.model("one")
    force(bench, next="Failed", failure_reason="no capacity")
    bench.call("CreateEndpoint", EndpointName="e", EndpointConfigName="one")
    assert bench.wait_for_endpoint("e", "Failed")["FailureReason"] == "no capacity"
    bench.sagemaker.endpoints.force({"name": "slow", "seconds": 1})
    begun = time.monotonic()
    bench.call("CreateEndpoint", EndpointName="slow", EndpointConfigName="one")
    bench.wait_for_endpoint("slow")
    assert time.monotonic() - begun >= 1


def test_a_real_transition_is_not_overridden(bench: "Bench") -> None:
    """While the endpoint is really created no status can be forced on it."""
    bench.model("one", Environment={"PING_STATUS": "500"})
    bench.call("CreateEndpoint", EndpointName="e", EndpointConfigName="one")
    with pytest.raises(AwsError, match="in-progress"):
        force(bench, status="Failed")


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (None, "it is an object of"),
        ({"name": "e", "state": "Failed"}, "it is an object of"),
        ({"status": "Failed"}, "name must be there"),
        ({"name": "e"}, "asks for nothing"),
        ({"name": "e", "status": "Deleting"}, "status is one of"),
        ({"name": "e", "status": "Failed", "next": "Failed"}, "not beside it"),
        ({"name": "e", "next": "Succeeded"}, "next is one of Failed, RolledBack"),
        ({"name": "e", "seconds": "1"}, "seconds is a number"),
        ({"name": "e", "seconds": -1}, "seconds is between 0 and 3600"),
    ],
)
def test_orders_that_make_no_sense(document: Any, why: str) -> None:
    """Each is refused with what is wrong with it."""
    with pytest.raises(AwsError, match=why):
        Order.read(document)


def test_orders_over_http(embedded: Embedded) -> None:
    """The control endpoint takes, tells and drops plans, and answers a bad one with its fault."""
    url = f"{embedded.endpoint_url}/_embedded/endpoints"

    def control(method: str, document: Any = None) -> Any:
        body = json.dumps(document).encode() if document else None
        request = urllib.request.Request(url, body, method=method)  # noqa: S310
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            return json.load(answer)

    planned = control("POST", {"name": "Later", "next": "Failed", "seconds": 2})["planned"]
    assert planned["later"] == {"next": "Failed", "seconds": 2}
    assert control("GET")["planned"] == planned
    with pytest.raises(HTTPError) as caught:
        control("POST", {"name": "nobody", "status": "Failed"})
    assert caught.value.code == 400
    assert "Could not find endpoint" in json.load(caught.value)["message"]
    control("DELETE")
    assert control("GET")["planned"] == {}
