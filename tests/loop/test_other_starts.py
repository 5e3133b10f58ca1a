"""Runs that are started without new data: by hand, by a schedule, by a drift alarm."""

import json
from typing import Any

import pytest
from dropforge_core.records import Run

from .stack import Stack
from .test_cases import eventually
from .tool import Tool

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def tool(stack: Stack) -> Tool:
    """The command line, for the stack that all tests here share."""
    return Tool(stack.project.root, stack.project.state)


def test_retrain_makes_a_run_of_what_there_is(stack: Stack, tool: Tool) -> None:
    """With a changed pipeline, which it publishes; the data is the same and not SKIPPED for it."""
    stack.publish("asked_again", answer="1")
    first = stack.run("asked_again")
    path = stack.project.pipelines / "asked_again/pipeline.yaml"
    path.write_text(path.read_text("utf-8").replace("answer: '1'", "answer: '2'"), "utf-8")
    run: dict[str, Any] = tool.document("retrain", "asked_again", "--wait")
    assert (run["status"], run["causes"]) == ("DEPLOYED", ["PERSON"])
    assert run["data"]["objects"] == first["data"]["objects"]
    assert run["manifest_hash"] == first["manifest_hash"]
    assert stack.answer("asked_again") == "2"
    assert len(stack.target.ledger.runs("asked_again")) == 2


def test_retrain_during_a_run_is_one_follow_up_with_the_data_that_waits(
    stack: Stack, tool: Tool
) -> None:
    """Asked twice while a run is going, and something is dropped: one more run, for all of it."""
    stack.publish("busy_retrain")
    # The run goes on while others are asked for.
    late = {"service": "sagemaker", "operation": "CreateTrainingJob", "match": "busy-retrain"}
    stack.strike(**late, seconds=15)
    stack.drop("busy_retrain", "1,2\n")
    asked = [tool.document("retrain", "busy_retrain") for _ in range(2)]
    assert {one["pipeline"] for one in asked} == {"busy_retrain"}
    stack.drop("busy_retrain", "3,4\n", "more.csv")
    newest = stack.ended_run("busy_retrain", count=2)
    runs = stack.target.ledger.runs("busy_retrain")
    assert len(runs) == 2
    taken = [stack.target.ledger.request("busy_retrain", one["request_id"]) for one in asked]
    assert {one.run_id for one in taken if one} <= {run.run_id for run in runs}
    assert newest["data"]["objects"] == 2


def test_retrain_without_any_data_says_so(stack: Stack, tool: Tool) -> None:
    """Exit 1: SKIPPED, without an execution or an endpoint; Slack says why."""
    stack.publish("no_data")
    run = tool.document("retrain", "no_data", "--wait", status=1)
    assert (run["status"], run["execution"]) == ("SKIPPED", "")
    assert run["reason"].startswith("There is no data to learn from")
    (message,) = stack.slack_about(run["run_id"])
    assert "There is no data to learn from" in json.dumps(message)


def test_retrain_of_nothing_is_wrong_use(tool: Tool) -> None:
    """A pipeline that is nowhere: exit 2, one line."""
    for name in ("nowhere", "../iris"):
        done = tool("retrain", name)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.count("\n") == 1


def test_adopted_objects_are_one_run(stack: Stack, tool: Tool) -> None:
    """From another bucket, by S3's own copies; done again, nothing is copied and nothing runs."""
    stack.publish("adopted")
    s3 = stack.target.s3
    s3.create_bucket(Bucket="lake")
    for name, content in (("a.csv", b"1,2\n"), ("b/ü 2.csv", b"3,4\n"), ("c/", b""), ("z", b"")):
        s3.put_object(Bucket="lake", Key=f"raw/2026/{name}", Body=content)
    s3.put_object(Bucket="lake", Key="raw/2027/later.csv", Body=b"5,6\n")
    run = tool.document("adopt", "adopted", "s3://lake/raw/2026/", "--wait")
    assert (run["status"], run["data"]["objects"]) == ("DEPLOYED", 2)
    again = tool.document("adopt", "adopted", "s3://lake/raw/2026/")
    assert again["copied"] == []
    assert [one["key"] for one in again["already_there"]] == [
        "incoming/adopted/a.csv",
        "incoming/adopted/b/ü 2.csv",
    ]
    assert {one["key"] for one in again["left_out"]} == {"raw/2026/c/", "raw/2026/z"}
    assert tool.document("adopt", "adopted", "s3://lake/raw/2026/", "--wait") == run
    # A prefix need not end at a folder; what is new comes in beside the rest.
    more = tool.document("adopt", "adopted", "s3://lake/raw/2027")
    assert [one["key"] for one in more["copied"]] == ["incoming/adopted/2027/later.csv"]
    assert stack.ended_run("adopted", count=2)["data"]["objects"] == 3


