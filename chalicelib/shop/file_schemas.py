"""What the endpoints of files take and give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Self

from pydantic import ConfigDict, Field, StringConstraints

from chalicelib.kernel.time import Millis, rfc3339
from chalicelib.runtime.schemas import Id, Schema
from chalicelib.shop.model.file import MOST_BYTES, NAME_LENGTH, File, FileType, Upload

if TYPE_CHECKING:
    from chalicelib.gateways.objects import UploadForm
    from chalicelib.shop.downloads import Opened
    from chalicelib.shop.model.download import Download

_DIGEST: Final = "a7" * 32
_Sha256 = Annotated[
    str, StringConstraints(pattern=r"^[0-9a-f]{64}$"), Field(description="Of its bytes, in hexadecimal, small letters.")
]


class NewFile(Schema):
    """What the file is, to the byte: 100 MB at most."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "Guide.pdf", "media_type": "application/pdf", "size": 52_000, "sha256": _DIGEST}]
        }
    )

    name: Annotated[str, Field(min_length=1, max_length=2 * NAME_LENGTH, description="What buyers keep it as.")]
    media_type: FileType
    size: Annotated[int, Field(ge=1, le=MOST_BYTES, description="Bytes.")]
    sha256: _Sha256


class FileFormView(Schema):
    """Post the file to `url` as a form until `expires_at`: `fields` first, then it as `file`."""

    id: Annotated[str, Field(description="For `upload`, within a day.")]
    url: str
    fields: dict[str, str]
    expires_at: str

    @classmethod
    def of(cls, upload: Upload, form: UploadForm, until: Millis) -> Self:
        return cls(id=upload.file.id, url=form.url, fields=dict(form.fields), expires_at=rfc3339(until))


class UploadedFile(Schema):
    """What was uploaded."""

    upload: Annotated[Id, Field(description="The id of `POST` here.")]


class FileView(Schema):
    """The file of a digital product."""

    name: Annotated[str, Field(description="What buyers keep it as.")]
    media_type: FileType
    size: Annotated[int, Field(description="Bytes.")]
    sha256: str

    @classmethod
    def of(cls, file: File) -> Self:
        return cls(name=file.name, media_type=file.media_type, size=file.size, sha256=file.sha256)


class DownloadLink(Schema):
    """An address that its buyer's token opens, three times until `expires_at`."""

    id: str
    url: str
    expires_at: str
    left: Annotated[int, Field(description="How often the item can be downloaded, by whatever link.")]

    @classmethod
    def of(cls, download: Download, left: int, base_url: str) -> Self:
        url = f"{base_url}/v1/downloads/{download.id}"
        return cls(id=download.id, url=url, expires_at=rfc3339(download.expires_at), left=left)


class OpenedDownload(Schema):
    """A file, and where it is to be fetched until `expires_at`, without a token."""

    url: str
    expires_at: str
    name: str
    size: Annotated[int, Field(description="Bytes.")]
    sha256: Annotated[str, Field(description="Compare with what was fetched.")]
    left: Annotated[int, Field(description="How often the item can be downloaded after this.")]

    @classmethod
    def of(cls, opened: Opened) -> Self:
        file = opened.file
        return cls(
            url=opened.url,
            expires_at=rfc3339(opened.expires_at),
            name=file.name,
            size=file.size,
            sha256=file.sha256,
            left=opened.left,
        )
