"""Batch transform: what of each object is sent, and what is put in its place."""

import json
from typing import TYPE_CHECKING, Any

import pytest

from embedded_aws.errors import AwsError

if TYPE_CHECKING:
    from tests.unit.embedded_aws.sagemaker.conftest import Bench

# Answers each line with the sum of its numbers, and notes what it was asked; a bad one with 400.
SUMS = """
import json, os, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

lock = threading.Lock()

def note(**what):
    with lock:
        print(json.dumps(what), flush=True)

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(200, b"")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        note(asked=body.decode(), accept=self.headers.get("Accept"))
        try:
            sums = [self.sum(line) for line in body.decode().splitlines()]
        except ValueError as err:
            self.answer(400, str(err).encode())
            return
        less = sums[1:] if os.environ.get("LOSES") else sums
        self.answer(200, "".join(f"{each}\\n" for each in less).encode())

    def sum(self, line):
        numbers = json.loads(line) if line[0] in "[{" else line.split(",")
        return sum(int(number) for number in numbers) + int(os.environ.get("MORE", "0"))

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "text/csv")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

note(**{k: v for k, v in os.environ.items() if k.startswith("SAGEMAKER_")})
port = int(os.environ["SAGEMAKER_BIND_TO_PORT"])
ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""
LINES = {"TransformOutput": {"AssembleWith": "Line"}, "TransformInput": {"SplitType": "Line"}}


def transform(bench: "Bench", given: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Transform everything below `in/` with the model `m`; return the job as it ended."""
    given = given or {}
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bench.bucket}/in/"}}
    bench.call(
        "CreateTransformJob",
        **{
            "TransformJobName": "job",
            "ModelName": "m",
            "TransformInput": {
                "DataSource": source,
                "ContentType": "text/csv",
                **given.get("TransformInput", {}),
            },
            "TransformOutput": {
                "S3OutputPath": f"s3://{bench.bucket}/out",
                **given.get("TransformOutput", {}),
            },
            "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
            **more,
        },
    )
    return bench.wait_for_job("Transform", "job")


@pytest.fixture
def sums(bench: "Bench") -> "Bench":
    """A model `m` that adds up lines."""
    image = bench.image(serve=SUMS)
    bench.call("CreateModel", ModelName="m", PrimaryContainer={"Image": image})
    return bench


def asked(bench: "Bench") -> list[str]:
    """List what the container was asked, in the order in which it came."""
    log = bench.settings.state / "logs/aws/sagemaker/TransformJobs/job/primary.log"
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return [line["asked"] for line in lines if "asked" in line]


def test_objects_become_objects(sums: "Bench") -> None:
    """Each below the prefix, folders and all, with `.out`; events tell the job's statuses."""
    sums.put("in/a.csv", "1,2\n3,4\n")
    sums.put("in/deep/b.csv", "5,6")
    job = transform(sums, LINES)
    assert job["TransformJobStatus"] == "Completed", job
    assert sums.keys("out") == ["out/a.csv.out", "out/deep/b.csv.out"]
    assert sums.get("out/a.csv.out") == b"3\n7\n"
    assert sums.get("out/deep/b.csv.out") == b"11\n"
    told = [detail["TransformJobStatus"] for kind, detail, _ in sums.events if "Transform" in kind]
    assert told == ["InProgress", "Completed"]
    assert job["MaxPayloadInMB"] == 6
    [listed] = sums.call("ListTransformJobs")["TransformJobSummaries"]
    assert listed["TransformJobName"] == "job"
    assert not (sums.settings.state / "jobs/TransformJobs/job").exists()


@pytest.mark.parametrize(
    ("given", "more", "requests"),
    [
        (LINES, {}, ["1,2\n3,4\n5,6\n"]),
        (LINES, {"BatchStrategy": "SingleRecord"}, ["1,2\n", "3,4\n", "5,6\n"]),
        ({}, {}, ["1,2\n3,4\n5,6"]),
    ],
    ids=["many", "single", "whole"],
)
def test_how_an_object_is_cut(
    sums: "Bench", given: dict[str, Any], more: dict[str, Any], requests: list[str]
) -> None:
    """As many lines as fit, one at a time, or all of it; the answer is the same."""
    sums.put("in/a.csv", "1,2\n3,4\n5,6")
    assert transform(sums, given, **more)["TransformJobStatus"] == "Completed"
    assert asked(sums) == requests
    assert sums.get("out/a.csv.out") == b"3\n7\n11\n"


