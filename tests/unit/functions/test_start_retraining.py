import copy
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from dropforge_core.ledger import Ledger
from dropforge_core.published import StartPolicy

from tests.unit.dropforge_core.stack import DATA_BUCKET, Stack

NAME = "start_retraining"


def put_objects(stack: Stack, event: Any) -> None:
    """Put what the events tell of, so that a run finds it; they tell of what was put."""
    put: dict[str, Any] = {}
    for record in event["Records"]:
        body = json.loads(record["body"])
        key = body["detail"]["object"]["key"]
        if key not in put:
            content = f"data of {key}".encode()
            put[key] = stack.clients.s3.put_object(Bucket=DATA_BUCKET, Key=key, Body=content)
            put[key]["size"] = len(content)
        body["detail"]["object"] |= {
            "etag": put[key]["ETag"].strip('"'),
            "version-id": put[key]["VersionId"],
            "size": put[key]["size"],
        }
        record["body"] = json.dumps(body)


def test_one_object_is_one_run(functions: Any, stack: Stack, sample: Any, output: Any) -> None:
    """An object starts a run; run id and execution are in the log, the outcome is counted."""
    stack.publish()
    event = sample(f"{NAME}.one_object")
    put_objects(stack, event)
    assert functions.invoke(NAME, event) == {"batchItemFailures": []}
    lines, counted = output()
    (run,) = stack.ledger.runs("iris")
    assert stack.executions() == [f"{run.run_id}-1"]
    assert counted == {"ArrivalWaiting": 1, "RunStarted": 1}
    (told,) = [line for line in lines if line["message"] == "run"]
    assert (told["run_id"], told["execution"]) == (run.run_id, run.execution)


def test_a_burst_is_one_run(functions: Any, stack: Stack, sample: Any, output: Any) -> None:
    """Three objects, one of them told twice, are one run of three objects with their odd keys."""
    stack.publish()
    event = sample(f"{NAME}.burst")
    put_objects(stack, event)
    assert functions.invoke(NAME, event) == {"batchItemFailures": []}
    (run,) = stack.ledger.runs("iris")
    assert run.data["objects"] == 3
    assert output()[1] == {"ArrivalWaiting": 3, "ArrivalDuplicate": 1, "RunStarted": 1}
    key = f"runs/{run.run_id}/input.manifest"
    manifest = json.load(stack.clients.s3.get_object(Bucket=DATA_BUCKET, Key=key)["Body"])
    names = ["Blüten/süd.csv", "stations/north%2F1.csv", "third species, 2026.csv"]
    assert manifest[1:] == [f"incoming/iris/{name}" for name in names]


def test_the_same_batch_twice(functions: Any, stack: Stack, sample: Any, output: Any) -> None:
    """A redelivered batch records and starts nothing."""
    stack.publish()
    event = sample(f"{NAME}.burst")
    put_objects(stack, event)
    functions.invoke(NAME, event)
    output()
    assert functions.invoke(NAME, event) == {"batchItemFailures": []}
    assert len(stack.executions()) == 1
    assert output()[1] == {"ArrivalDuplicate": 4}


def test_nobodys_object(functions: Any, stack: Stack, sample: Any, output: Any) -> None:
    """An object for a pipeline that is not published is done with: IGNORED, logged, counted."""
    assert functions.invoke(NAME, sample(f"{NAME}.not_published")) == {"batchItemFailures": []}
    (arrival,) = stack.ledger.arrivals("never_published")
    assert arrival.status == "IGNORED"
    lines, counted = output()
    assert counted == {"ArrivalIgnored": 1}
    assert "not published" in lines[0]["reason"]


def test_malformed_messages_touch_nothing(
    functions: Any, stack: Stack, sample: Any, output: Any
) -> None:
    """All are returned as failures, and no AWS call is made: there is not even a client."""
    event = sample(f"{NAME}.malformed")
    functions.load(NAME).__dict__["clients"] = None
    failures = functions.invoke(NAME, event)["batchItemFailures"]
    ids = [record["messageId"] for record in event["Records"]]
    assert [failure["itemIdentifier"] for failure in failures] == ids
    assert output()[1] == {"ArrivalRefused": 3}
    assert stack.executions() == []


def test_the_good_go_on_beside_the_bad(functions: Any, stack: Stack, sample: Any) -> None:
    """In one batch the malformed fail and the others start their run."""
    stack.publish()
    good, bad = sample(f"{NAME}.one_object"), sample(f"{NAME}.malformed")
    put_objects(stack, good)
    failures = functions.invoke(NAME, {"Records": [*bad["Records"], *good["Records"]]})
    assert len(failures["batchItemFailures"]) == len(bad["Records"])
    assert len(stack.executions()) == 1


