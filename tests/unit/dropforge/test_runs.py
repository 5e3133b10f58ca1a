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
    for part in ("DEPLOYED", "accuracy 0.9778", "df-iris: CREATED", "2 objects, 4.5 KiB", "12.3 s"):
        assert part in printed
    assert "created [bold]with[/bold] the" in printed
    assert "Train" in printed
    publish(project, target, ["iris"])
    runs.write_list(target, [replace(RUN, metrics={"recall": 0.5, "accuracy": 0.97777})])
    printed = capsys.readouterr().out
    assert RUN.run_id in printed
    assert "accuracy 0.9778" in printed
    assert "recall" not in printed


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
