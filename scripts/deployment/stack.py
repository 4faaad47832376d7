"""CloudFormation as this project uses it: always by a change set, never blindly, with a limit on every wait."""

import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from scripts.deployment import events, states
from scripts.deployment.events import Event
from scripts.deployment.failures import DeployFailed, NotSettled, goes_on_without_us
from scripts.deployment.packages import Packages
from scripts.deployment.settings import hidden
from scripts.deployment.states import DELETED, DONE, NEW, SETTLED, STILLBORN, UNDER_WAY

if TYPE_CHECKING:
    import boto3

_NOT_THERE: Final = "does not exist"
_NOTHING_TO_DO: Final = ("didn't contain changes", "No updates are to be performed")
_HIDDEN: Final = "****"
"""What is told in place of a hidden parameter."""
_CAPABILITIES: Final = ("CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND")
_MOST_PAGES: Final = 40
_MOST_TRIGGERS: Final = 5
"""Alarms that CloudFormation watches at once."""
_PROPOSE_SECONDS: Final = 300.0
_THEIR_FAULT: Final = 500


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
    account: str = ""
    """That the bucket must be of; empty is any."""
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

    @cached_property
    def packages(self) -> Packages:
        """What of it lies in the bucket."""
        region = self.session.region_name
        address = (
            f"{self.endpoint}/{self.bucket}" if self.endpoint else f"https://{self.bucket}.s3.{region}.amazonaws.com"
        )
        return Packages(self.bucket, self.name, self.client("s3"), address, self.account)

    # --- what is there -------------------------------------------------------------------------------------------

    def status(self) -> str | None:
        """As CloudFormation names it; None where there is no such stack."""
        described = self._described()
        return str(described["StackStatus"]) if described else None

    def changed_at(self) -> str:
        """When its last change began: another moment means another change. Empty where there is no stack."""
        described = self._described() or {}
        return str(described.get("LastUpdatedTime") or described.get("CreationTime", ""))

    def outputs(self) -> dict[str, str]:
        """By name; none where there is no stack."""
        return {each["OutputKey"]: each["OutputValue"] for each in (self._described() or {}).get("Outputs", [])}

    def parameters(self) -> dict[str, str]:
        """As they were last given; none where there is no stack."""
        given = (self._described() or {}).get("Parameters", [])
        return {each["ParameterKey"]: each.get("ParameterValue", "") for each in given}

    def template(self) -> str:
        """As it was given, before CloudFormation transformed it; empty where there is no stack yet."""
        if self.status() in NEW:
            return ""
        body = self.client("cloudformation").get_template(StackName=self.name, TemplateStage="Original")["TemplateBody"]
        return body if isinstance(body, str) else json.dumps(body, separators=(",", ":"))

    def resources(self, kind: str = "") -> dict[str, str]:
        """The physical id of each logical id, of those of a type or of all."""
        pages = self.client("cloudformation").get_paginator("list_stack_resources")
        listed = pages.paginate(StackName=self.name, PaginationConfig={"MaxItems": _MOST_PAGES * 100})
        return {
            each["LogicalResourceId"]: each["PhysicalResourceId"]
            for page in listed
            for each in page["StackResourceSummaries"]
            if each.get("PhysicalResourceId") and kind in ("", each["ResourceType"])
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

    def propose(self, wanted: Wanted, watched: Watched = Watched()) -> Proposal | None:
        """A change set for what is wanted; None where the stack is that already. Raises DeployFailed."""
        from botocore.exceptions import ClientError

        cloudformation = self.client("cloudformation")
        name = f"change-{int(time.time() * 1000)}"
        kind = "CREATE" if self.status() in NEW else "UPDATE"
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
                TemplateURL=self.packages.url(wanted.template_key),
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ValidationError":
                raise
            raise DeployFailed(f"CloudFormation refused the template or its parameters: {error}") from error
        stays = False
        try:
            made = self._made(name)
            stays = made["Status"] == "CREATE_COMPLETE"
            if stays:
                return Proposal(name, kind, self._described_changes(name))
        finally:
            if not stays:  # nor where somebody stops this meanwhile
                self.withdraw(Proposal(name, kind, ()))
        reason = made.get("StatusReason", "")
        if any(text in reason for text in _NOTHING_TO_DO):
            return None
        raise DeployFailed(f"CloudFormation refused the template: {reason}")

    def _by_role(self) -> dict[str, str]:
        return {"RoleARN": self.role} if self.role else {}

    def _told(self, wanted: Wanted) -> list[dict[str, Any]]:
        """The parameters. One that is hidden, and not given, stays as it is: nobody can read it to give it again."""
        template, has = self.packages.kept(wanted.template_key), self.parameters()
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

        cloudformation = self.client("cloudformation")
        since = events.newest(cloudformation, self.name)
        try:
            cloudformation.execute_change_set(
                StackName=self.name, ChangeSetName=proposal.name, ClientRequestToken=proposal.name
            )
        except ClientError as error:
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= _THEIR_FAULT:
                raise  # whether it is carried out nobody knows
            raise DeployFailed(
                f"CloudFormation did not carry out the change: {error}. Somebody else may have changed {self.name} "
                "since it was shown: repeat this, and look at what is shown then."
            ) from error
        status = self._settled(since, told)
        if status not in DONE:
            failed = DeployFailed if status in (*SETTLED, *STILLBORN, DELETED) else NotSettled
            raise failed(f"{states.ended(self.name, status)}\n{self._reasons(since)}")

    @goes_on_without_us()
    def _settled(self, since: str, told: Callable[[Event], None] = _untold) -> str:
        """The status of the stack once nothing is under way. Raises NotSettled where that takes too long."""
        deadline = time.monotonic() + self.seconds
        seen: set[str] = set()
        status = "unknown"
        while time.monotonic() < deadline:
            status = self.status() or DELETED
            for event in events.after(self.client("cloudformation"), self.name, since):
                if event.number not in seen:
                    seen.add(event.number)
                    told(event)
            if not status.endswith(UNDER_WAY):
                return status
            time.sleep(self.every)
        raise NotSettled(f"{self.name} is still {status} after {self.seconds:.0f} s.\n{self._reasons(since)}")

    def _reasons(self, since: str) -> str:
        return events.reasons(events.after(self.client("cloudformation"), self.name, since))

    def remove(self) -> None:
        """Remove what is left of a creation that failed, or was only proposed. Raises DeployFailed.

        No stack that ever stood is removed here.
        """
        cloudformation = self.client("cloudformation")
        since = events.newest(cloudformation, self.name)
        cloudformation.delete_stack(StackName=self.name, **self._by_role())
        deadline = time.monotonic() + self.seconds
        while (status := self.status()) not in (None, DELETED):
            if status == "DELETE_FAILED" or time.monotonic() > deadline:
                raise DeployFailed(f"{self.name} could not be removed: {status}.\n{self._reasons(since)}")
            time.sleep(self.every)

    def go_on_rolling_back(self, skipped: Collection[str]) -> str:
        """Of a stack whose rollback failed: try again, without the ``skipped``. The status it then has."""
        cloudformation = self.client("cloudformation")
        since = events.newest(cloudformation, self.name)
        more: dict[str, Any] = {"ResourcesToSkip": sorted(skipped)} if skipped else {}
        cloudformation.continue_update_rollback(StackName=self.name, **more, **self._by_role())
        return self._settled(since)
