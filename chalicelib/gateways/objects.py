"""Files in a private bucket of S3: uploads by a form that limits them, and links that expire.

A form and a link are made here, without a request: whoever holds one may use it until it expires. What a form was
used for is not known until it is looked at: check an object's size and its first bytes before you believe its name.
"""

import base64
import hashlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, Protocol
from urllib.parse import quote

from chalicelib.kernel.errors import Invalid, NotFound, ProviderFailed, Unavailable
from chalicelib.runtime.aws import client, is_passing_fault

_SIGNATURE: Final = "s3v4"
_MOST_PAGES: Final = 10
_NO_OBJECT: Final = frozenset({"NoSuchKey", "404"})
"""What a missing object is called; an answer to HEAD has no body, and so no name for it."""
_IS_THERE: Final = frozenset({"PreconditionFailed", "412"})
_ANOTHER_PUTS_IT: Final = "ConditionalRequestConflict"
_BEGINNING: Final = 512
"""Bytes that tell what a file is."""
_MP4: Final = frozenset({"audio/mp4", "video/mp4"})
_CALLED: Final = {".m4a": _MP4, "video/mp4": _MP4}
"""Whether there are pictures in an MP4 its beginning does not tell: it may be either."""
_CHUNK: Final = 1024 * 1024
_MOST_CHUNKS: Final = 1024
"""No object of ours is larger than that."""


@dataclass(frozen=True, slots=True)
class UploadForm:
    """A form to post to ``url``: ``fields`` first, the file last, as ``file``."""

    url: str
    fields: Mapping[str, str]


class Objects(Protocol):
    """One private bucket."""

    def upload_form(self, key: str, media_type: str, most_bytes: int, seconds: int) -> UploadForm:
        """The right to put one object of that type, of 1 to ``most_bytes`` bytes, at ``key``, for so long."""

    def exact_form(self, key: str, media_type: str, size: int, sha256: str, seconds: int) -> UploadForm:
        """The right to put this very object at ``key``, for so long: of that type, size, and digest in hexadecimal."""

    def link(self, key: str, seconds: int) -> str:
        """An address that shows the object for so long, also where there is none yet."""

    def download(self, key: str, seconds: int, name: str, media_type: str) -> str:
        """An address that gives the object for so long, for a browser to keep under that name and not to show, and as
        of that type, whatever it was stored as. ``name`` holds no quotation mark, backslash or control character.
        """

    def stored(self, key: str) -> tuple[int, str] | None:
        """The object's bytes, and the media type that it was stored under; None where there is none."""

    def beginning(self, key: str, count: int) -> bytes:
        """The first ``count`` bytes, or fewer where the object is shorter."""

    def sha256(self, key: str) -> str | None:
        """The digest of the object's bytes in hexadecimal; None where there is none."""

    def put_file(self, key: str, content: BinaryIO, media_type: str, sha256: str) -> None:
        """Store an object that is too large to hold, in place of what was there. Raises ProviderFailed where its digest
        is another.
        """

    def put(self, key: str, content: bytes, media_type: str) -> None:
        """Store an object, in place of what was there."""

    def put_new(self, key: str, content: bytes, media_type: str) -> bool:
        """Store an object where there is none; False where there is one, which stays as it is."""

    def copy(self, key: str, to: str) -> bool:
        """Store a copy of an object of this bucket, under the same media type; False where there is none."""

    def delete(self, key: str) -> None:
        """Remove the object; success where there is none."""

    def below(self, prefix: str, after: str, limit: int) -> list[str]:
        """Keys of objects that begin so, in their order, behind ``after``: ``limit`` at most, of 1,000."""

    def delete_below(self, prefix: str) -> None:
        """Remove every object whose key begins so, up to 10,000; success where there is none."""


