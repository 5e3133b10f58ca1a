from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from dropforge_core.errors import ServiceUnavailableError
from dropforge_core.records import Arrival, Run

from tests.unit.dropforge_core.stack import DATA_BUCKET, Stack

from .conftest import Functions

ARTIFACTS = "artifacts"
GONE = "The bucket no longer had this version when the run"


def begun(stack: Stack) -> tuple[Run, list[Arrival]]:
    """Start a run on three objects, whose preprocess job has left something."""
    stack.clients.s3.create_bucket(Bucket=ARTIFACTS)
    stack.publish()
    dropped = [stack.drop(f"{name}.csv", f"old {name}") for name in "abc"]
    (run,) = stack.starter().start_waiting("iris")
    for bucket, key in left_behind(run):
        stack.clients.s3.put_object(Bucket=bucket, Key=key, Body=b"of the job that failed")
    return run, dropped


def left_behind(run: Run) -> list[tuple[str, str]]:
    """Say where a job that failed may have left something, as bucket and key."""
    return [
        (ARTIFACTS, f"runs/{run.run_id}/preprocess/train/part.csv"),
        (DATA_BUCKET, f"quarantine/iris/{run.run_id}/quarantine.json"),
    ]


def replace_one(stack: Stack, arrival: Arrival) -> None:
    """Put another version over an object."""
    stack.clients.s3.put_object(Bucket=DATA_BUCKET, Key=arrival.key, Body=b"newer")


def delete_one(stack: Stack, arrival: Arrival) -> None:
    """Delete an object as people do: its versions stay."""
    stack.clients.s3.delete_object(Bucket=DATA_BUCKET, Key=arrival.key)


def destroy(stack: Stack, arrival: Arrival) -> None:
    """Delete the very version: nobody can read it any more."""
    stack.clients.s3.delete_object(
        Bucket=DATA_BUCKET, Key=arrival.key, VersionId=arrival.version_id
    )


def failed(run: Run, **changes: Any) -> dict[str, Any]:
    """What the machine tells of a run whose job failed."""
    error = {"step": "Prepare", "error": "States.TaskFailed", "cause": "{}"}
    return {"run_id": run.run_id, "data": run.data, "round": 1, "error": error} | changes


def objects(stack: Stack, run: Run) -> dict[str, str]:
    """Return what the run reads, by key and as it is in the bucket, from both its manifests."""
    document = stack.document(run)
    _, *paths = stack.document(run, "input.manifest")
    assert paths == [one["path"] for one in document["objects"]]
    return {
        one["key"].rpartition("/")[2]: read(stack, DATA_BUCKET, one["path"])
        for one in document["objects"]
    }


def read(stack: Stack, bucket: str, key: str) -> str:
    """Read an object."""
    return str(stack.clients.s3.get_object(Bucket=bucket, Key=key)["Body"].read(), "utf-8")


def keys(stack: Stack, bucket: str, prefix: str) -> list[str]:
    """List what lies below a prefix."""
    found = stack.clients.s3.list_objects_v2(Bucket=bucket, Prefix=prefix)
    return [one["Key"] for one in found.get("Contents", [])]


def test_what_was_replaced_or_deleted_is_read_from_copies(
    functions: Functions, stack: Stack, output: Any
) -> None:
    """The versions of the manifest; the rest stays; what the failed job had made is cleared."""
    run, (replaced, deleted, _) = begun(stack)
    replace_one(stack, replaced)
    delete_one(stack, deleted)
    answer = functions.invoke("restore_inputs", failed(run))
    assert answer == {"data": run.data | {"restored": 2}}
    assert objects(stack, run) == {"a.csv": "old a", "b.csv": "old b", "c.csv": "old c"}
    entries = stack.document(run)["objects"]
    assert [one.get("restored", False) for one in entries] == [True, True, False]
    for bucket, key in left_behind(run):
        assert keys(stack, bucket, key) == []
    kept = stack.ledger.run(run.run_id)
    assert kept is not None
    assert kept.data["restored"] == 2
    assert {fate for _, fate in stack.fates()} == {"IN_RUN"}
    assert output()[1] == {"InputsRestored": 1}


