"""What becomes of dropped data, over several runs: set aside, readmitted, replaced."""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig

from dropforge import cli

from .stack import DEADLINE_SECONDS, Stack

BAD = json.dumps({"metrics": {"accuracy": 0.1}})
HOSTILE = ["\x1b[31mred.csv", "carriage\rreturn.csv", "\u202evsc.thgir", "$(reboot) 'a' \"b\".csv"]
PART = 5 * 1024**2


@dataclass(frozen=True)
class Done:
    """How a command ended: its exit status, and what it wrote."""

    status: int
    out: str
    err: str


Command = Callable[..., Done]


@pytest.fixture
def dropforge(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Run the command line in this process, on the stack of the tests."""
    monkeypatch.chdir(stack.project.root)
    monkeypatch.setenv("DROPFORGE_STATE", str(stack.project.state))

    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["dropforge", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        written = capsys.readouterr()
        return Done(int(ended.value.code or 0), written.out, written.err)

    return run


def listed(dropforge: Command, name: str, *changes: str) -> dict[str, dict[str, Any]]:
    """Return the newest arrival of each key, by its name, from `data --json`."""
    done = dropforge("data", name, *changes, "--json")
    assert done.status == 0, done.err
    prefix = f"incoming/{name}/"
    return {one["key"].removeprefix(prefix): one for one in json.loads(done.out)}


def settled(dropforge: Command, name: str, count: int) -> dict[str, dict[str, Any]]:
    """Wait until so many keys have arrived, and each has its fate; return them."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        found = listed(dropforge, name)
        undecided = {one["status"] for one in found.values()} & {"WAITING", "IN_RUN"}
        if len(found) == count and not undecided:
            return found
        assert time.monotonic() < deadline
        time.sleep(0.1)


def dropped(stack: Stack, name: str, key: str, content: str) -> dict[str, Any]:
    """Drop an object and wait for the run that takes it."""
    before = len(stack.target.ledger.runs(name))
    stack.drop(name, content, key)
    return stack.ended_run(name, before + 1)


def rejected(stack: Stack, name: str, key: str, content: str) -> dict[str, Any]:
    """Drop an object that makes a bad model; the pipeline's next run is a good one again."""
    stack.publish(name, evaluation=BAD)
    run = dropped(stack, name, key, content)
    assert run["status"] == "REJECTED"
    stack.publish(name)
    return run


def read_by(stack: Stack, run: dict[str, Any]) -> dict[str, bytes]:
    """Return what preprocess of a run handed on, having checked every ETag, by file name."""
    bucket, s3 = stack.target.output("ArtifactsBucketName"), stack.target.s3
    prefix = f"runs/{run['run_id']}/preprocess/train/"
    found = s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]
    return {
        one["Key"].removeprefix(prefix): s3.get_object(Bucket=bucket, Key=one["Key"])["Body"].read()
        for one in found
    }


def test_data_of_a_rejected_run_is_set_aside_until_it_is_readmitted(
    stack: Stack, dropforge: Command
) -> None:
    """Good data is deployed after it, without it; readmitted, it is in the next run again."""
    stack.publish("aside")
    assert dropped(stack, "aside", "good.csv", "1\n")["status"] == "DEPLOYED"
    run = rejected(stack, "aside", "bad.csv", "2\n")
    bad = listed(dropforge, "aside")["bad.csv"]
    assert (bad["status"], bad["run_id"]) == ("SET_ASIDE", run["run_id"])
    assert run["run_id"] in bad["reason"]

    run = dropped(stack, "aside", "more.csv", "3\n")
    assert run["status"] == "DEPLOYED"
    assert read_by(stack, run) == {"good.csv": b"1\n", "more.csv": b"3\n"}

    done = dropforge("data", "aside", "--readmit", bad["key"])
    assert (done.status, "WAITING" in done.out) == (0, True)
    assert "good.csv" not in done.out
    assert "Readmitted 1 object for the next run" in done.err
    run = dropped(stack, "aside", "last.csv", "4\n")
    assert run["status"] == "DEPLOYED"
    assert read_by(stack, run)["bad.csv"] == b"2\n"
    assert {one["status"] for one in listed(dropforge, "aside").values()} == {"USED"}


def test_what_was_set_aside_does_not_come_back_by_being_dropped(
    stack: Stack, dropforge: Command
) -> None:
    """Under another name neither; who drops and waits is told how it comes back."""
    stack.publish("again")
    assert dropped(stack, "again", "good.csv", "1\n")["status"] == "DEPLOYED"
    rejected(stack, "again", "bad.csv", "2\n")
    (stack.project.root / "other-name.csv").write_text("2\n")
    done = dropforge("drop", "again", "other-name.csv", "--wait", "--json")
    skipped = json.loads(done.out)
    assert (done.status, skipped["status"], skipped["billed_transitions"]) == (1, "SKIPPED", 0)
    assert "Set aside 1 object" in done.err
    assert "--readmit" in done.err.splitlines()[-1]
    assert listed(dropforge, "again")["other-name.csv"]["status"] == "SET_ASIDE"


