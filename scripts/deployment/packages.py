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
_LARGEST: Final = 4 * 1024 * 1024
"""Bytes of a template, or of what is written down of a release: CloudFormation takes a megabyte."""
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
        template = template_of(package)
        if "APIHandler" not in template["Resources"]:
            raise _no_package(package, "its template has no api")
        try:
            code = (package / "deployment.zip").read_bytes()
        except OSError as error:
            raise _no_package(package, str(error)) from None
        code_key = self._put(code, "zip")
        resources = template["Resources"]
        for resource in resources.values():
            if resource.get("Type") == "AWS::Serverless::Function":
                resource["Properties"]["CodeUri"] = f"s3://{self.bucket}/{code_key}"
        told = json.dumps(sorted(open_of(template, parameters).items())).encode()
        resources["APIHandler"]["Properties"]["Description"] = f"Parameters {hashlib.sha256(told).hexdigest()[:16]}"
        if name := parameters.get("ApiDomain"):
            resources["RestAPI"]["Properties"]["DefinitionBody"]["info"]["description"] = f"At {name}"
        return self.keep(json.dumps(template, separators=(",", ":")))

    def keep(self, template: str) -> str:
        """Put a template there; its key. CloudFormation takes none as large as ours but from there."""
        return self._put(template.encode(), "json")

    def kept(self, key: str) -> dict[str, Any]:
        """A template that lies there. Raises DeployFailed."""
        try:
            found: dict[str, Any] = json.loads(self._get(key))
        except (ValueError, RecursionError) as error:
            raise DeployFailed(
                f"The template at s3://{self.bucket}/{key} is not of this command: {error}. Where the stack stands by "
                "it, somebody changed that by other means; deploy by those, or by its template as JSON."
            ) from None
        return found

    def url(self, key: str) -> str:
        """Where CloudFormation finds what lies there under that key."""
        return f"{self.address}/{key}"

    def write(self, release: Release) -> None:
        """Write a release down, in the place of what was written of it before."""
        body = json.dumps(history.written(release), indent=2, sort_keys=True).encode()
        self.s3.put_object(Bucket=self.bucket, Key=self._key(release), Body=body, **self._ours())

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
        return [self._release(key) for key in keys]

    def _release(self, key: str) -> Release:
        try:
            found = history.read(json.loads(self._get(key)))
        except (ValueError, RecursionError) as error:
            raise self._damaged(key, str(error)) from None
        if key != self._key(found) or not found.template_key.startswith(f"{self.name}/"):
            raise self._damaged(key, "it is another's")
        return found

    def _damaged(self, key: str, why: str) -> DeployFailed:
        return DeployFailed(
            f"s3://{self.bucket}/{key} is not what a release of {self.name} is written down as: {why}. Where a later "
            "version of this program wrote it, go on with that; else mend it, or take it away."
        )

    def _key(self, release: Release) -> str:
        return f"{self._place}{release.at}.json"

    @property
    def _place(self) -> str:
        return f"{self.name}/releases/"

    def _get(self, key: str) -> bytes:
        """Raises DeployFailed for what is larger than anything that is put there, but a zip."""
        found: bytes = self.s3.get_object(Bucket=self.bucket, Key=key, **self._ours())["Body"].read(_LARGEST + 1)
        if len(found) > _LARGEST:
            raise DeployFailed(f"s3://{self.bucket}/{key} is larger than this command writes anything.")
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


def template_of(package: Path) -> dict[str, Any]:
    """The template of a package. Raises DeployFailed."""
    try:
        found = yaml.safe_load((package / "sam.yaml").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise _no_package(package, str(error)) from None
    parts = [found.get(part, {}) for part in ("Parameters", "Resources")] if isinstance(found, dict) else [None]
    if not all(isinstance(part, dict) and all(isinstance(each, dict) for each in part.values()) for part in parts):
        raise _no_package(package, "its sam.yaml is no template")
    return {"Parameters": {}, "Resources": {}, **found}


def _no_package(package: Path, why: str) -> DeployFailed:
    return DeployFailed(f"{package} is no package: {why}. scripts/package.py --out writes one.")


def _status(error: "ClientError") -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