def test_payloads_are_limited_and_keep_their_order(sums: "Bench") -> None:
    """Lines are sent as far as they fit, several requests at a time; answers stay in order."""
    rows = [f"{number},{'0' * 2000}" for number in range(2000)]
    sums.put("in/a.csv", "\n".join(rows))
    job = transform(sums, LINES, MaxPayloadInMB=1, MaxConcurrentTransforms=4)
    assert job["TransformJobStatus"] == "Completed"
    sizes = [len(each) for each in asked(sums)]
    assert len(sizes) == 4
    assert max(sizes) <= 1024 * 1024
    assert sums.get("out/a.csv.out").decode().split() == [str(number) for number in range(2000)]


def test_containers_are_told_that_it_is_a_batch(sums: "Bench") -> None:
    """Their variables and the job's own, and what is accepted."""
    sums.put("in/a.csv", "1,2")
    transform(sums, {"TransformOutput": {"Accept": "text/x"}}, Environment={"MORE": "100"})
    assert sums.get("out/a.csv.out") == b"103\n"
    log = sums.settings.state / "logs/aws/sagemaker/TransformJobs/job/primary.log"
    told = json.loads(log.read_text().splitlines()[0])
    assert told["SAGEMAKER_BATCH"] == "true"
    assert told["SAGEMAKER_BATCH_STRATEGY"] == "MultiRecord"
    assert told["SAGEMAKER_MAX_PAYLOAD_IN_MB"] == "6"
    assert '"accept": "text/x"' in log.read_text()


@pytest.mark.parametrize(
    ("content_type", "content", "processing", "result"),
    [
        ("text/csv", "7,1,2\n8,3,4", {"InputFilter": "$[1:]"}, "3\n7\n"),
        (
            "text/csv",
            '"a,b",1,2\n8,3,4',
            {"InputFilter": "$[1,-1]", "JoinSource": "Input"},
            '"a,b",1,2,3\n8,3,4,7\n',
        ),
        (
            "text/csv",
            "7,1,2\n8,3,4",
            {"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,-1]"},
            "7,3\n8,7\n",
        ),
        (
            "application/jsonlines",
            '{"id": 7, "x": {"of": [1, 2]}}',
            {"InputFilter": "$.x.of", "JoinSource": "Input"},
            '{"id":7,"x":{"of":[1,2]},"SageMakerOutput":3}\n',
        ),
        (
            "application/jsonlines",
            '{"id": 7, "x": [1, 2]}',
            {
                "InputFilter": "$['x']",
                "JoinSource": "Input",
                "OutputFilter": "$['id','SageMakerOutput']",
            },
            '{"id":7,"SageMakerOutput":3}\n',
        ),
        (
            "application/jsonlines",
            "[1, 2]",
            {"JoinSource": "Input"},
            '{"SageMakerInput":[1,2],"SageMakerOutput":3}\n',
        ),
    ],
)
def test_records_and_answers_can_be_joined(
    sums: "Bench", content_type: str, content: str, processing: dict[str, str], result: str
) -> None:
    """A part of a record is sent, the answer stands beside all of it, a part of that goes out."""
    sums.put("in/a", content)
    given = {
        "TransformInput": {"SplitType": "Line", "ContentType": content_type},
        "TransformOutput": {"AssembleWith": "Line"},
    }
    job = transform(sums, given, DataProcessing=processing)
    assert job["TransformJobStatus"] == "Completed", job
    assert sums.get("out/a.out").decode() == result


