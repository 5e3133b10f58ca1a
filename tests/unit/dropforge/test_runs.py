import json
from dataclasses import replace

import pytest
from dropforge_core.records import Run

from dropforge import runs
from dropforge.errors import CommandError, InputError
from dropforge.project import Project
from dropforge.publish import publish
from dropforge.target import Target

RUN = Run(
    run_id="iris-20261121t052011-1a2b3c4d",
    pipeline="iris",
    status="DEPLOYED",
    endpoint={"name": "df-iris", "action": "CREATED", "config": "iris-x-1"},
    data={"objects": 2, "bytes": 4608, "manifest": "s3://df-data/runs/r/manifest.json"},
    started_at="2026-11-21T05:20:11.000Z",
    first_event_at="2026-11-21T05:20:10.000Z",
    manifest_hash="1a2b3c4d",
    version="0123456789ab",
    metrics={"accuracy": 0.97777},
    billed_transitions=22,
    seconds=12.3456,
    steps=[{"name": "Train", "status": "SUCCEEDED", "seconds": 1.25}],
    ended_at="2026-11-21T05:20:23.000Z",
)
# What design.md promises: keys may be added, never removed or renamed.
PROMISED = {
    *("run_id", "pipeline", "status", "reason", "metrics", "champion_metrics", "endpoint"),
    *("model_package", "data", "billed_transitions", "seconds", "job_seconds"),
    *("endpoint_seconds", "steps", "started_at", "ended_at"),
}


def test_runs_are_listed_newest_first(project: Project, target: Target) -> None:
    """Of one pipeline or of all."""
    publish(project, target, ["iris"])
    later = replace(
        RUN, run_id="iris-20261121t060000-99999999", started_at="2026-11-21T06:00:00.000Z"
    )
    target.ledger.put_run(RUN)
    target.ledger.put_run(later)
    assert runs.list_runs(target, None) == [later, RUN]
    assert runs.list_runs(target, "iris") == [later, RUN]
    with pytest.raises(InputError, match="No pipeline 'rose' is published in df: iris"):
        runs.list_runs(target, "rose")


def test_a_run_has_all_that_the_contract_promises(target: Target) -> None:
    """Scripts rely on these keys."""
    target.ledger.put_run(RUN)
    document = runs.document(runs.find_run(target, RUN.run_id))
    assert set(document) >= PROMISED
    assert set(document["endpoint"]) >= {"name", "action", "config"}
    assert set(document["data"]) >= {"objects", "bytes", "manifest"}
    assert document["jobs"] == []
    assert document["estimated_cost_usd"] is None


JOB = {
    "step": "Train",
    "seconds": 3600.0,
    "instance_type": "ml.m5.large",
    "instance_count": 2,
    "volume_gb": 10,
    "hourly_usd": 0.115,
}


def test_jobs_have_their_estimated_cost(target: Target, capsys: pytest.CaptureFixture[str]) -> None:
    """Each job's and the sum, for scripts and for people."""
    evaluated = {**JOB, "step": "Evaluate", "seconds": 0.5}
    target.ledger.put_run(replace(RUN, jobs=[JOB, evaluated]))
    found = runs.find_run(target, RUN.run_id)
    document = runs.document(found)
    assert document["jobs"][0] == {**JOB, "estimated_cost_usd": 0.23}
    assert document["estimated_cost_usd"] == 0.230032
    runs.write_run(found)
    cells = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["Train", "1", "h", "0", "min", "2", "x", "ml.m5.large", "about", "$0.23"] in cells
    assert ["Evaluate", "0.5", "s", "2", "x", "ml.m5.large", "less", "than", "$0.01"] in cells
    assert ["jobs'", "cost", "about", "$0.23"] in cells


