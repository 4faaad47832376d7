"""Where a backup lies: a folder of this computer, or one in S3."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, Final, Protocol, cast

from botocore.exceptions import ClientError

from chalicelib.runtime.aws import client
from scripts.backup.model import DamagedError

S3: Final = "s3://"
_SECONDS: Final = 60.0
_ATTEMPTS: Final = 5
_IN_MEMORY: Final = 8 * 1024 * 1024
_MISSING: Final = frozenset({"NoSuchKey", "NoSuchBucket", "404"})
_IS_THERE: Final = frozenset({"PreconditionFailed", "412"})


class Place(Protocol):
    """Names within it are relative, with ``/`` between their parts."""

    def has(self, name: str) -> bool:
        """Whether there is such a file."""

    @contextmanager
    def reading(self, name: str) -> Iterator[BinaryIO]:
        """The file, open. Raises DamagedError where there is none."""

    def write(self, name: str, content: bytes) -> None:
        """Whole or not at all."""

    def take(self, bucket: str, key: str, name: str) -> None:
        """Keep a copy of an object under this name."""


class Folder:
    """For its owner only: it holds what people confided."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def has(self, name: str) -> bool:
        return (self._path / name).exists()

    @contextmanager
    def reading(self, name: str) -> Iterator[BinaryIO]:
        try:
            file = (self._path / name).open("rb")
        except OSError:
            raise DamagedError(f"There is no {name} in {self._path}.") from None
        with file:
            yield file

    def write(self, name: str, content: bytes) -> None:
        with self._fresh(name) as file:
            file.write(content)

    def take(self, bucket: str, key: str, name: str) -> None:
        found = s3().get_object(Bucket=bucket, Key=key)
        with self._fresh(name) as file:
            shutil.copyfileobj(found["Body"], file)

    @contextmanager
    def _fresh(self, name: str) -> Iterator[BinaryIO]:
        path = self._path / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        half = path.with_name(f"{path.name}.half")
        with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            yield file
        half.replace(path)


class Prefix:
    """What begins so in a bucket."""

    def __init__(self, bucket: str, prefix: str) -> None:
        self.bucket, self.prefix = bucket, prefix

    def has(self, name: str) -> bool:
        try:
            s3().head_object(Bucket=self.bucket, Key=self._key(name))
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                return False
            raise
        return True

    @contextmanager
    def reading(self, name: str) -> Iterator[BinaryIO]:
        try:
            found = s3().get_object(Bucket=self.bucket, Key=self._key(name))
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                raise DamagedError(f"There is no {name} in {S3}{self.bucket}/{self.prefix}.") from None
            raise
        with found["Body"] as body:
            yield body

    def write(self, name: str, content: bytes) -> None:
        s3().put_object(Bucket=self.bucket, Key=self._key(name), Body=content)

    def take(self, bucket: str, key: str, name: str) -> None:
        s3().copy_object(Bucket=self.bucket, Key=self._key(name), CopySource={"Bucket": bucket, "Key": key})

    def _key(self, name: str) -> str:
        return f"{self.prefix}/{name}" if self.prefix else name


def place_of(written: str) -> Place:
    """``s3://bucket/folder``, or a path."""
    if written.startswith(S3):
        bucket, _, prefix = written.removeprefix(S3).partition("/")
        return Prefix(bucket, prefix.strip("/"))
    return Folder(Path(written))


def give_back(place: Place, name: str, bucket: str, key: str, media_type: str) -> bool:
    """Put an object back where there is none; False where there is one, which stays as it is."""
    with place.reading(name) as content, SpooledTemporaryFile(_IN_MEMORY) as whole:
        shutil.copyfileobj(content, whole)
        whole.seek(0)
        try:
            s3().put_object(
                Bucket=bucket, Key=key, Body=cast("BinaryIO", whole), ContentType=media_type, IfNoneMatch="*"
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in _IS_THERE:
                return False
            raise
    return True


def s3() -> Any:
    return client("s3", attempts=_ATTEMPTS, signature="s3v4", read_seconds=_SECONDS)
