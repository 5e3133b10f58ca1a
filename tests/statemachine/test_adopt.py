"""What becomes of a job that was created without an answer, and what is kept of it."""

from typing import Any

import pytest

from .conftest import evaluate, load_machine, states_of
from .test_arguments import OPTIONS, arguments_of, substitute

ADOPT: dict[str, Any] = load_machine("adopt")["States"]
TAKEN = "SageMaker.ResourceInUseException"
OUTPUT = "s3://artifacts/runs/iris-20261121t052011-1a2b3c4d/train"
TRAINING = {"kind": "Training", "name": "iris-20261121t052011-1a2b3c4d-train-1", "output": OUTPUT}


def described(status: str, output: str = OUTPUT) -> dict[str, Any]:
    """What SageMaker says of a training job."""
    return {"TrainingJobStatus": status, "OutputDataConfig": {"S3OutputPath": output}}


def follow(variables: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Enter Decide; return the next state, and the variables there."""
    hub = ADOPT["Decide"]
    for rule in hub["Choices"]:
        if evaluate(rule["Condition"], variables):
            return rule["Next"], variables | evaluate(rule.get("Assign", {}), variables)
    return hub["Default"], variables


def looked_at(job: dict[str, Any], result: dict[str, Any]) -> dict[str, Any]:
    """Return what is known once a job was described for the first time."""
    begin, state = ADOPT["Begin"], ADOPT[f"Describe{job['kind']}Job"]
    variables: dict[str, Any] = evaluate(begin["Assign"], {"states": {"input": job}})
    variables |= evaluate(state["Assign"], variables | {"states": {"result": result}})
    return variables


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (described("InProgress"), "LookLater"),
        (described("Stopping"), "LookLater"),
        (described("Completed"), "Adopted"),
        (described("Failed"), "NotAdopted"),
        (described("Stopped"), "NotAdopted"),
        (described("Completed", "s3://other/train"), "NotAdopted"),
        (described("InProgress", "s3://other/train"), "NotAdopted"),
    ],
)
def test_ours_is_waited_for_and_anothers_is_not(result: dict[str, Any], expected: str) -> None:
    """By where it writes, whatever its status."""
    assert follow(looked_at(TRAINING, result))[0] == expected


@pytest.mark.parametrize("outputs", [["preprocess"], ["preprocess", "quarantine"], ["other"]])
def test_one_of_a_processing_jobs_outputs_is_ours(outputs: list[str]) -> None:
    """There may be several; ours is among them or it is not our job."""
    job = {"kind": "Processing", "name": "a-preprocess-1", "output": "s3://a/runs/a/preprocess"}
    listed = [{"S3Output": {"S3Uri": f"s3://a/runs/a/{one}"}} for one in outputs]
    result = {
        "ProcessingJobStatus": "Completed",
        "ProcessingOutputConfig": {"Outputs": listed},
    }
    assert looked_at(job, result)["ours"] is ("preprocess" in outputs)


def test_a_failure_says_why() -> None:
    """The description travels as the cause, cut to what a cause may hold; or whose the name is."""
    reason = {"FailureReason": "It did not converge.", "HyperParameters": {"a": "x" * 40_000}}
    _, failed = follow(looked_at(TRAINING, described("Failed") | reason))
    assert failed["problem"]["error"] == "JobFailed"
    assert "It did not converge." in failed["problem"]["cause"]
    assert len(failed["problem"]["cause"]) == 32_000
    _, taken = follow(looked_at(TRAINING, described("Failed", "s3://other")))
    assert taken["problem"]["error"] == "JobNameTaken"
    assert TRAINING["name"] in taken["problem"]["cause"]


def test_it_looks_ever_more_seldom() -> None:
    """Five days of looking stay far below a history's 25,000 events."""
    waits = [evaluate(ADOPT["LookLater"]["Seconds"], {"looks": n}) for n in range(1, 20)]
    assert waits[0] == 30
    assert waits == sorted(waits)
    assert waits[-1] == 900


@pytest.mark.parametrize(
    ("machine", "job", "adopting"),
    [
        ("retrain", "Preprocess", "AdoptPreprocess"),
        ("retrain", "Train", "AdoptTrain"),
        ("judge", "Evaluate", "AdoptEvaluation"),
    ],
)
def test_each_job_is_adopted_as_it_was_asked_for(machine: str, job: str, adopting: str) -> None:
    """Name and output are those of the request, and what is kept of the job is the same."""
    tasks = dict(arguments_of(machine, OPTIONS[0]))
    asked, given = tasks[job], tasks[adopting]["Input"]
    assert given["name"] == (asked.get("TrainingJobName") or asked["ProcessingJobName"])
    assert given["output"] in str(asked)
    states = {name: state for name, state, _ in states_of(load_machine(machine))}
    (rule,) = (rule for rule in states[job]["Catch"] if TAKEN in rule["ErrorEquals"])
    assert rule["Next"] == adopting
    assert not any(TAKEN in retry["ErrorEquals"] for retry in states[job]["Retry"])
    for part in ("Assign", "Output", "Next", "End"):
        kept = str(states[job].get(part)).replace("$states.result", "$states.result.Output")
        if machine == "judge":  # what the Catch has kept already
            kept = kept.replace("'run': '{% $states.input %}', ", "")
        assert str(states[adopting].get(part)) == kept


@pytest.mark.parametrize(
    ("state", "arguments", "same", "other"),
    [
        (
            "AdoptModel",
            "CreateModel",
            lambda made: {"PrimaryContainer": made["PrimaryContainer"]},
            lambda made: {
                "PrimaryContainer": made["PrimaryContainer"] | {"ModelDataUrl": "s3://x"}
            },
        ),
        (
            "AdoptModel",
            "CreateModel",
            lambda made: {"Containers": [{"ModelDataUrl": "s3://x"}, made["PrimaryContainer"]]},
            lambda _: {"Containers": [{"ModelDataUrl": "s3://x"}, {"ModelDataUrl": "s3://y"}]},
        ),
        (
            "AdoptEndpointConfig",
            "CreateEndpointConfig",
            lambda made: {"ProductionVariants": made["ProductionVariants"]},
            lambda _: {"ProductionVariants": [{"ModelName": "another"}]},
        ),
    ],
)
def test_a_model_or_config_is_ours_if_it_is_what_was_asked_for(
    state: str, arguments: str, same: Any, other: Any
) -> None:
    """Else the state fails, and the run with it, for the reason why it could not be created."""
    made = dict(arguments_of("deploy", OPTIONS[0]))[arguments]
    definition = substitute(load_machine("deploy"), OPTIONS[0])["States"][state]
    given = dict(arguments_of("retrain", OPTIONS[0]))["Deploy"]["Input"]
    variables = {"run": given, "name": made.get("ModelName") or made["EndpointConfigName"]}
    adopted = evaluate(definition["Output"], variables | {"states": {"result": same(made)}})
    assert adopted == {}
    with pytest.raises(Exception, match="has this name"):
        evaluate(definition["Output"], variables | {"states": {"result": other(made)}})
    (rule,) = definition["Catch"]
    assert (rule["Next"], "Assign" in rule) == ("NotServing", False)
