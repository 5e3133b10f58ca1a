"""What the machine deploy does next: its hub, a table of named cases, and what follows from it."""

from typing import Any

import pytest
from dropforge_core.contracts import DeployOutput

from .conftest import evaluate, load_machine

STATES: dict[str, Any] = load_machine("deploy")["States"]
OURS, OLD = "iris-20261121t052011-1a2b3c4d-1", "iris-20261120t052011-1a2b3c4d-1"
LONGEST_WAIT = 900 * 36  # seconds: a quarter of an hour each, so many times
GUARDED_UPDATE = 28_800  # seconds, SageMaker's MaximumExecutionTimeoutInSeconds at most
IN_TRANSITION = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")

BEFORE = {
    "run": {
        "endpoint": "dropforge-iris",
        "serve": {"variant": {"VariantName": "AllTraffic", "InitialInstanceCount": 2}},
    },
    "name": OURS,
    "phase": "BEFORE",
    "action": "NONE",
    "smoke": "PENDING",
    "transform": "NONE",
    "told": "",
    "looked": True,
    "retain": False,
    "waits": 0,
    "wanted": "",
    "previous": "",
    "failure": "",
    "refused": "",
    "called_at": 0,
    "in_service_at": 0,
}
CREATED = BEFORE | {"phase": "DEPLOYING", "action": "CREATED", "wanted": OURS, "called_at": 1000}
UPDATED = CREATED | {"action": "UPDATED", "previous": OLD}
REFUSED = {"refused": "UpdateEndpoint: Error: Throttled. "}
FAILED = {"smoke": "FAILED", "failure": "The smoke test failed: sample 1. "}
CREATE_UNDONE = CREATED | FAILED | {"phase": "UNDOING"}
UPDATE_UNDONE = UPDATED | FAILED | {"phase": "UNDOING", "wanted": OLD}


def now(status: str, config: str = "", **more: Any) -> dict[str, Any]:
    """An EndpointState as the machine gets it."""
    named = {"config": config, "modified_at": 2000} if config else {}
    return {"status": status, **named, **more}


