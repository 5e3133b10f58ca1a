"""Does what preprocess.py does, as AWS Glue calls it: all is in S3, and named by arguments."""

import json
import sys

import boto3

from dropforge_jobs.outcome import Outcome

GIVEN = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=True))
S3 = boto3.client("s3")


def place(uri: str) -> tuple[str, str]:
    """Return the bucket and the key of an S3 URI."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def read(uri: str) -> bytes:
    """Read an object."""
    bucket, key = place(uri)
    content: bytes = S3.get_object(Bucket=bucket, Key=key)["Body"].read()
    return content


def write(name: str, body: bytes) -> None:
    """Write an object of the output."""
    bucket, key = place(f"{GIVEN['--output']}/{name}")
    S3.put_object(Bucket=bucket, Key=key, Body=body)


def main() -> None:
    """Do the job: `ok` or `fail`; `skip` finds the data to be of no use."""
    if GIVEN["--behaviour"] == "fail":
        raise SystemExit("The data is of no use.")
    manifest = json.loads(read(GIVEN["--manifest"]))
    for number, each in enumerate(manifest["objects"]):
        body = read(f"s3://{manifest['bucket']}/{each['path']}")
        write(f"train/{number}.csv", body)
        write(f"holdout/{number}.csv", body)
    write("report/profile.json", b"{}")
    skipped = "Nothing new." if GIVEN["--behaviour"] == "skip" else ""
    outcome = Outcome(len(manifest["objects"]), 0, 0, skipped, {"found": GIVEN["--engine"]})
    write("message", outcome.message())


if __name__ == "__main__":
    main()
