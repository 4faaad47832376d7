"""What CloudFormation tells of a change while it makes it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

_MOST: Final = 4_000
_PARTS: Final = ("EventId", "LogicalResourceId", "ResourceType", "ResourceStatus", "ResourceStatusReason")
_ECHOES: Final = ("Resource creation cancelled", "Resource update cancelled")
"""What is said of whatever was under way beside that which failed."""
_MOST_TOLD: Final = 20


@dataclass(frozen=True, slots=True)
class Event:
    """Something that became of a resource."""

    number: str
    resource: str
    type: str
    status: str
    reason: str

    @property
    def is_the_end(self) -> bool:
        """Whether the whole stack is where it shall be, or back where it was."""
        return self.type == "AWS::CloudFormation::Stack" and self.status.endswith("_COMPLETE")

    @property
    def echoes(self) -> bool:
        """Whether it failed only because another did."""
        return self.reason.startswith(_ECHOES)

    @property
    def tells_why(self) -> bool:
        """Whether something failed here, or CloudFormation says why it takes all back: an alarm that rings."""
        if self.status.endswith("ROLLBACK_IN_PROGRESS"):
            return bool(self.reason)
        return self.status.endswith("FAILED") and not self.echoes


def newest(cloudformation: Any, stack: str) -> str:
    """The number of the newest. Events are told apart by it and not by the time: clocks differ."""
    listed = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    return str(listed[0]["EventId"]) if listed else ""


def after(cloudformation: Any, stack: str, number: str) -> list[Event]:
    """Those after that one, the oldest first."""
    found: list[Event] = []
    pages = cloudformation.get_paginator("describe_stack_events")
    for page in pages.paginate(StackName=stack, PaginationConfig={"MaxItems": _MOST}):
        for each in page["StackEvents"]:
            if each["EventId"] == number:
                return found[::-1]
            found.append(Event(*(each.get(part, "") for part in _PARTS)))
    return found[::-1]


def reasons(events: Sequence[Event]) -> str:
    """What failed, a line each, the first first."""
    telling = [each for each in events if each.tells_why]
    failed = [each for each in telling if each.status.endswith("FAILED")]  # else it was called back: by an alarm
    lines = [f"  {each.resource} ({each.type}): {each.reason}" for each in failed or telling]
    more = [f"  … and {len(lines) - _MOST_TOLD} more"] if len(lines) > _MOST_TOLD else []
    return "\n".join([*lines[:_MOST_TOLD], *more]) or "  (CloudFormation gives no reason)"
