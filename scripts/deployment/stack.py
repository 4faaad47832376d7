"""CloudFormation as this project uses it: always by a change set, never blindly, with a limit on every wait.

The zip and the template go to a bucket first, each under the hash of its content. So a package that did not change
makes an empty change set, what an older template names stays where it is, and the way back needs no build.
"""

import base64
import hashlib
import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

if TYPE_CHECKING:
    import boto3

DELETED: Final = "DELETE_COMPLETE"
STILLBORN: Final = frozenset({"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"})
"""Of a creation that failed: such a stack cannot be changed, only removed."""
STUCK: Final = "UPDATE_ROLLBACK_FAILED"
SETTLED: Final = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"})
DONE: Final = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE"})
_NEW: Final = (None, DELETED, "REVIEW_IN_PROGRESS")
_NOT_THERE: Final = "does not exist"
_NOTHING_TO_DO: Final = ("didn't contain changes", "No updates are to be performed")
_HIDDEN: Final = "****"
"""What is told in place of a hidden parameter."""
_CAPABILITIES: Final = ("CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND")
_MOST_PAGES: Final = 40
_MOST_TRIGGERS: Final = 5
"""Alarms that CloudFormation watches at once."""
_PROPOSE_SECONDS: Final = 300.0
_EVENT: Final = ("LogicalResourceId", "ResourceType", "ResourceStatus", "ResourceStatusReason")


class DeployFailed(Exception):
    """The stack was not deployed. The message lists what failed, as CloudFormation tells it."""


class NotSettled(DeployFailed):
    """A change was begun, and is not made and not taken back: it goes on, or it is stuck half-way."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that became of a resource."""

    resource: str
    type: str
    status: str
    reason: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change set that is ready to be carried out."""

    name: str
    kind: str
    """``CREATE`` or ``UPDATE``."""
    described: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Watched:
    """What calls a change back while it is made, and for a while after."""

    alarms: Sequence[str] = ()
    """Their ARNs."""
    minutes: int = 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a stack shall be."""

    template_key: str
    """Of the template in the bucket."""
    parameters: Mapping[str, str]


def _untold(event: Event) -> None:
    """Where nobody wants to hear of events."""


def hidden(template: Mapping[str, Any]) -> set[str]:
    """The parameters that CloudFormation shows to nobody: who knows one can do something with it."""
    return {name for name, about in template.get("Parameters", {}).items() if about.get("NoEcho")}


def open_of(template: Mapping[str, Any], parameters: Mapping[str, str]) -> dict[str, str]:
    """The others: what may be shown, written down and hashed."""
    kept_back = hidden(template)
    return {name: value for name, value in parameters.items() if name not in kept_back}


