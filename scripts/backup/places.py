"""Where a backup lies: a folder of this computer, or one in S3."""

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, Final, Protocol, cast

from botocore.exceptions import ClientError

from chalicelib.runtime.aws import client
from scripts.backup import model
from scripts.backup.model import DamagedError

S3: Final = "s3://"
_SECONDS: Final = 60.0
_ATTEMPTS: Final = 5
_IN_MEMORY: Final = 8 * 1024 * 1024
_CHUNK: Final = 1024 * 1024
_LARGEST_OBJECT: Final = 5 * 1024 * _CHUNK
"""What S3 takes in one piece."""
_PLAIN: Final = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""No link is followed, and nobody waits for the other end of a pipe."""
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

    def take(self, bucket: str, key: str, name: str) -> str | None:
        """Keep a copy of an object under this name; the digest of what was kept, where it came by here."""


class Folder:
    """For its owner only: it holds what people confided."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def has(self, name: str) -> bool:
        return (self._path / name).exists()

    @contextmanager
    def reading(self, name: str) -> Iterator[BinaryIO]:
        with os.fdopen(self._plain_file(name), "rb") as file:
            yield file

    def _plain_file(self, name: str) -> int:
        """The file, open. A link or a pipe that somebody put there leads nowhere and is not waited for."""
        path = self._path / name
        try:
            leads_elsewhere = os.path.realpath(path) != os.path.join(os.path.realpath(self._path), name)
            opened = os.open(path, os.O_RDONLY | _PLAIN)
        except OSError as failed:
            if failed.errno != errno.ELOOP:
                raise DamagedError(f"There is no {name} in {self._path}.") from None
            leads_elsewhere, opened = True, -1
        if leads_elsewhere or not stat.S_ISREG(os.fstat(opened).st_mode):
            if opened >= 0:
                os.close(opened)
            raise DamagedError(f"{path} is a link, a pipe or something else that no backup holds: it is not read.")
        return opened

    def write(self, name: str, content: bytes) -> None:
        with self._fresh(name) as file:
            file.write(content)

    def take(self, bucket: str, key: str, name: str) -> str | None:
        found = s3().get_object(Bucket=bucket, Key=key)
        with self._fresh(name) as file:
            return _copied(found["Body"], file, name)

    @contextmanager
    def _fresh(self, name: str) -> Iterator[BinaryIO]:
        path = self._path / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        half = path.with_name(f"{path.name}.half")
        half.unlink(missing_ok=True)
        try:
            with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _PLAIN, 0o600), "wb") as file:
                yield file
            half.replace(path)
        except BaseException:
            half.unlink(missing_ok=True)  # a full disk has room again for who looks why
            raise


def _copied(source: Any, to: BinaryIO, name: str) -> str:
    """The digest of what was copied. Raises DamagedError where there is more than S3 would take."""
    digest = hashlib.sha256()
    for _ in range(_LARGEST_OBJECT // _CHUNK + 1):
        chunk = source.read(_CHUNK)
        if not chunk:
            return digest.hexdigest()
        digest.update(chunk)
        to.write(chunk)
    raise DamagedError(f"{name} is larger than any object of ours.")


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

    def take(self, bucket: str, key: str, name: str) -> str | None:
        s3().copy_object(Bucket=self.bucket, Key=self._key(name), CopySource={"Bucket": bucket, "Key": key})
        return None  # it goes from S3 to S3, which keeps digests of its own

    def _key(self, name: str) -> str:
        return f"{self.prefix}/{name}" if self.prefix else name


def place_of(written: str) -> Place:
    """``s3://bucket/folder``, or a path."""
    if written.startswith(S3):
        bucket, _, prefix = written.removeprefix(S3).partition("/")
        return Prefix(bucket, prefix.strip("/"))
    return Folder(Path(written))


def give_back(place: Place, name: str, bucket: str, told: model.Object) -> bool:
    """Put an object back where there is none; False where there is one, which stays as it is.

    Raises DamagedError where it is not what was kept.
    """
    with place.reading(name) as content, SpooledTemporaryFile(_IN_MEMORY) as whole:
        digest = _copied(content, cast("BinaryIO", whole), name)
        if told.size not in (None, whole.tell()) or told.sha256 not in (None, digest):
            raise DamagedError(f"{name} is not what was kept: its size or its digest is another.")
        whole.seek(0)
        try:
            s3().put_object(
                Bucket=bucket, Key=told.key, Body=cast("BinaryIO", whole), ContentType=told.type, IfNoneMatch="*"
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in _IS_THERE:
                return False
            raise
    return True


def s3() -> Any:
    return client("s3", attempts=_ATTEMPTS, signature="s3v4", read_seconds=_SECONDS)