def test_what_is_really_gone_is_left_out(functions: Functions, stack: Stack) -> None:
    """Its arrival says why, and the manifest what it was."""
    run, (gone, replaced, _) = begun(stack)
    destroy(stack, gone)
    replace_one(stack, replaced)
    answer = functions.invoke("restore_inputs", failed(run))
    changed = {"objects": 2, "bytes": 10, "restored": 1, "lost": 1}
    assert answer == {"data": run.data | changed}
    assert objects(stack, run) == {"b.csv": "old b", "c.csv": "old c"}
    (lost,) = stack.document(run)["lost"]
    assert (lost["key"], lost["version_id"]) == (gone.key, gone.version_id)
    fate = stack.fate(gone)
    assert (fate.status, fate.reason.startswith(GONE)) == ("IGNORED", True)


def test_nothing_is_left(functions: Functions, stack: Stack, output: Any) -> None:
    """The run fails, and says why; also when it is asked again."""
    run, dropped = begun(stack)
    for arrival in dropped:
        destroy(stack, arrival)
    for _ in range(2):
        answer = functions.invoke("restore_inputs", failed(run))
        assert answer["data"] == run.data | {"objects": 0, "bytes": 0, "lost": 3}
        assert (answer["error"]["step"], answer["error"]["error"]) == ("RestoreInputs", "DataGone")
        assert output()[1] == {"InputsUnchanged": 1}


@pytest.mark.parametrize("changes", [{}, {"round": 3}, {"error": {"step": "a", "error": "b"}}])
def test_a_failure_that_has_other_reasons_stays(
    functions: Functions, stack: Stack, output: Any, changes: dict[str, Any]
) -> None:
    """Nothing has changed; or it was the third try; or perhaps the job is still going."""
    run, (first, *_) = begun(stack)
    if changes:
        replace_one(stack, first)
    event = failed(run, **changes)
    before = stack.document(run)
    answer = functions.invoke("restore_inputs", event)
    assert (answer["data"], answer["error"]["error"]) == (run.data, event["error"]["error"])
    assert stack.document(run) == before
    assert keys(stack, DATA_BUCKET, f"runs/{run.run_id}/data/") == []
    for bucket, key in left_behind(run):
        assert keys(stack, bucket, key) == [key]
    assert output()[1] == {"InputsUnchanged": 1}


def test_it_counts_on_from_round_to_round(functions: Functions, stack: Stack) -> None:
    """What changed before the second try adds to what had before the first."""
    run, (first, second, _) = begun(stack)
    replace_one(stack, first)
    told = functions.invoke("restore_inputs", failed(run))["data"]
    replace_one(stack, first)
    again = failed(run, data=told, round=2)
    assert "error" in functions.invoke("restore_inputs", again), "copies do not change"
    delete_one(stack, second)
    assert functions.invoke("restore_inputs", again) == {"data": run.data | {"restored": 2}}
    assert objects(stack, run) == {"a.csv": "old a", "b.csv": "old b", "c.csv": "old c"}


def test_a_run_that_nobody_knows(functions: Functions, sample: Any, output: Any) -> None:
    """On an empty stack the sample changes nothing."""
    event = sample("restore_inputs.job_failed")
    answer = functions.invoke("restore_inputs", event)
    assert answer == {"data": event["data"], "error": event["error"]}
    assert output()[1] == {"InputsUnchanged": 1}


@pytest.mark.filterwarnings("ignore:No application metrics")
def test_the_platforms_fault_is_tried_again(functions: Functions, stack: Stack) -> None:
    """It is raised under the name that the machine retries."""
    run, _ = begun(stack)

    def refuse(**_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="s3")

    stack.clients.s3.meta.events.register("before-call.s3", refuse)
    with pytest.raises(ServiceUnavailableError):
        functions.invoke("restore_inputs", failed(run))
