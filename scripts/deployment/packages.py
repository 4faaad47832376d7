"""The bucket that a stage's packages are in: zips and templates under their hashes, and what was released.

All of it lies below the stack's name, where who releases another stage cannot write. What was put under a hash is never
changed, so what an older template names stays where it is, and the way back needs no build.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from scripts.deployment import history
from scripts.deployment.failures import DeployFailed
from scripts.deployment.history import Release
from scripts.deployment.settings import open_of

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

_MOST_LISTED: Final = 50_000
"""Releases whose names are read: S3 lists the oldest first."""
_REFUSED: Final = {
    404: "There is no bucket {bucket}. infra/bootstrap.yaml makes it (docs/deployment.md), or --bucket names another.",
    403: "The bucket {bucket} is not open to you, or is of another account: a package would be theirs.",
}


@dataclass(frozen=True, slots=True)
class Packages:
    """What lies in the bucket below the name of one stack."""

    bucket: str
    name: str
    """Of the stack."""
    s3: Any
    """A client."""
    address: str
    """Of the bucket, as CloudFormation finds it."""
    owner: str = ""
    """The account that the bucket must be of; empty is any. Its name is one that anybody could have taken."""

    def upload(self, package: Path, parameters: Mapping[str, str]) -> str:
        """Put the zip and the template that names it there; the template's key. Raises DeployFailed.

        A version of `api` is published, and the gateway deployed anew, where something of them changes in the template.
        What they have from parameters does not show there: so the function says which it is made with, and the gateway
        its name, which decides whether it has another address besides.
        """
        template = yaml.safe_load((package / "sam.yaml").read_text())
        code_key = self._put((package / "deployment.zip").read_bytes(), "zip")
        for resource in template["Resources"].values():
            if resource["Type"] == "AWS::Serverless::Function":
                resource["Properties"]["CodeUri"] = f"s3://{self.bucket}/{code_key}"
        told = json.dumps(sorted(open_of(template, parameters).items())).encode()
        resources = template["Resources"]
        resources["APIHandler"]["Properties"]["Description"] = f"Parameters {hashlib.sha256(told).hexdigest()[:16]}"
        if name := parameters.get("ApiDomain"):
            resources["RestAPI"]["Properties"]["DefinitionBody"]["info"]["description"] = f"At {name}"
        return self.keep(json.dumps(template, separators=(",", ":")))

    def keep(self, template: str) -> str:
        """Put a template there; its key. CloudFormation takes none as large as ours but from there."""
        return self._put(template.encode(), "json")

    def kept(self, key: str) -> dict[str, Any]:
        """A template that lies there."""
        found: dict[str, Any] = json.loads(self._get(key))
        return found

    def url(self, key: str) -> str:
        """Where CloudFormation finds what lies there under that key."""
        return f"{self.address}/{key}"

    def write(self, release: Release) -> None:
        """Write a release down, in the place of what was written of it before."""
        body = json.dumps(history.written(release), indent=2, sort_keys=True).encode()
        self.s3.put_object(Bucket=self.bucket, Key=f"{self._place}{release.at}.json", Body=body, **self._ours())

    def releases(self, most: int = 40) -> list[Release]:
        """The newest first. Raises DeployFailed."""
        from botocore.exceptions import ClientError

        pages = self.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=self._place, PaginationConfig={"MaxItems": _MOST_LISTED}, **self._ours()
        )
        try:
            keys = sorted((each["Key"] for page in pages for each in page.get("Contents", ())), reverse=True)[:most]
        except ClientError as error:
            raise self._unusable(error) from error
        return [history.read(json.loads(self._get(key))) for key in keys]

    @property
    def _place(self) -> str:
        return f"{self.name}/releases/"

    def _get(self, key: str) -> bytes:
        found: bytes = self.s3.get_object(Bucket=self.bucket, Key=key, **self._ours())["Body"].read()
        return found

    def _put(self, content: bytes, suffix: str) -> str:
        """The key: the content's hash. S3 refuses what arrives otherwise than it was sent."""
        from botocore.exceptions import ClientError

        digest = hashlib.sha256(content)
        key = f"{self.name}/{digest.hexdigest()}.{suffix}"
        try:
            self.s3.head_object(Bucket=self.bucket, Key=key, **self._ours())
        except ClientError as error:
            if _status(error) != 404:  # noqa: PLR2004 - not found: neither, perhaps, is the bucket
                raise self._unusable(error) from error
        else:
            return key
        checksum = base64.b64encode(digest.digest()).decode()
        try:
            self.s3.put_object(Bucket=self.bucket, Key=key, Body=content, ChecksumSHA256=checksum, **self._ours())
        except ClientError as error:
            raise self._unusable(error) from error
        return key

    def _ours(self) -> dict[str, str]:
        return {"ExpectedBucketOwner": self.owner} if self.owner else {}

    def _unusable(self, error: "ClientError") -> DeployFailed:
        why = _REFUSED.get(_status(error), "The bucket {bucket} cannot be used.").format(bucket=self.bucket)
        return DeployFailed(f"{why} ({error})")


def _status(error: "ClientError") -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