class S3Objects:
    """``Objects`` in a bucket of S3. Each raises Unavailable while S3 is out of reach, ProviderFailed on a refusal."""

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket

    def upload_form(self, key: str, media_type: str, most_bytes: int, seconds: int) -> UploadForm:
        return self._form(key, {"Content-Type": media_type}, (1, most_bytes), seconds)

    def exact_form(self, key: str, media_type: str, size: int, sha256: str, seconds: int) -> UploadForm:
        checksum = {"x-amz-checksum-algorithm": "SHA256", "x-amz-checksum-sha256": _base64(sha256)}
        return self._form(key, {"Content-Type": media_type, **checksum}, (size, size), seconds)

    def _form(self, key: str, fields: Mapping[str, str], sizes: tuple[int, int], seconds: int) -> UploadForm:
        form = _s3().generate_presigned_post(
            self._bucket,
            key,
            Fields=dict(fields),
            Conditions=[*({name: value} for name, value in fields.items()), ["content-length-range", *sizes]],
            ExpiresIn=seconds,
        )
        return UploadForm(form["url"], form["fields"])

    def link(self, key: str, seconds: int) -> str:
        made: str = _s3().generate_presigned_url(
            "get_object", Params={"Bucket": self._bucket, "Key": key}, ExpiresIn=seconds
        )
        return made

    def download(self, key: str, seconds: int, name: str, media_type: str) -> str:
        made: str = _s3().generate_presigned_url(
            "get_object",
            Params={
                "Bucket": self._bucket,
                "Key": key,
                "ResponseContentDisposition": _to_keep(name),
                "ResponseContentType": media_type,
            },
            ExpiresIn=seconds,
        )
        return made

    def stored(self, key: str) -> tuple[int, str] | None:
        found = self._asked("head_object", Key=key)
        return (found["ContentLength"], found["ContentType"]) if found else None

    def beginning(self, key: str, count: int) -> bytes:
        found = self._asked("get_object", Key=key, Range=f"bytes=0-{count - 1}")
        content: bytes = found["Body"].read(count) if found else b""
        return content

    def sha256(self, key: str) -> str | None:
        found = self._asked("head_object", Key=key, ChecksumMode="ENABLED")
        if found is None:
            return None
        kept = found.get("ChecksumSHA256")
        # Of what was put in parts, S3 keeps a digest of digests.
        return base64.b64decode(kept).hex() if kept and "-" not in kept else self._reckoned(key)

    def _reckoned(self, key: str) -> str | None:
        found = self._asked("get_object", Key=key)
        if found is None:
            return None
        digest = hashlib.sha256()
        with _mapped_errors():
            for _ in range(_MOST_CHUNKS):
                chunk = found["Body"].read(_CHUNK)
                if not chunk:
                    return digest.hexdigest()
                digest.update(chunk)
        raise ProviderFailed("The file is larger than any of ours.")

    def put_file(self, key: str, content: BinaryIO, media_type: str, sha256: str) -> None:
        self._asked("put_object", Key=key, Body=content, ContentType=media_type, ChecksumSHA256=_base64(sha256))

    def put(self, key: str, content: bytes, media_type: str) -> None:
        self._asked("put_object", Key=key, Body=content, ContentType=media_type)

    def put_new(self, key: str, content: bytes, media_type: str) -> bool:
        made = self._asked("put_object", Key=key, Body=content, ContentType=media_type, IfNoneMatch="*")
        return made is not None

    def copy(self, key: str, to: str) -> bool:
        return self._asked("copy_object", Key=to, CopySource={"Bucket": self._bucket, "Key": key}) is not None

    def delete(self, key: str) -> None:
        self._asked("delete_object", Key=key)

    def below(self, prefix: str, after: str, limit: int) -> list[str]:
        listed = self._asked("list_objects_v2", Prefix=prefix, StartAfter=after, MaxKeys=limit)
        return [each["Key"] for each in listed.get("Contents", ())]

    def delete_below(self, prefix: str) -> None:
        for _ in range(_MOST_PAGES):
            listed = self._asked("list_objects_v2", Prefix=prefix)
            for each in listed.get("Contents", ()):
                self.delete(each["Key"])
            if not listed["IsTruncated"]:
                return

    def _asked(self, operation: str, **parameters: Any) -> Any:
        """The answer, or None where there is no such object, or there is one that must not be there."""
        from botocore.exceptions import ClientError

        with _mapped_errors():
            try:
                return getattr(_s3(), operation)(Bucket=self._bucket, **parameters)
            except ClientError as error:
                if error.response["Error"]["Code"] not in _NO_OBJECT | _IS_THERE:
                    raise
                return None


@contextmanager
def _mapped_errors() -> Iterator[None]:
    """Turn botocore's failures into Unavailable and ProviderFailed; let a fault of ours through."""
    from botocore.exceptions import ClientError, IncompleteReadError

    try:
        yield
    except Exception as error:
        code = error.response["Error"]["Code"] if isinstance(error, ClientError) else None
        if is_passing_fault(error) or code == _ANOTHER_PUTS_IT or isinstance(error, IncompleteReadError):
            raise Unavailable("Files are out of reach. Try again in a moment.") from error
        if code is None:
            raise
        raise ProviderFailed("The file store refused.") from error


def take_up(
    bucket: Objects, source: str, to: str, most_bytes: int, types: Collection[str], field: str
) -> tuple[int, str]:
    """Copy an upload to where no form reaches, and look at the copy: its bytes, and its media type. May be repeated: a
    copy that is there stays as it is.

    Raises NotFound (nothing was uploaded), Invalid at ``field`` (too large, or by its first bytes not what it was said
    to be); then there is no copy.
    """
    found = bucket.stored(to)
    if found is None:
        if not bucket.copy(source, to):
            raise NotFound("There is no such upload. Post the file to its form first.")
        found = bucket.stored(to)
    size, media_type = found or (0, "")
    fault = None
    if not 0 < size <= most_bytes:
        fault = f"At most {most_bytes} bytes."
    elif media_type not in types or media_type not in types_of(bucket.beginning(to, _BEGINNING)):
        fault = f"One of {', '.join(types)}, and what it was said to be."
    if fault:
        bucket.delete(to)
        raise Invalid(errors=({"field": field, "message": fault},))
    return size, media_type


def types_of(beginning: bytes) -> frozenset[str]:
    """The media types of which a file that begins so may be; none where nobody knows."""
    import puremagic  # reads its table of types, and only who uploads needs it

    try:
        found = puremagic.magic_string(beginning)
    except (puremagic.PureError, ValueError):
        return frozenset()
    called = (_CALLED.get(each.mime_type or each.extension, {each.mime_type}) for each in found)
    return frozenset().union(*called)


def _base64(sha256: str) -> str:
    return base64.b64encode(bytes.fromhex(sha256)).decode()


def _to_keep(name: str) -> str:
    """What has a browser keep a file under that name (RFC 6266): who reads no other letters than ASCII's sees others as
    ``_``.
    """
    plain = "".join(each if each.isascii() else "_" for each in name)
    called = f'attachment; filename="{plain}"'
    return called if name.isascii() else f"{called}; filename*=UTF-8''{quote(name, safe='')}"


def _s3() -> Any:
    return client("s3", signature=_SIGNATURE)
