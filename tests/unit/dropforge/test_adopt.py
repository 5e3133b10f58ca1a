from pathlib import Path
from typing import Any

import pytest
from dropforge_core.records import Arrival

from dropforge import adopt
from dropforge.errors import InputError
from dropforge.target import Target
from tests.unit.dropforge.deployments import CURRENT


@pytest.fixture(autouse=True)
def published(target: Target, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A pipeline that is published, and not in this folder."""
    target.ledger.publish(CURRENT, "s3://df-artifacts/pipelines/iris/v9/", "2026-11-28")
    (tmp_path / "pipelines").mkdir(exist_ok=True)
    (tmp_path / "template.yaml").write_text("")
    monkeypatch.chdir(tmp_path)


def lake(target: Target, **objects: bytes) -> None:
    """Make a bucket with these objects; two underscores stand for a slash, one for a dot."""
    target.s3.create_bucket(Bucket="lake")
    for name, body in objects.items():
        key = name.replace("__", "/").replace("_", ".")
        target.s3.put_object(Bucket="lake", Key=key, Body=body)


def body(target: Target, key: str) -> bytes:
    """Read an object of the data bucket."""
    return bytes(target.s3.get_object(Bucket="df-data", Key=key)["Body"].read())


def keys(dropped: list[Any]) -> list[str]:
    """Return the keys."""
    return [one.key for one in dropped]


def test_what_was_taken_in_is_known_by_its_bytes(target: Target) -> None:
    """Copied once; when the source has changed, it is copied again as a newer version."""
    lake(target, raw__a_csv=b"one", raw__b_csv=b"two")
    first = adopt.adopt(target, "iris", "s3://lake/raw/")
    assert keys(first.copied) == ["incoming/iris/a.csv", "incoming/iris/b.csv"]
    assert body(target, "incoming/iris/a.csv") == b"one"
    target.s3.put_object(Bucket="lake", Key="raw/b.csv", Body=b"new")
    second = adopt.adopt(target, "iris", "s3://lake/raw/")
    assert keys(second.copied) == ["incoming/iris/b.csv"]
    assert keys(second.there) == ["incoming/iris/a.csv"]
    assert second.there[0].version_id == first.copied[0].version_id


def test_an_etag_that_says_nothing_is_made_up_for_by_a_mark(target: Target) -> None:
    """As for an object that was uploaded in parts, whose copy has another ETag."""
    target.s3.create_bucket(Bucket="lake")
    s3: Any = target.s3
    upload = s3.create_multipart_upload(Bucket="lake", Key="big.csv")["UploadId"]
    part = {"Bucket": "lake", "Key": "big.csv", "UploadId": upload}
    etag = s3.upload_part(**part, PartNumber=1, Body=b"one part")["ETag"]
    s3.complete_multipart_upload(
        **part, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]}
    )
    assert keys(adopt.adopt(target, "iris", "s3://lake/").copied) == ["incoming/iris/big.csv"]
    assert adopt.adopt(target, "iris", "s3://lake/").copied == []


def test_where_data_is_dropped_only_the_untold_is_copied(target: Target) -> None:
    """By the ledger: an object version that no event told of."""
    for name in ("told.csv", "untold.csv"):
        put = target.s3.put_object(Bucket="df-data", Key=f"incoming/iris/{name}", Body=b"x")
        if name == "told.csv":
            arrival = Arrival(
                key=f"incoming/iris/{name}",
                version_id=put["VersionId"],
                etag="e",
                size=1,
                sequencer="01",
                event_time="2026-11-28T00:00:00.000Z",
            )
            target.ledger.record("iris", [arrival])
    adopted = adopt.adopt(target, "iris", "s3://df-data/incoming/iris/")
    assert keys(adopted.copied) == ["incoming/iris/untold.csv"]
    assert keys(adopted.there) == ["incoming/iris/told.csv"]
    versions = target.s3.list_object_versions(Bucket="df-data", Prefix="incoming/iris/untold.csv")
    assert len(versions["Versions"]) == 2


def test_a_marker_comes_last_and_may_be_empty(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It releases what came before it."""
    start = {"marker": "_SUCCESS"}
    waits = CURRENT.model_validate(CURRENT.model_dump() | {"start": start})
    target.ledger.publish(waits, "s3://df-artifacts/pipelines/iris/v9/", "2026-11-28")
    lake(target, z_csv=b"data", empty_csv=b"")
    target.s3.put_object(Bucket="lake", Key="_SUCCESS", Body=b"")
    copied: list[str] = []
    copy = target.s3.copy

    def note(source: Any, bucket: str, key: str, *rest: Any) -> None:
        copied.append(key)
        copy(source, bucket, key, *rest)

    monkeypatch.setattr(target.s3, "copy", note)
    adopted = adopt.adopt(target, "iris", "s3://lake/")
    assert copied == ["incoming/iris/z.csv", "incoming/iris/_SUCCESS"]
    assert list(adopted.left_out) == ["empty.csv"]


@pytest.mark.parametrize("address", ["lake", "s3://", "s3:///x", "http://lake/x", "s3:lake/x"])
def test_what_is_no_address_is_refused(target: Target, address: str) -> None:
    """Before anything is looked at."""
    with pytest.raises(InputError, match="is no address of S3"):
        adopt.adopt(target, "iris", address)


def test_nothing_to_take_in_is_wrong_input(target: Target) -> None:
    """No such bucket, nothing there, no such pipeline."""
    lake(target)
    for address, problem in (("s3://lake/x", "nothing under"), ("s3://pond/x", "no bucket 'pond'")):
        with pytest.raises(InputError, match=problem):
            adopt.adopt(target, "iris", address)
    with pytest.raises(InputError, match="cannot be a pipeline's name"):
        adopt.adopt(target, "../iris", "s3://lake/")
