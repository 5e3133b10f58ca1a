"""What retrain does with a redrive: only what earlier attempts have not made."""

from typing import Any

import pytest
from dropforge_core import contracts

from .conftest import evaluate, load_machine
from .test_arguments import CHAMPION, MACHINE, OPTIONS, RUN_ID, run_input, substitute

TRAINED: dict[str, Any] = {
    "trained": {"model_data": "s3://a/runs/x/model.tar.gz", "training_metrics": {"loss": 0.25}}
}
JUDGED: dict[str, Any] = {
    "judged": {
        "metrics": {"accuracy": 0.95},
        "judgement": {"model_package": "arn:package"},
        "verdict": {"promoted": True, "reason": "Good enough."},
    }
}


def resumed(**more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the machine, and its variables and the state after `Usable`."""
    machine = substitute(load_machine("retrain"), OPTIONS[0])
    resume = contracts.Resume.model_validate(
        {
            "rows": {"rows": 7, "rejected_rows": 1},
            "quarantined": True,
            "endpoint": {"name": "dropforge-iris-two", "action": "NONE", "config": "c"},
            "train": {"image": "i", "hyperparameters": {"a": "1"}, "environment": {}},
            "jobs": [{"step": "Preprocess", "seconds": 3.0, **MACHINE}],
            **more,
        }
    )
    given = run_input(OPTIONS[0]) | {"attempt": 2, "resume": resume.dump()}
    contracts.RetrainInput.read(given)
    context = {"Execution": {"Id": "arn:execution"}}
    variables: dict[str, Any] = {"states": {"input": given, "context": context}}
    variables |= evaluate(machine["States"]["Begin"]["Assign"], variables)
    state = machine["States"]["Begin"]["Next"]
    while machine["States"][state]["Type"] == "Choice":
        choices = machine["States"][state]["Choices"]
        for rule in choices:
            if evaluate(rule["Condition"], variables) is True:
                variables |= evaluate(rule.get("Assign", {}), variables)
                state = rule["Next"]
                break
        else:
            state = machine["States"][state]["Default"]
    return machine, variables | {"next": state}


@pytest.mark.parametrize(
    ("made", "state"),
    [({}, "Train"), (TRAINED, "Judge"), (TRAINED | JUDGED, "Deploy")],
)
def test_it_goes_on_after_what_was_made(made: dict[str, Any], state: str) -> None:
    """And what that state needs is there, under the names of the second attempt."""
    machine, after = resumed(**made)
    assert after["next"] == state
    arguments = evaluate(machine["States"][state]["Arguments"], after)
    name = RUN_ID.replace("_", "-")
    if state == "Train":
        assert arguments["TrainingJobName"] == f"{name}-train-2"
        assert arguments["HyperParameters"] == {"a": "1"}
    elif state == "Judge":
        asked = contracts.JudgeStart.model_validate(arguments["Input"])
        assert (asked.attempt, asked.model_data) == ("2", "s3://a/runs/x/model.tar.gz")
        assert asked.champion is None
    else:
        assert arguments["Name"] == f"{RUN_ID}-deploy-2"
        assert contracts.DeployInput.read(arguments["Input"]).attempt == 2


def test_what_earlier_attempts_found_is_told() -> None:
    """Rows, quarantine, jobs, metrics and package reach the functions as if made by this one."""
    machine, after = resumed(**TRAINED, **JUDGED)
    served = {
        "status": "DEPLOYED",
        "action": "CREATED",
        "config": "d",
        "reason": "It serves.",
        "called_at": 1,
        "in_service_at": 2,
    }
    states = {**after["states"], "result": {"Output": served}}
    after |= evaluate(machine["States"]["Deploy"]["Assign"], {**after, "states": states})
    payload = evaluate(machine["States"]["Finish"]["Arguments"], after)["Payload"]
    end = contracts.RunEnd.read(payload)
    assert (end.attempt, end.reason) == (2, "Good enough. It serves.")
    assert (end.rows.rows, end.quarantine) == (7, after["quarantine"])
    assert [job.step for job in end.jobs] == ["Preprocess"]
    assert (end.metrics, end.model_package) == ({"accuracy": 0.95}, "arn:package")
    assert (end.model_data, end.training_metrics) == (
        "s3://a/runs/x/model.tar.gz",
        {"loss": 0.25},
    )


def test_it_is_judged_against_what_serves_now() -> None:
    """The champion of the redrive, not that of the attempt that failed."""
    machine, after = resumed(champion=CHAMPION, **TRAINED)
    asked = evaluate(machine["States"]["Judge"]["Arguments"], after)["Input"]
    assert contracts.JudgeStart.model_validate(asked).champion == contracts.Champion(**CHAMPION)