@pytest.mark.parametrize(
    ("bad", "more", "why"),
    [
        ("1,2\nx,4", {}, "Bad HTTP status received from algorithm: 400 of primary"),
        ("1\n2,3", {"DataProcessing": {"InputFilter": "$[1]"}}, "$[1] leads to nothing"),
        ("1,2\n3,4", {"Environment": {"LOSES": "1"}}, "mismatched line count"),
    ],
    ids=["refused", "filtered", "unjoined"],
)
def test_one_bad_record_costs_its_object(
    sums: "Bench", bad: str, more: dict[str, Any], why: str
) -> None:
    """The job fails, the other objects are there, and the data log says what was wrong."""
    sums.put("in/a.csv", bad)
    sums.put("in/b.csv", "" if "Environment" in more else "5,6")
    joins = {"JoinSource": "Input"} | more.pop("DataProcessing", {})
    job = transform(sums, LINES, DataProcessing=joins, **more)
    assert job["TransformJobStatus"] == "Failed"
    assert job["FailureReason"] == "ClientError: See job logs for more information"
    assert sums.keys("out") == ["out/b.csv.out"]
    log = sums.settings.state / "logs/aws/sagemaker/TransformJobs/job/data-log.log"
    assert why in log.read_text()
    assert f"s3://{sums.bucket}/in/a.csv" in log.read_text()


def test_a_model_that_does_not_come_up(bench: "Bench") -> None:
    """The job fails, and nothing of it runs on."""
    image = bench.image(serve="raise SystemExit('no')")
    bench.call("CreateModel", ModelName="m", PrimaryContainer={"Image": image})
    bench.put("in/a.csv", "1")
    job = transform(bench)
    assert job["TransformJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("AlgorithmError: the program has ended")


def test_a_job_can_be_stopped(sums: "Bench") -> None:
    """Between requests; what was done before stays."""
    sums.put("in/a.csv", "1\n" * 20_000)
    request = {**LINES}
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{sums.bucket}/in/"}}
    sums.call(
        "CreateTransformJob",
        TransformJobName="job",
        ModelName="m",
        BatchStrategy="SingleRecord",
        TransformInput={"DataSource": source, **request["TransformInput"]},
        TransformOutput={"S3OutputPath": f"s3://{sums.bucket}/out", **request["TransformOutput"]},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )
    sums.call("StopTransformJob", TransformJobName="job")
    assert sums.wait_for_job("Transform", "job")["TransformJobStatus"] == "Stopped"
    with pytest.raises(AwsError, match="is in status Stopped"):
        sums.call("StopTransformJob", TransformJobName="job")


@pytest.mark.parametrize(
    ("given", "more", "code", "problem"),
    [
        ({"TransformInput": {"SplitType": "RecordIO"}}, {}, "NotImplemented", "SplitType"),
        ({"TransformInput": {"CompressionType": "Gzip"}}, {}, "NotImplemented", "CompressionType"),
        ({}, {"ModelClientConfig": {}}, "NotImplemented", "ModelClientConfig"),
        ({}, {"MaxConcurrentTransforms": 20}, "ValidationException", "must be at most 100"),
        (LINES, {"DataProcessing": {"InputFilter": "x"}}, "ValidationException", "no JSONPath"),
        (LINES, {"DataProcessing": {"InputFilter": "$..x"}}, "ValidationException", "no JSONPath"),
        (
            {"TransformInput": {"SplitType": "Line"}},
            {"DataProcessing": {"JoinSource": "Input"}},
            "ValidationException",
            "needs AssembleWith Line",
        ),
        (
            {"TransformInput": {"ContentType": "image/png"}},
            {"DataProcessing": {"JoinSource": "Input"}},
            "ValidationException",
            "needs a ContentType",
        ),
        ({}, {"ModelName": "none"}, "ValidationException", "Could not find model"),
    ],
)
def test_what_no_job_could_do(
    sums: "Bench", given: dict[str, Any], more: dict[str, Any], code: str, problem: str
) -> None:
    """Refused before anything starts: what AWS refuses, and by name what is not done here."""
    sums.put("in/a.csv", "1,2")
    with pytest.raises(AwsError, match=problem) as refused:
        transform(sums, given, **more)
    assert refused.value.code == code
