"""What retrain makes of what its preprocess job tells of the data."""

import json
from typing import Any

import pytest
from dropforge_core import contracts

from dropforge_jobs.outcome import Outcome

from .conftest import evaluate, load_machine
from .test_arguments import OPTIONS, RUN_ID, run_input, substitute

NEWS = {
    "run_id": RUN_ID,
    "pipeline": "iris_two",
    "attempt": 1,
    "execution": "arn",
    "status": "DEPLOYED",
    "endpoint": {"name": "e", "action": "NONE"},
}
QUARANTINE = f"s3://dropforge-data-123456789012-us-east-1/quarantine/iris_two/{RUN_ID}/"


def prepared(message: str | None) -> dict[str, Any]:
    """Return retrain's variables after Prepare, when the job left this message."""
    machine = substitute(load_machine("retrain"), OPTIONS[0])
    given = run_input(OPTIONS[0])
    context = {"Execution": {"Id": "arn"}}
    variables: dict[str, Any] = {"states": {"input": given, "context": context}}
    variables |= evaluate(machine["States"]["Begin"]["Assign"], variables)
    prepare = machine["States"]["Prepare"]
    job = {"ProcessingJobStatus": "Completed"} | ({"ExitMessage": message} if message else {})
    preprocess = prepare["Branches"][0]["States"]["Preprocess"]
    told = evaluate(preprocess["Output"], {**variables, "states": {"result": job}})
    states = {"result": [told, {"exists": False}]}
    variables |= evaluate(prepare["Assign"], {**variables, "states": states})
    return variables


def told(outcome: Outcome, tmp_path: Any) -> str:
    """Return an outcome as a job's ExitMessage."""
    outcome.tell(tmp_path / "message")
    return str((tmp_path / "message").read_text("utf-8"))


@pytest.mark.parametrize("message", [None, "", "all went well", "dropforge", '{"rows": 3}'])
def test_a_script_need_not_tell_anything(message: str | None) -> None:
    """Nor is another's message taken for ours: the run goes on, and nothing is counted."""
    after = prepared(message)
    assert (after["told"], after["rows"]) == ({}, {})
    assert "quarantine" not in after["news"]


@pytest.mark.parametrize(
    ("rows", "counted"),
    [
        ('{"rows": 7}', {"rows": 7}),
        ('{"rows": "many", "rejected_rows": 2, "more": 3}', {"rejected_rows": 2}),
        ("{}", {}),
    ],
)
def test_only_counts_are_taken(rows: str, counted: dict[str, int]) -> None:
    """A script that tells something else in their place fails no run by it."""
    assert prepared(f'dropforge: {{"rows": {rows}}}')["rows"] == counted


def test_the_job_knows_better_than_the_evaluation() -> None:
    """Whose counts are for pipelines whose preprocess script tells none."""
    rows = load_machine("retrain")["States"]["Judge"]["Assign"]["rows"]
    judged = {"result": {"Output": {"rows": {"rows": 1, "rejected_rows": 2}}}}
    assert evaluate(rows, {"rows": {"rows": 7}, "states": judged}) == {
        "rows": 7,
        "rejected_rows": 2,
    }


@pytest.mark.parametrize(
    ("outcome", "quarantine"),
    [
        (Outcome(150, 0, 0), None),
        (Outcome(150, 3, 0), QUARANTINE),
        (Outcome(150, 0, 1), QUARANTINE),
        (Outcome(0, 9, 2, "None of 2 objects can be used. 'ü\"\n': none."), QUARANTINE),
        (Outcome(3, 0, 0, "x" * 5000), None),
    ],
)
def test_what_the_job_tells_reaches_people(
    outcome: Outcome, quarantine: str | None, tmp_path: Any
) -> None:
    """Counts, and where the rest lies if there is any, are in what both functions are told."""
    after = prepared(told(outcome, tmp_path))
    news = contracts.RunNews.read(NEWS | after["news"] | {"rows": after["rows"]})
    assert news.rows == contracts.RowCounts(
        rows=outcome.rows,
        rejected_rows=outcome.rejected_rows,
        quarantined_objects=outcome.quarantined_objects,
    )
    assert news.quarantine == quarantine
    usable = load_machine("retrain")["States"]["Usable"]
    assert usable["Default"] == "Train"
    choice, *others = usable["Choices"]
    assert [evaluate(one["Condition"], after) for one in others] == [False] * 3
    assert evaluate(choice["Condition"], after) is bool(outcome.skipped)
    if outcome.skipped:
        end = evaluate(choice["Assign"]["outcome"], after)
        assert end["status"] == "SKIPPED"
        assert outcome.skipped.startswith(end["reason"].removesuffix("…"))
        assert choice["Next"] == "Notify"


def test_both_outputs_of_preprocess_are_beside_each_other() -> None:
    """One within the other would be uploaded twice; and quarantine is in the data bucket."""
    machine = substitute(load_machine("retrain"), OPTIONS[0])
    after = prepared(None)
    preprocess = machine["States"]["Prepare"]["Branches"][0]["States"]["Preprocess"]
    config = evaluate(preprocess["Arguments"]["ProcessingOutputConfig"], after)
    outputs = {each["OutputName"]: each["S3Output"] for each in config["Outputs"]}
    assert set(outputs) == {"preprocess", "quarantine"}
    assert outputs["quarantine"]["S3Uri"] == QUARANTINE
    paths = sorted(each["LocalPath"] for each in outputs.values())
    assert json.dumps(paths) == '["/opt/ml/processing/output", "/opt/ml/processing/quarantine"]'