def test_a_person_sets_good_data_aside(stack: Stack, dropforge: Command) -> None:
    """By key or by run; the next run is without it."""
    stack.publish("excluded")
    for key, content in (("a.csv", "1\n"), ("b.csv", "2\n"), ("c.csv", "3\n")):
        run = dropped(stack, "excluded", key, content)
    fates = listed(dropforge, "excluded", "--exclude", "incoming/excluded/a.csv")
    assert [one["status"] for one in fates.values()] == ["SET_ASIDE", "USED", "USED"]
    done = dropforge("data", "excluded", "--run", run["run_id"])
    assert (done.status, "incoming/excluded/c.csv" in done.out) == (0, True)
    assert "Set aside 1 object" in done.err
    run = dropped(stack, "excluded", "d.csv", "4\n")
    assert read_by(stack, run) == {"b.csv": b"2\n", "d.csv": b"4\n"}


def test_data_changes_while_a_run_goes_but_not_what_it_reads(
    stack: Stack, dropforge: Command
) -> None:
    """What the run is reading is refused, in one line; the rest is as without a run."""
    stack.publish("going")
    dropped(stack, "going", "used.csv", "1\n")
    stack.publish("going", train="hang")
    stack.drop("going", "2\n", "read.csv")
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (started := stack.started("going")):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    (run,) = started
    done = dropforge("data", "going", "--exclude", "incoming/going/read.csv")
    assert (done.status, done.out, done.err.count("\n")) == (2, "", 1)
    assert f"The run {run.run_id} is reading" in done.err
    fates = listed(dropforge, "going", "--exclude", "incoming/going/used.csv")
    assert (fates["used.csv"]["status"], fates["read.csv"]["status"]) == ("SET_ASIDE", "IN_RUN")
    stack.target.stepfunctions.stop_execution(executionArn=run.execution)
    assert stack.ended_run("going", 2)["status"] == "FAILED"


def test_the_good_version_under_a_rejected_one_is_read_from_a_copy(stack: Stack) -> None:
    """The bucket's current version is the bad one; the job gets the bytes that were good."""
    stack.publish("versions")
    dropped(stack, "versions", "folder/a ü%2F.csv", "good\n")
    rejected(stack, "versions", "folder/a ü%2F.csv", "spoilt\n")
    run = dropped(stack, "versions", "b.csv", "more\n")
    assert run["status"] == "DEPLOYED"
    assert read_by(stack, run) == {"a ü%2F.csv": b"good\n", "b.csv": b"more\n"}
    key = f"runs/{run['run_id']}/data/folder/a ü%2F.csv"
    bucket = stack.target.output("DataBucketName")
    copied = stack.target.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    assert copied == b"good\n"
    assert {one.key for one in stack.target.ledger.arrivals("versions")} == {
        "incoming/versions/folder/a ü%2F.csv",
        "incoming/versions/b.csv",
    }, "copies are no arrivals"


def test_objects_in_parts_and_copies_arrive_like_others(
    stack: Stack, dropforge: Command, tmp_path: Path
) -> None:
    """Each is one arrival, with ETag, size and version as S3 has them; the last run reads both."""
    stack.publish("parts")
    bucket, s3 = stack.target.output("DataBucketName"), stack.target.s3
    (tmp_path / "large.csv").write_text("1\n" * (PART // 2 + 1))
    in_parts = TransferConfig(multipart_threshold=PART, multipart_chunksize=PART)
    s3.upload_file(str(tmp_path / "large.csv"), bucket, "incoming/parts/large.csv", Config=in_parts)
    s3.put_object(Bucket=bucket, Key="elsewhere.csv", Body=b"3\n")
    s3.copy_object(
        Bucket=bucket, Key="incoming/parts/copy.csv", CopySource=f"{bucket}/elsewhere.csv"
    )
    fates = settled(dropforge, "parts", 2)
    for one in fates.values():
        head = s3.head_object(Bucket=bucket, Key=one["key"])
        assert one["version_id"] == head["VersionId"]
        assert (one["etag"], one["size"]) == (head["ETag"].strip('"'), head["ContentLength"])
    assert fates["large.csv"]["etag"].endswith("-2")
    assert len(stack.target.ledger.arrivals("parts")) == 2
    assert set(read_by(stack, stack.ended_run("parts"))) == {"large.csv", "copy.csv"}


def test_hostile_keys_are_text_in_the_table(stack: Stack, dropforge: Command) -> None:
    """They move no cursor and make no line; --json has them as they are, and they can be named."""
    stack.publish("hostile_data")
    for name in HOSTILE:
        stack.drop("hostile_data", name, name)
    fates = settled(dropforge, "hostile_data", len(HOSTILE))
    assert set(fates) == set(HOSTILE)
    printed = dropforge("data", "hostile_data").out
    assert not {"\x1b", "\u202e"} & set(printed)
    for shown in (r"\x1b[31mred.csv", r"carriage\rreturn.csv", r"\u202evsc.thgir", HOSTILE[-1]):
        assert shown in printed
    for name in HOSTILE:
        key = fates[name]["key"]
        assert listed(dropforge, "hostile_data", "--exclude", key)[name]["status"] == "SET_ASIDE"
        done = dropforge("data", "hostile_data", "--exclude", key)
        assert (done.status, done.err.count("\n")) == (2, 1)