def test_a_cost_that_nobody_knows_is_null(
    target: Target, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sum too, when one part of it is unknown; the time is told all the same."""
    unknown = {name: value for name, value in JOB.items() if name != "hourly_usd"}
    target.ledger.put_run(replace(RUN, jobs=[JOB, unknown]))
    found = runs.find_run(target, RUN.run_id)
    document = runs.document(found)
    assert [job["estimated_cost_usd"] for job in document["jobs"]] == [0.23, None]
    assert document["estimated_cost_usd"] is None
    runs.write_run(found)
    assert "unknown" in capsys.readouterr().out


def test_training_metrics_and_rows_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """What the training job said of itself, and how many rows there were."""
    data = {**RUN.data, "rows": 150, "rejected_rows": 3}
    runs.write_run(replace(RUN, training_metrics={"train:accuracy": 0.980952}, data=data))
    printed = capsys.readouterr().out
    assert "train:accuracy 0.981" in printed
    assert "2 objects, 4.6 kB, 150 rows, 3 rejected" in printed


def test_a_run_that_goes_on_tells_what_its_training_says(target: Target) -> None:
    """As SageMaker describes the job now; before there is one, nothing."""
    going = replace(RUN, status="RUNNING", ended_at=None)
    assert runs.with_progress(target, going) == going
    sagemaker = target.client("sagemaker")
    sagemaker.create_training_job(
        TrainingJobName=f"{RUN.run_id}-train-1",
        AlgorithmSpecification={"TrainingImage": "image", "TrainingInputMode": "File"},
        RoleArn="arn:aws:iam::123456789012:role/jobs",
        OutputDataConfig={"S3OutputPath": "s3://df-artifacts/"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 60},
    )
    described = sagemaker.describe_training_job(TrainingJobName=f"{RUN.run_id}-train-1")
    said = {each["MetricName"]: each["Value"] for each in described["FinalMetricDataList"]}
    assert said, "moto has some of its own"
    assert runs.with_progress(target, going).training_metrics == said
    assert runs.with_progress(target, RUN) == RUN, "what has ended is in the ledger"


@pytest.mark.parametrize("run_id", ["iris-20261121t052011-00000000", "nonsense", ""])
def test_an_unknown_run_is_bad_input(target: Target, run_id: str) -> None:
    """Whether the id could be one or not."""
    with pytest.raises(InputError):
        runs.find_run(target, run_id)


def test_a_rollback_names_the_run_that_came_back(capsys: pytest.CaptureFixture[str]) -> None:
    """And nothing is brought back by other runs."""
    runs.write_run(RUN)
    assert "brought back" not in capsys.readouterr().out
    runs.write_run(replace(RUN, kind="ROLLBACK", restores="iris-20261120t052011-00000000"))
    assert "iris-20261120t052011-00000000" in capsys.readouterr().out


def test_only_what_was_deployed_is_a_success(capsys: pytest.CaptureFixture[str]) -> None:
    """The run is printed whatever its end, for people or as the one document."""
    runs.conclude(RUN, as_json=True)
    assert json.loads(capsys.readouterr().out) == runs.document(RUN)
    failed = replace(RUN, status="FAILED", reason="Train failed.")
    with pytest.raises(CommandError, match=f"run {RUN.run_id} ended FAILED: Train failed"):
        runs.conclude(failed, as_json=False)
    assert "FAILED" in capsys.readouterr().out


def test_people_see_facts_and_steps(
    project: Project, target: Target, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every number of interest is in the table, in units that people read."""
    runs.write_run(replace(RUN, reason="The endpoint was created [bold]with[/bold] the new model."))
    printed = capsys.readouterr().out
    assert "challenger" not in printed, "there was no champion"
    for part in ("DEPLOYED", "accuracy 0.9778", "df-iris: CREATED", "2 objects, 4.6 kB", "12.3 s"):
        assert part in printed
    assert "created [bold]with[/bold] the" in printed
    assert "Train" in printed
    publish(project, target, ["iris"])
    runs.write_list(target, [replace(RUN, metrics={"recall": 0.5, "accuracy": 0.97777})])
    printed = capsys.readouterr().out
    assert RUN.run_id in printed
    assert "accuracy 0.9778" in printed
    assert "recall" not in printed


def test_what_came_of_the_data_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """Rows used and rejected, objects refused, and where they lie."""
    found = {"rows": 1, "rejected_rows": 3, "quarantined_objects": 2, "quarantine": "s3://q/r/"}
    runs.write_run(replace(RUN, data={**RUN.data, **found}))
    printed = capsys.readouterr().out
    assert "2 objects, 4.6 kB, 1 row, 3 rejected, 2 objects in quarantine" in printed
    assert "s3://q/r/" in printed


def test_challenger_and_champion_are_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    """Each metric of either on a line of its own, with the difference where both have it."""
    champion = {"accuracy": 0.96667, "rows": 45, "text": "NaN", "old": 1}
    challenger = {**RUN.metrics, "rows": 45, "text": 1.0, "new": 0.5}
    package = "arn:aws:sagemaker:us-east-1:123456789012:model-package/df-iris/2"
    run = replace(RUN, metrics=challenger, champion_metrics=champion, model_package=package)
    runs.write_run(run)
    printed = capsys.readouterr().out
    cells = [line.split() for line in printed.splitlines()]
    assert ["metric", "challenger", "champion", "difference"] in cells
    assert ["accuracy", "0.9778", "0.9667", "+0.0111"] in cells
    assert ["rows", "45", "45", "+0"] in cells
    assert ["text", "1", "NaN"] in cells
    assert ["new", "0.5"] in cells
    assert ["old", "1"] in cells
    assert ["model", "package", package] in cells