def test_what_no_event_told_of_is_adopted_where_it_lies(stack: Stack, tool: Tool) -> None:
    """Its event was lost; the objects whose events came are left alone."""
    stack.publish("untold")
    stack.run("untold", "1,2\n")
    stack.strike(kind="event", source="aws.s3", match="lost.csv", then="dropped")
    stack.drop("untold", "3,4\n", "lost.csv")
    assert stack.faults() == []
    address = f"s3://{stack.target.output('DataBucketName')}/incoming/untold/"
    run = tool.document("adopt", "untold", address, "--wait")
    assert (run["status"], run["data"]["objects"]) == ("DEPLOYED", 2)
    again = tool.document("adopt", "untold", address)
    assert (again["copied"], len(again["already_there"])) == ([], 2)
    assert len(stack.target.ledger.runs("untold")) == 2


def test_an_interrupted_adoption_goes_on(stack: Stack, tool: Tool) -> None:
    """S3 refuses some of the copies: they are left out with the reason, and taken in next time."""
    stack.publish("resumed")
    stack.target.s3.create_bucket(Bucket="pond")
    for number in range(3):
        body = f"{number},2\n".encode()
        stack.target.s3.put_object(Bucket="pond", Key=f"{number}.csv", Body=body)
    stack.fault("s3", "CopyObject", "AccessDenied", match="1.csv", times=9)
    first = tool.document("adopt", "resumed", "s3://pond/")
    assert len(first["copied"]) == 2
    (left,) = first["left_out"]
    assert left["key"] == "1.csv"
    assert "AccessDenied" in left["reason"]
    stack.clear_faults()
    second = tool.document("adopt", "resumed", "s3://pond/")
    assert [one["key"] for one in second["copied"]] == ["incoming/resumed/1.csv"]
    assert len(second["already_there"]) == 2


def test_a_wrong_address_is_wrong_use(stack: Stack, tool: Tool) -> None:
    """No address, no such bucket, nothing there: exit 2, one line, nothing happened."""
    stack.publish("addressed")
    bucket = stack.target.output("DataBucketName")
    for address in ("lake/raw", "s3:///raw", "https://lake/raw", "s3://no-such-bucket-here/x"):
        done = tool("adopt", "addressed", address)
        assert (done.returncode, done.stdout) == (2, ""), done.stderr
    done = tool("adopt", "addressed", f"s3://{bucket}/nothing/")
    assert done.returncode == 2
    assert "There is nothing under" in done.stderr


def schedules_of(stack: Stack, name: str) -> list[dict[str, Any]]:
    """List the schedules of a pipeline."""
    found = stack.target.client("scheduler").list_schedules(NamePrefix=f"dropforge-{name}")
    return [one for one in found["Schedules"] if one["Name"] == f"dropforge-{name}"]


def alarms_of(stack: Stack, name: str) -> list[dict[str, Any]]:
    """List the drift alarms of a pipeline."""
    names = [f"dropforge/drift/{name}"]
    alarms = stack.target.client("cloudwatch").describe_alarms(AlarmNames=names)["MetricAlarms"]
    return list(alarms)