def for_car(event: Any) -> Any:
    """The same event for another pipeline."""
    other = copy.deepcopy(event)
    for record in other["Records"]:
        record["messageId"] += "-car"
        record["body"] = record["body"].replace("incoming/iris/", "incoming/car/")
    return other


def test_only_the_pipeline_that_fails_comes_again(
    functions: Any,
    stack: Stack,
    sample: Any,
    output: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """When one pipeline cannot start, its messages alone are returned; the other's run goes."""
    stack.publish("iris")
    stack.publish("car")
    iris = sample(f"{NAME}.one_object")
    car = for_car(iris)
    for event in (iris, car):
        put_objects(stack, event)
    acquire = Ledger.acquire

    def refuse_iris(self: Ledger, pipeline: str, owner: str, now: int) -> Any:
        if pipeline == "iris":
            raise ClientError({"Error": {"Code": "AccessDenied"}}, "UpdateItem")
        return acquire(self, pipeline, owner, now)

    monkeypatch.setattr(Ledger, "acquire", refuse_iris)
    answer = functions.invoke(NAME, {"Records": iris["Records"] + car["Records"]})
    assert [failure["itemIdentifier"] for failure in answer["batchItemFailures"]] == [
        iris["Records"][0]["messageId"]
    ]
    assert [run.pipeline for run in stack.ledger.runs()] == ["car"]
    assert output()[1] == {"ArrivalWaiting": 2, "RunStarted": 1, "StartFailed": 1}
    monkeypatch.setattr(Ledger, "acquire", acquire)
    assert functions.invoke(NAME, iris) == {"batchItemFailures": []}
    assert {run.pipeline for run in stack.ledger.runs()} == {"iris", "car"}


CAUSES = {"requested": "PERSON", "schedule": "SCHEDULE", "drift": "DRIFT"}


@pytest.mark.parametrize("kind", CAUSES)
def test_a_request_is_a_run_of_what_there_is(
    functions: Any, stack: Stack, sample: Any, output: Any, kind: str
) -> None:
    """Told twice, it starts one run, which reads the data that was used before."""
    stack.publish()
    stack.drop("a.csv", "first")
    (first,) = stack.starter().start_waiting("iris")
    stack.end(first, "DEPLOYED")
    event = sample(f"{NAME}.{kind}")
    assert functions.invoke(NAME, event) == {"batchItemFailures": []}
    assert output()[1] == {"StartRequested": 1, "RunStarted": 1}
    assert functions.invoke(NAME, event) == {"batchItemFailures": []}
    assert output()[1] == {"StartDuplicate": 1}
    (run, _) = stack.ledger.runs("iris")
    assert (run.causes, run.manifest_hash) == ([CAUSES[kind]], first.manifest_hash)


def test_nobodys_request(functions: Any, stack: Stack, sample: Any, output: Any) -> None:
    """A request for a pipeline that is not published is done with: REFUSED, logged, counted."""
    assert functions.invoke(NAME, sample(f"{NAME}.requested")) == {"batchItemFailures": []}
    assert stack.ledger.runs("iris") == []
    assert output()[1] == {"StartRefused": 1}


def test_a_look_starts_what_waits(functions: Any, stack: Stack, sample: Any, output: Any) -> None:
    """It records nothing; before its time is over, and without data, it starts nothing."""
    policy = StartPolicy(quiet_seconds=60, at_latest_seconds=60)
    stack.publish(start=policy)
    look = sample(f"{NAME}.look")
    assert functions.invoke(NAME, look) == {"batchItemFailures": []}
    assert output()[1] == {"LookTaken": 1}
    stack.drop("a.csv", "first")  # long ago, by this process's clock
    assert functions.invoke(NAME, look) == {"batchItemFailures": []}
    assert output()[1] == {"LookTaken": 1, "RunStarted": 1}


def test_a_look_that_names_no_pipeline_is_refused(functions: Any, sample: Any, output: Any) -> None:
    """As everything that is neither an event of S3 nor a look."""
    look = sample(f"{NAME}.look")
    look["Records"][0]["body"] = look["Records"][0]["body"].replace("iris", "../iris")
    assert len(functions.invoke(NAME, look)["batchItemFailures"]) == 1
    assert output()[1] == {"ArrivalRefused": 1}
