"""Dropping: local files and folders become objects below `incoming/<pipeline>/`."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from dropforge_core.naming import INCOMING

from dropforge.content import files_below
from dropforge.errors import InputError
from dropforge.target import Target

_UPLOADS_AT_ONCE = 4
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
_KEY_BYTES = 1024


@dataclass(frozen=True)
class Source:
    """A file, the key that it is to get, and its size in bytes."""

    path: Path
    key: str
    size: int


@dataclass(frozen=True)
class Dropped:
    """One version of an object, as it was uploaded."""

    key: str
    version_id: str

    def document(self) -> dict[str, str]:
        """Return what `--json` prints of it."""
        return {"key": self.key, "version_id": self.version_id}


def gather(pipeline: str, paths: Iterable[Path]) -> list[Source]:
    """List what these files and folders become; hidden files of folders are left out.

    Raises:
        InputError: a path is not there or unreadable, a file is empty, a folder holds no file,
            a name cannot be a key, or two files would become the same object.
    """
    sources: dict[str, Source] = {}
    for path in paths:
        for file, name in _named(path):
            source = _source(file, f"{INCOMING}{pipeline}/{name}")
            if source.key in sources:
                other = sources[source.key].path
                raise InputError(f"{file} and {other} would both become {source.key}: rename one.")
            sources[source.key] = source
    return list(sources.values())


def upload(target: Target, sources: list[Source]) -> list[Dropped]:
    """Upload all, several at once, large ones in parts; return them in the same order."""
    bucket = target.output("DataBucketName")

    def one(source: Source) -> Dropped:
        target.s3.upload_file(str(source.path), bucket, source.key)
        # The transfer manager does not tell the version that it made.
        head = target.s3.head_object(Bucket=bucket, Key=source.key)
        return Dropped(source.key, head["VersionId"])

    with ThreadPoolExecutor(_UPLOADS_AT_ONCE) as uploads:
        return list(uploads.map(one, sources))


def _named(path: Path) -> Iterator[tuple[Path, str]]:
    if path.is_file():
        yield path, path.name
        return
    if not path.is_dir():
        what = "is neither a file nor a folder" if path.exists() else "there is no such file"
        raise InputError(f"{path}: {what}.")
    files = list(files_below(path))
    if not files:
        raise InputError(f"{path}: the folder holds no files.")
    for file in files:
        yield file, file.relative_to(path).as_posix()


def _source(path: Path, key: str) -> Source:
    try:
        with path.open("rb") as file:
            file.read(1)
        size = path.stat().st_size
    except OSError as err:
        raise InputError(f"{path}: cannot be read: {err.strerror}.") from err
    if size == 0:
        raise InputError(f"{path}: is empty: there is nothing to learn from it.")
    try:
        length = len(key.encode())
    except UnicodeEncodeError as err:
        raise InputError(f"{path}: its name is not UTF-8, which S3's keys are: rename it.") from err
    if length > _KEY_BYTES:
        raise InputError(f"{path}: its key would be longer than S3's {_KEY_BYTES} bytes.")
    return Source(path, key, size)
