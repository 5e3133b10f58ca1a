"""S3 as jobs and models use it: whole prefixes and manifests into folders, folders to prefixes.

It is reached over its real API at the settings' endpoint. Keys are data: whatever they are, no
file is written outside the folder that was named.
"""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from threading import Lock
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from embedded_aws.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class StorageError(Exception):
    """S3 has not what was asked for, or it cannot be put into a folder; the message says why."""


@dataclass(frozen=True)
class Location:
    """A bucket and a key or prefix in it."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, uri: str) -> "Location":
        """Read an S3 URI."""
        scheme, _, rest = uri.partition("://")
        if scheme != "s3":
            raise StorageError(f"{uri} is no S3 URI")
        bucket, _, key = rest.partition("/")
        return cls(bucket, key)

    def below(self, name: str) -> "Location":
        """Name something under this prefix."""
        return Location(self.bucket, f"{self.key.rstrip('/')}/{name}".lstrip("/"))

    def __str__(self) -> str:
        """Give the URI."""
        return f"s3://{self.bucket}/{self.key}"


class Storage:
    """Moves objects and files; thread safe."""

    def __init__(self, settings: Settings) -> None:
        """Connect with the first call, since a client takes a tenth of a second to make."""
        self._settings = settings
        self._lock = Lock()

    def has_any(self, uri: str) -> bool:
        """Whether any object is under a prefix."""
        location = Location.parse(uri)
        try:
            found = self._client.list_objects_v2(
                Bucket=location.bucket, Prefix=location.key, MaxKeys=1
            )
        except ClientError:
            return False
        return found["KeyCount"] > 0

    def has(self, uri: str) -> bool:
        """Whether there is this very object."""
        location = Location.parse(uri)
        try:
            self._client.head_object(Bucket=location.bucket, Key=location.key)
        except ClientError:
            return False
        return True

    def download(self, uri: str, data_type: str, folder: Path) -> None:
        """Fill a folder from an S3Prefix or a ManifestFile; raises StorageError."""
        folder.mkdir(parents=True, exist_ok=True)
        try:
            count = 0
            for source, name in self.objects(uri, data_type):
                self._fetch(source, _inside(folder, name, source))
                count += 1
        except (ClientError, BotoCoreError, OSError) as err:
            raise StorageError(f"{uri}: {err}") from err
        if count == 0:
            raise StorageError(
                f'No S3 objects found under S3 URL "{uri}" given in input data source.'
            )

    def objects(self, uri: str, data_type: str) -> "Iterator[tuple[Location, str]]":
        """List the objects of an S3Prefix or a ManifestFile, with their names below it."""
        location = Location.parse(uri)
        if data_type == "ManifestFile":
            return self._in_manifest(location)
        return self._under_prefix(location)

    def read(self, source: Location) -> bytes:
        """Get an object's content; raises StorageError."""
        try:
            answer = self._client.get_object(Bucket=source.bucket, Key=source.key)
            content: bytes = answer["Body"].read()
        except (ClientError, BotoCoreError) as err:
            raise StorageError(f"{source}: {err}") from err
        return content

    def write(self, target: Location, content: bytes) -> None:
        """Put an object; raises StorageError."""
        try:
            self._client.put_object(Bucket=target.bucket, Key=target.key, Body=content)
        except (ClientError, BotoCoreError) as err:
            raise StorageError(f"{target}: {err}") from err

    def download_file(self, uri: str, path: Path) -> None:
        """Get one object; raises StorageError."""
        try:
            self._fetch(Location.parse(uri), path)
        except (ClientError, BotoCoreError, OSError) as err:
            raise StorageError(f"{uri}: {err}") from err

    def upload(self, folder: Path, uri: str) -> None:
        """Put every file below a folder under a prefix, by its relative path."""
        target = Location.parse(uri)
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.upload_file(path, str(target.below(path.relative_to(folder).as_posix())))

    def upload_file(self, path: Path, uri: str) -> None:
        """Put one file; raises StorageError."""
        target = Location.parse(uri)
        try:
            with path.open("rb") as file:
                self._client.put_object(Bucket=target.bucket, Key=target.key, Body=file)
        except (ClientError, BotoCoreError, OSError, UnicodeError) as err:
            raise StorageError(f"{uri}: {err}") from err

    def remove(self, uri: str) -> None:
        """Delete one object; raises StorageError."""
        target = Location.parse(uri)
        try:
            self._client.delete_object(Bucket=target.bucket, Key=target.key)
        except (ClientError, BotoCoreError) as err:
            raise StorageError(f"{uri}: {err}") from err

    @property
    def _client(self) -> "S3Client":
        with self._lock:
            return self._made_client

    @cached_property
    def _made_client(self) -> "S3Client":
        session = boto3.Session("sagemaker", "sagemaker", region_name=self._settings.region)
        return session.client(
            "s3",
            endpoint_url=self._settings.endpoint_url,
            config=Config(
                proxies={},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                s3={"addressing_style": "path"},
            ),
        )

    def _under_prefix(self, prefix: Location) -> Iterator[tuple[Location, str]]:
        # Names are relative to the prefix as a folder. A prefix that ends within a name, say
        # "data/part-", is relative to the folder that it is in.
        parent = prefix.key.rpartition("/")[0]
        start = len(parent) + 1 if parent else 0
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=prefix.bucket, Prefix=prefix.key
        )
        for page in pages:
            for entry in page.get("Contents", []):
                key = entry["Key"]
                name = key[start:]
                if key.startswith(f"{prefix.key}/"):
                    name = key[len(prefix.key) + 1 :]
                if not key.endswith("/"):
                    yield Location(prefix.bucket, key), name

    def _in_manifest(self, manifest: Location) -> Iterator[tuple[Location, str]]:
        answer = self._client.get_object(Bucket=manifest.bucket, Key=manifest.key)
        prefix, names = _read_manifest(answer["Body"].read(), manifest)
        for name in names:
            yield Location(prefix.bucket, prefix.key + name), name

    def _fetch(self, source: Location, path: Path) -> None:
        answer = self._client.get_object(Bucket=source.bucket, Key=source.key)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            shutil.copyfileobj(answer["Body"], file)


def _read_manifest(content: bytes, manifest: Location) -> tuple[Location, list[str]]:
    try:
        document: Any = json.loads(content)
        first, *names = document
        prefix = Location.parse(first["prefix"])
    except (ValueError, TypeError, KeyError, UnicodeError) as err:
        raise StorageError(f"{manifest} is no manifest: {err}") from err
    if not all(isinstance(name, str) for name in names):
        raise StorageError(f"{manifest} is no manifest: it lists something that is no name")
    return prefix, names


def _inside(folder: Path, name: str, source: Location) -> Path:
    parts = PurePosixPath(name).parts
    if not parts or parts[0] == "/" or ".." in parts or "\0" in name:
        raise StorageError(f"{source} would be written outside the folder of its input")
    return folder.joinpath(*parts)