def test_a_schedule_starts_runs_and_follows_pipeline_yaml(stack: Stack) -> None:
    """Made, changed and removed by publish; fired, it is a run of what there is."""
    stack.publish("scheduled", start={"schedule": "rate(1 day)"})
    assert schedules_of(stack, "scheduled")[0]["State"] == "ENABLED"
    first = stack.run("scheduled")
    stack.fire("scheduled")
    run = stack.ended_run("scheduled", count=2)
    assert (run["status"], run["causes"]) == ("DEPLOYED", ["SCHEDULE"])
    assert run["manifest_hash"] == first["manifest_hash"]

    night = {"expression": "cron(0 3 * * ? *)", "timezone": "Europe/Berlin"}
    stack.publish("scheduled", start={"schedule": night})
    (changed,) = schedules_of(stack, "scheduled")
    found = stack.target.client("scheduler").get_schedule(
        Name=changed["Name"], GroupName=changed["GroupName"]
    )
    assert found["ScheduleExpression"] == night["expression"]
    assert found["ScheduleExpressionTimezone"] == night["timezone"]
    assert found["Target"]["Arn"] == stack.target.output("IncomingQueueArn")
    stack.publish("scheduled")
    assert schedules_of(stack, "scheduled") == []


def test_destroy_removes_what_starts_runs_and_publish_brings_it_back(
    stack: Stack, tool: Tool
) -> None:
    """Both are told; nothing fires any more."""
    stack.publish("unscheduled", start={"schedule": "rate(1 hour)", "drift": {}})
    told = tool.document("destroy", "unscheduled", "--yes")
    assert told["deleted"] == [
        "schedule dropforge-unscheduled",
        "alarm dropforge/drift/unscheduled",
    ]
    assert (schedules_of(stack, "unscheduled"), alarms_of(stack, "unscheduled")) == ([], [])
    assert "schedule or drift alarm" in json.dumps(told["left"])
    assert tool("publish", "unscheduled").returncode == 0
    assert len(schedules_of(stack, "unscheduled") + alarms_of(stack, "unscheduled")) == 2
    assert tool("destroy", "unscheduled", "--yes").returncode == 0


def test_a_schedule_without_data_is_skipped(stack: Stack) -> None:
    """And says so, each time; it makes no endpoint."""
    stack.publish("too_early", start={"schedule": "rate(1 hour)"})
    stack.fire("too_early")
    run = stack.ended_run("too_early")
    assert (run["status"], run["causes"]) == ("SKIPPED", ["SCHEDULE"])
    stack.publish("too_early")


def test_drift_that_no_model_knows_starts_a_run(stack: Stack) -> None:
    """The figure of a run that was rejected sounds the alarm; that of a deployed one ends it."""
    drifted = json.dumps({"metrics": {"accuracy": 0.5}, "data": {"rows": 9, "drift": 0.5}})
    drift = {"drift": {"threshold": 0.3}}
    stack.publish("drifting", start=drift)
    assert stack.run("drifting", "1,2\n")["status"] == "DEPLOYED"
    assert alarms_of(stack, "drifting")[0]["StateValue"] == "INSUFFICIENT_DATA"
    stack.publish("drifting", start=drift, evaluation=drifted)
    stack.drop("drifting", "3,4\n")
    runs = eventually(lambda: drift_runs(stack, "drifting"))
    (rejected,) = [run for run in stack.target.ledger.runs("drifting") if run.data.get("drift")][
        -1:
    ]
    assert (rejected.status, rejected.data["drift"]) == ("REJECTED", 0.5)
    assert alarms_of(stack, "drifting")[0]["StateValue"] == "ALARM"
    assert runs[0].data["objects"] == 1  # what was set aside stays aside
    stack.ended_run("drifting", count=3)
    # A run that changes nothing starts no other: the alarm sounds on.
    assert len(stack.target.ledger.runs("drifting")) == 3


def drift_runs(stack: Stack, name: str) -> list[Run]:
    """List the runs that a drift alarm started."""
    return [run for run in stack.target.ledger.runs(name) if run.causes == ["DRIFT"]]


def test_any_metric_may_be_the_drift(stack: Stack) -> None:
    """That of somebody's own monitor, say."""
    metric = {"namespace": "Mine", "name": "Gone", "dimensions": {"from": "here"}}
    stack.publish("watched", start={"drift": {"threshold": 1, "metric": metric}})
    stack.run("watched")
    stack.target.client("cloudwatch").put_metric_data(
        Namespace="Mine",
        MetricData=[
            {
                "MetricName": "Gone",
                "Value": 2,
                "Dimensions": [{"Name": "from", "Value": "here"}],
            }
        ],
    )
    (run,) = eventually(lambda: drift_runs(stack, "watched"))
    assert stack.ended_run("watched", count=2)["run_id"] == run.run_id
    stack.publish("watched")
    assert alarms_of(stack, "watched") == []