def decide(given: dict[str, Any], endpoint: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Enter Decide with these variables; return the next state, and the variables there."""
    variables = given | {"now": endpoint}
    hub = STATES["Decide"]
    for rule in hub["Choices"]:
        taken = evaluate(rule["Condition"], variables)
        assert isinstance(taken, bool), rule["Comment"]
        if taken:
            return rule["Next"], variables | evaluate(rule.get("Assign", {}), variables)
    return hub["Default"], variables | evaluate(hub["Assign"], variables)


@pytest.mark.parametrize(
    ("given", "endpoint", "expected"),
    [
        pytest.param(BEFORE, now("Missing"), "CreateEndpoint", id="missing"),
        pytest.param(BEFORE, now("InService", OLD), "UpdateEndpoint", id="in_service"),
        pytest.param(BEFORE, now("Failed", OLD), "DeleteEndpoint", id="failed"),
        pytest.param(BEFORE, now("UpdateRollbackFailed", OLD), "NotServing", id="mixed"),
        pytest.param(BEFORE, now("OutOfService", OLD), "NotServing", id="out_of_service"),
        pytest.param(
            BEFORE | {"looked": False}, now("InService", OLD), "CheckEndpoint", id="after_a_wait"
        ),
        pytest.param(CREATED, now("InService", OURS), "SmokeTest", id="created"),
        pytest.param(UPDATED, now("InService", OURS), "SmokeTest", id="updated"),
        pytest.param(
            UPDATED | {"smoke": "NONE"}, now("InService", OURS), "Serving", id="without_samples"
        ),
        pytest.param(
            UPDATED | {"smoke": "PASSED"}, now("InService", OURS), "Serving", id="test_passed"
        ),
        pytest.param(
            UPDATED | {"smoke": "PASSED", "transform": "PENDING"},
            now("InService", OURS),
            "Transform",
            id="batch",
        ),
        pytest.param(
            UPDATED | {"smoke": "PENDING", "transform": "PENDING"},
            now("InService", OURS),
            "SmokeTest",
            id="test_before_batch",
        ),
        pytest.param(
            UPDATED | FAILED, now("InService", OURS), "UpdateEndpoint", id="update_test_failed"
        ),
        pytest.param(
            CREATED | FAILED, now("InService", OURS), "DeleteEndpoint", id="create_test_failed"
        ),
        pytest.param(UPDATED, now("InService", OLD), "RolledBack", id="silent_rollback"),
        pytest.param(CREATED, now("Failed", OURS), "NotServing", id="create_failed"),
        pytest.param(UPDATED, now("Failed", OLD), "NotServing", id="update_failed"),
        pytest.param(UPDATED, now("UpdateRollbackFailed", OLD), "NotServing", id="update_mixed"),
        pytest.param(UPDATED, now("Missing"), "NotServing", id="deleted_by_hand"),
        pytest.param(UPDATE_UNDONE, now("InService", OLD), "RolledBack", id="restored"),
        pytest.param(CREATE_UNDONE, now("Missing"), "RolledBack", id="deleted_again"),
        pytest.param(UPDATE_UNDONE, now("InService", OURS), "NotServing", id="not_restored"),
        pytest.param(CREATE_UNDONE, now("InService", OURS), "NotServing", id="not_deleted"),
        pytest.param(UPDATE_UNDONE, now("Missing"), "NotServing", id="gone_while_restored"),
        # A call that was refused, or whose answer was lost: what the endpoint is tells which.
        pytest.param(UPDATED | REFUSED, now("InService", OURS), "SmokeTest", id="update_unheard"),
        pytest.param(UPDATED | REFUSED, now("InService", OLD), "NotServing", id="update_refused"),
        pytest.param(CREATED | REFUSED, now("InService", OURS), "SmokeTest", id="create_unheard"),
        pytest.param(CREATED | REFUSED, now("InService", OLD), "NotServing", id="created_by_other"),
        pytest.param(CREATED | REFUSED, now("Missing"), "NotServing", id="create_refused"),
        pytest.param(BEFORE | REFUSED, now("Missing"), "CreateEndpoint", id="delete_unheard"),
        pytest.param(BEFORE | REFUSED, now("Failed", OLD), "NotServing", id="delete_refused"),
        pytest.param(
            UPDATE_UNDONE | REFUSED, now("InService", OLD), "RolledBack", id="restore_unheard"
        ),
        pytest.param(
            UPDATE_UNDONE | REFUSED, now("InService", OURS), "NotServing", id="restore_refused"
        ),
    ],
)
def test_each_case_has_its_next_state(
    given: dict[str, Any], endpoint: dict[str, Any], expected: str
) -> None:
    """Every phase with every end that an endpoint's change can have."""
    assert decide(given, endpoint)[0] == expected


@pytest.mark.parametrize("given", [BEFORE, CREATED, UPDATED, CREATE_UNDONE, UPDATE_UNDONE])
@pytest.mark.parametrize("status", IN_TRANSITION)
def test_what_changes_is_waited_for_within_bounds(given: dict[str, Any], status: str) -> None:
    """In every phase, for longer than a guarded update may take, and not for ever."""
    waits = [
        count
        for count in range(100)
        if decide(given | {"waits": count}, now(status, OLD))[0] == "WaitForEndpoint"
    ]
    assert waits == list(range(LONGEST_WAIT // 900))
    ended, variables = decide(given | {"waits": 99}, now(status, OLD))
    assert ended == "NotServing"
    assert status in variables["problem"]


def test_the_machines_last_longer_than_all_waits() -> None:
    """A wait before, one for a guarded update and one for its undoing fit into both timeouts."""
    deploy, retrain = load_machine("deploy"), load_machine("retrain")
    assert LONGEST_WAIT > GUARDED_UPDATE
    assert deploy["TimeoutSeconds"] > 3 * LONGEST_WAIT
    task = retrain["States"]["Deploy"]["TimeoutSeconds"]
    assert deploy["TimeoutSeconds"] < task < retrain["TimeoutSeconds"]


def test_an_endpoint_that_stays_failed_is_not_deleted_for_ever() -> None:
    """Deleting counts as waiting: it is tried while there are waits left."""
    assert decide(BEFORE | {"waits": 36}, now("Failed", OLD))[0] == "NotServing"
    kept = evaluate(STATES["DeleteEndpoint"]["Assign"], BEFORE | {"waits": 7, "now": now("Failed")})
    assert kept["waits"] == 7


@pytest.mark.parametrize(
    ("status", "waits", "seconds"),
    [
        ("Updating", 0, 900),
        ("Updating", 30, 900),
        ("Deleting", 0, 5),
        ("Deleting", 3, 40),
        ("Deleting", 36, 900),
    ],
)
def test_how_long_a_wait_is(status: str, waits: int, seconds: int) -> None:
    """No event tells that an endpoint is gone: there it looks soon, then ever more seldom."""
    timeout = STATES["WaitForEndpoint"]["TimeoutSeconds"]
    assert evaluate(timeout, {"now": now(status), "waits": waits}) == seconds


@pytest.mark.parametrize(
    ("in_service", "asked", "retained"),
    [(2, 2, True), (1, 2, False), (None, 2, False), (None, None, False), (2, None, False)],
)
def test_when_the_number_of_instances_is_kept(
    in_service: int | None, asked: int | None, *, retained: bool
) -> None:
    """What scaling made of it stays, unless its owner asks for another; never serverless."""
    variant = {"VariantName": "AllTraffic"} | ({"InitialInstanceCount": asked} if asked else {})
    given = BEFORE | {"run": {"endpoint": "e", "serve": {"variant": variant}}}
    told = {"instance_count": in_service} if in_service else {}
    following, variables = decide(given, now("InService", OLD, **told))
    assert following == "UpdateEndpoint"
    assert variables["retain"] is retained
    arguments = evaluate(STATES["UpdateEndpoint"]["Arguments"], variables)
    assert arguments == {
        "EndpointName": "e",
        "EndpointConfigName": OURS,
        "RetainAllVariantProperties": retained,
    }


def test_going_back_has_no_guardrails() -> None:
    """The old model is wanted at once: no canary, no alarm stands between."""
    deployment = {"BlueGreenUpdatePolicy": {"TerminationWaitInSeconds": 60}}
    serve = {"variant": {}, "deployment": deployment}
    given = UPDATED | {"run": {"endpoint": "e", "serve": serve}, "retain": True}
    forward = evaluate(STATES["UpdateEndpoint"]["Arguments"], given)
    assert forward["DeploymentConfig"] == deployment
    following, variables = decide(given | FAILED, now("InService", OURS))
    assert following == "UpdateEndpoint"
    assert evaluate(STATES["UpdateEndpoint"]["Arguments"], variables) == {
        "EndpointName": "e",
        "EndpointConfigName": OLD,
        "RetainAllVariantProperties": True,
    }


@pytest.mark.parametrize("count", [1, 2])
def test_samples_reach_the_test_as_they_are(count: int) -> None:
    """One sample is still a list, and what is expected keeps its nulls, lists and numbers."""
    sample = {"data": "1,2", "expect": {"a": [None, [1.5], []], "b": None}}
    serve = {"smoke_test": [sample] * count}
    given = BEFORE | {"run": {"endpoint": "e", "serve": serve}}
    payload = evaluate(STATES["SmokeTest"]["Arguments"]["Payload"], given)
    assert payload == {"endpoint": "e", "samples": [sample] * count}


@pytest.mark.parametrize(
    ("given", "endpoint", "words"),
    [
        (UPDATED, now("InService", OLD, failure_reason="No ping."), "old model serves: No ping."),
        (UPDATED, now("InService", OLD), "SageMaker gave no reason"),
        (UPDATE_UNDONE, now("InService", OLD), "sample 1. The old model serves again."),
        (CREATE_UNDONE, now("Missing"), "sample 1. No model served before"),
    ],
)
def test_a_rollback_says_why(given: dict[str, Any], endpoint: dict[str, Any], words: str) -> None:
    """The reason of what did not hold, and what serves now; the config when there is one."""
    following, variables = decide(given, endpoint)
    assert following == "RolledBack"
    output = DeployOutput.read(evaluate(STATES["RolledBack"]["Output"], variables))
    assert words in output.reason
    assert (output.status, output.action, output.called_at) == ("ROLLED_BACK", "NONE", 1000)
    assert output.config == endpoint.get("config")


@pytest.mark.parametrize(
    ("given", "endpoint", "words"),
    [
        (BEFORE, now("UpdateRollbackFailed", OLD), "nothing was deleted, and a person must look"),
        (UPDATED, now("UpdateRollbackFailed", OLD, failure_reason="x."), "a person must look"),
        (CREATED, now("Failed", OURS, failure_reason="No ping."), "is Failed with the config"),
        (UPDATE_UNDONE, now("Failed", OLD), "The smoke test failed: sample 1. The endpoint"),
        (
            UPDATED | REFUSED,
            now("InService", OLD),
            "UpdateEndpoint: Error: Throttled. The endpoint",
        ),
    ],
)
def test_an_end_without_service_says_why(
    given: dict[str, Any], endpoint: dict[str, Any], words: str
) -> None:
    """The endpoint's status and its own reason; what the smoke test said stays in it."""
    following, variables = decide(given, endpoint)
    assert following == "NotServing"
    assert words in evaluate(STATES["NotServing"]["Cause"], variables)