@dataclass
class Stack:
    """One stack, and the bucket that its packages are in."""

    name: str
    bucket: str
    session: "boto3.Session"
    endpoint: str | None = None
    """Of a local AWS; None is AWS itself."""
    role: str = ""
    """The ARN of what CloudFormation makes things by; empty leaves it to the caller's own rights."""
    seconds: float = 3_600.0
    """How long a change may take at most."""
    every: float = 3.0
    """Seconds between two looks."""
    _clients: dict[str, Any] = field(default_factory=dict, repr=False)

    def client(self, service: str) -> Any:
        """A client for one of AWS' services, made once."""
        if service not in self._clients:
            named: Any = service
            self._clients[service] = self.session.client(named, endpoint_url=self.endpoint)
        return self._clients[service]

    # --- what is there -------------------------------------------------------------------------------------------

    def status(self) -> str | None:
        """As CloudFormation names it; None where there is no such stack."""
        described = self._described()
        return str(described["StackStatus"]) if described else None

    def outputs(self) -> dict[str, str]:
        """By name; none where there is no stack."""
        return {each["OutputKey"]: each["OutputValue"] for each in (self._described() or {}).get("Outputs", [])}

    def parameters(self) -> dict[str, str]:
        """As they were last given; none where there is no stack."""
        given = (self._described() or {}).get("Parameters", [])
        return {each["ParameterKey"]: each.get("ParameterValue", "") for each in given}

    def template(self) -> str:
        """As it was given, before CloudFormation transformed it; empty where there is no stack yet."""
        if self.status() in _NEW:
            return ""
        body = self.client("cloudformation").get_template(StackName=self.name, TemplateStage="Original")["TemplateBody"]
        return body if isinstance(body, str) else json.dumps(body)

    def resources(self) -> dict[str, str]:
        """The physical id of each logical id."""
        pages = self.client("cloudformation").get_paginator("list_stack_resources")
        listed = pages.paginate(StackName=self.name, PaginationConfig={"MaxItems": _MOST_PAGES * 100})
        return {
            each["LogicalResourceId"]: each["PhysicalResourceId"]
            for page in listed
            for each in page["StackResourceSummaries"]
            if each.get("PhysicalResourceId")
        }

    def _described(self) -> Mapping[str, Any] | None:
        from botocore.exceptions import ClientError

        try:
            (stack,) = self.client("cloudformation").describe_stacks(StackName=self.name)["Stacks"]
        except ClientError as error:
            if _NOT_THERE in str(error):
                return None
            raise
        found: Mapping[str, Any] = stack
        return found

    # --- what shall be -------------------------------------------------------------------------------------------

    def upload(self, package: Path, parameters: Mapping[str, str]) -> str:
        """Put the zip and the template that names it into the bucket; the template's key. Raises DeployFailed.

        A version of `api` is published, and the gateway deployed anew, where something of them changes in the template.
        What they have from parameters does not show there: so the function says which it is made with, and the gateway
        its name, which decides whether it has another address besides.
        """
        code = (package / "deployment.zip").read_bytes()
        code_key = self._put(code, "zip")
        template = yaml.safe_load((package / "sam.yaml").read_text())
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
        """Put a template into the bucket; its key. CloudFormation takes none as large as ours but from there."""
        return self._put(template.encode(), "json")

    def kept(self, key: str) -> dict[str, Any]:
        """A template of the bucket."""
        found: dict[str, Any] = json.loads(self.client("s3").get_object(Bucket=self.bucket, Key=key)["Body"].read())
        return found

    def _address(self, key: str) -> str:
        """Where CloudFormation finds what lies in the bucket under that key."""
        if self.endpoint:
            return f"{self.endpoint}/{self.bucket}/{key}"
        return f"https://{self.bucket}.s3.{self.session.region_name}.amazonaws.com/{key}"

    def _put(self, content: bytes, suffix: str) -> str:
        """The key: the content's hash, below the stack's name, where who releases another stage cannot write. S3
        refuses what arrives otherwise than it was sent.
        """
        from botocore.exceptions import ClientError

        digest = hashlib.sha256(content)
        key = f"{self.name}/{digest.hexdigest()}.{suffix}"
        s3 = self.client("s3")
        try:
            s3.head_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") != 404:  # noqa: PLR2004 - not found
                raise DeployFailed(f"The bucket {self.bucket} cannot be read: {error}") from error
            checksum = base64.b64encode(digest.digest()).decode()
            s3.put_object(Bucket=self.bucket, Key=key, Body=content, ChecksumSHA256=checksum)
        return key

    def propose(self, wanted: Wanted, watched: Watched = Watched()) -> Proposal | None:
        """A change set for what is wanted; None where the stack is that already. Raises DeployFailed."""
        from botocore.exceptions import ClientError

        cloudformation = self.client("cloudformation")
        name = f"change-{int(time.time() * 1000)}"
        kind = "CREATE" if self.status() in _NEW else "UPDATE"
        triggers = [{"Arn": each, "Type": "AWS::CloudWatch::Alarm"} for each in watched.alarms[:_MOST_TRIGGERS]]
        guarded: dict[str, Any] = {"RollbackTriggers": triggers, "MonitoringTimeInMinutes": watched.minutes}
        try:
            cloudformation.create_change_set(
                StackName=self.name,
                ChangeSetName=name,
                ChangeSetType=kind,
                Parameters=self._told(wanted),
                Capabilities=list(_CAPABILITIES),
                RollbackConfiguration=guarded,
                **self._by_role(),
                TemplateURL=self._address(wanted.template_key),
            )
        except ClientError as error:
            raise DeployFailed(f"CloudFormation refused the template or its parameters: {error}") from error
        made = self._made(name)
        reason = made.get("StatusReason", "")
        if made["Status"] == "CREATE_COMPLETE":
            return Proposal(name, kind, self._described_changes(name))
        self.withdraw(Proposal(name, kind, ()))
        if any(text in reason for text in _NOTHING_TO_DO):
            return None
        raise DeployFailed(f"CloudFormation refused the template: {reason}")

    def _by_role(self) -> dict[str, str]:
        return {"RoleARN": self.role} if self.role else {}

    def _told(self, wanted: Wanted) -> list[dict[str, Any]]:
        """The parameters. One that is hidden, and not given, stays as it is: nobody can read it to give it again."""
        template, has = self.kept(wanted.template_key), self.parameters()
        given = {name: value for name, value in wanted.parameters.items() if value != _HIDDEN}
        stay = (hidden(template) & has.keys()) - given.keys()
        return [
            *({"ParameterKey": name, "ParameterValue": value} for name, value in sorted(given.items())),
            *({"ParameterKey": name, "UsePreviousValue": True} for name in sorted(stay)),
        ]

    def withdraw(self, proposal: Proposal) -> None:
        """Let the change set go, with the empty stack that only it was the beginning of."""
        cloudformation = self.client("cloudformation")
        cloudformation.delete_change_set(StackName=self.name, ChangeSetName=proposal.name)
        if self.status() == "REVIEW_IN_PROGRESS":
            self.remove()

    def _made(self, name: str) -> Mapping[str, Any]:
        deadline = time.monotonic() + _PROPOSE_SECONDS
        while time.monotonic() < deadline:
            made: Mapping[str, Any] = self.client("cloudformation").describe_change_set(
                StackName=self.name, ChangeSetName=name
            )
            if made["Status"] in ("CREATE_COMPLETE", "FAILED"):
                return made
            time.sleep(min(self.every, 1.0))
        raise DeployFailed(f"CloudFormation has not made the change set {name} in {_PROPOSE_SECONDS:.0f} s.")

    def _described_changes(self, name: str) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        more: dict[str, str] = {}
        for _ in range(_MOST_PAGES):
            page = self.client("cloudformation").describe_change_set(StackName=self.name, ChangeSetName=name, **more)
            found += page["Changes"]
            if not page.get("NextToken"):
                return found
            more = {"NextToken": page["NextToken"]}
        raise DeployFailed(f"The change set {name} has more than {_MOST_PAGES} pages.")

    # --- what is done --------------------------------------------------------------------------------------------

    def carry_out(self, proposal: Proposal, told: Callable[[Event], None] = _untold) -> None:
        """Make the change and wait until it is made. Raises DeployFailed where CloudFormation has rolled it back, and
        NotSettled where that failed too or takes too long.
        """
        from botocore.exceptions import ClientError

        since = self._newest_event()
        try:
            self.client("cloudformation").execute_change_set(StackName=self.name, ChangeSetName=proposal.name)
        except ClientError as error:
            raise DeployFailed(f"CloudFormation did not carry out the change: {error}") from error
        status = self._settled(since, told)
        if status not in DONE:
            failed = DeployFailed if status in (*SETTLED, *STILLBORN, DELETED) else NotSettled
            raise failed(f"{self.name} is {status}.\n{self._failures(since)}")

    def _settled(self, since: str, told: Callable[[Event], None] = _untold) -> str:
        """The status of the stack once nothing is under way. Raises NotSettled where that takes too long."""
        deadline = time.monotonic() + self.seconds
        seen: set[str] = set()
        status = "unknown"
        while time.monotonic() < deadline:
            status = self.status() or DELETED
            for number, event in self._events(since):
                if number not in seen:
                    seen.add(number)
                    told(event)
            if not status.endswith("_IN_PROGRESS"):
                return status
            time.sleep(self.every)
        raise NotSettled(f"{self.name} is still {status} after {self.seconds:.0f} s.\n{self._failures(since)}")

    def _failures(self, since: str) -> str:
        """What failed since, a line each, the first first."""
        lines = [
            f"  {each.resource} ({each.type}): {each.reason}"
            for _, each in self._events(since)
            if each.status.endswith("FAILED")
        ]
        return "\n".join(lines) or "  (CloudFormation gives no reason)"

    def _newest_event(self) -> str:
        """Its number. Events are told apart by it and not by the time: clocks differ."""
        listed = self.client("cloudformation").describe_stack_events(StackName=self.name)["StackEvents"]
        return str(listed[0]["EventId"]) if listed else ""

    def _events(self, since: str) -> list[tuple[str, Event]]:
        """Those after that one, the oldest first, each with its number."""
        found: list[tuple[str, Event]] = []
        pages = self.client("cloudformation").get_paginator("describe_stack_events")
        for page in pages.paginate(StackName=self.name, PaginationConfig={"MaxItems": _MOST_PAGES * 100}):
            for each in page["StackEvents"]:
                if each["EventId"] == since:
                    return found[::-1]
                what = (each.get(key, "") for key in _EVENT)
                found.append((each["EventId"], Event(*what)))
        return found[::-1]

    def remove(self) -> None:
        """Remove what is left of a creation that failed, or was only proposed. Raises DeployFailed.

        No stack that ever stood is removed here.
        """
        since = self._newest_event()
        self.client("cloudformation").delete_stack(StackName=self.name, **self._by_role())
        deadline = time.monotonic() + self.seconds
        while (status := self.status()) not in (None, DELETED):
            if status == "DELETE_FAILED" or time.monotonic() > deadline:
                raise DeployFailed(f"{self.name} could not be removed: {status}.\n{self._failures(since)}")
            time.sleep(self.every)

    def go_on_rolling_back(self, skipped: Collection[str]) -> str:
        """Of a stack whose rollback failed: try again, without the ``skipped``. The status it then has."""
        since = self._newest_event()
        more: dict[str, Any] = {"ResourcesToSkip": sorted(skipped)} if skipped else {}
        self.client("cloudformation").continue_update_rollback(StackName=self.name, **more, **self._by_role())
        return self._settled(since)
