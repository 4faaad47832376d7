"""What each state of a stack means for a release, and what somebody does about it. Values in, values out.

The names are CloudFormation's own. Some of them are never come to by this command, which always has a change taken back
that fails: they are what is found after somebody changed, imported or deleted the stack by other means.
"""

from typing import Final

DELETED: Final = "DELETE_COMPLETE"
NEW: Final = (None, DELETED, "REVIEW_IN_PROGRESS")
"""Where nothing stands yet: no stack, or one that only a shown change was the beginning of."""
DONE: Final = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE"})
SETTLED: Final = DONE | {"UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"}
"""Where a stack stands, and can be changed."""
STILLBORN: Final = frozenset({"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"})
"""Of a creation that failed: such a stack cannot be changed, only removed."""
STUCK: Final = "UPDATE_ROLLBACK_FAILED"
UNDER_WAY: Final = "_IN_PROGRESS"

_BY_HAND: Final = {
    STUCK: (
        "a change failed, and so did its way back. Read its events, mend what they name, then repeat this with "
        "--continue-rollback, and with --skip RESOURCE for what cannot be mended."
    ),
    "UPDATE_FAILED": (
        "somebody changed it by other means than this command, and what failed was not taken back: it stands half "
        "changed. `aws cloudformation rollback-stack --stack-name {name}` takes it back; then deploy."
    ),
    "DELETE_FAILED": (
        "somebody deleted it, and not all of it would go. It cannot be changed any more, only deleted to its end: read "
        "its events, then `aws cloudformation delete-stack --stack-name {name}`, with --retain-resources for what "
        "shall stay. Tables, buckets and secrets stay in any case: docs/runbooks/restore.md says how to take them up."
    ),
    "IMPORT_ROLLBACK_FAILED": (
        "something was imported into it by hand, which failed, and so did its way back. Its events name what is in the "
        "way. No release can change it before it is IMPORT_ROLLBACK_COMPLETE."
    ),
}
_GOES_ON: Final = {
    "DELETE_IN_PROGRESS": (
        "somebody deletes it. That cannot be called off: wait until it is gone. Tables, buckets and secrets stay: "
        "docs/runbooks/restore.md says how to take them up."
    ),
    "UPDATE_IN_PROGRESS": (
        "somebody deploys at present. Wait until that is over; "
        "`aws cloudformation cancel-update-stack --stack-name {name}` calls it back."
    ),
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": (
        "a change is made, and what it replaced is being removed. Wait until that is over: it cannot be called off."
    ),
    "ROLLBACK_IN_PROGRESS": (
        "its creation failed and is being taken back. Wait until that is over; the next release removes what is left."
    ),
    "CREATE_IN_PROGRESS": "somebody deploys it for the first time at present. Wait until that is over.",
}
_TAKEN_BACK: Final = "a change failed and is being taken back. Wait until that is over."


_ENDED: Final = {
    "UPDATE_ROLLBACK_COMPLETE": "the change was taken back, and what stood before stands again.",
    "ROLLBACK_COMPLETE": "its creation was taken back. The next release removes what is left, and begins anew.",
    DELETED: "it is gone.",
}


def ended(name: str, status: str) -> str:
    """What is said of a stack that a change did not bring to where it should be."""
    if why := _ENDED.get(status):
        return f"{name} is {status}: {why}"
    return in_the_way(name, status) or stillborn(name, status)


def stillborn(name: str, status: str) -> str:
    """What is said of a stack whose creation failed."""
    return f"{name} is {status}: its creation failed."


def in_the_way(name: str, status: str | None) -> str:
    """Why a stack in that state is not changed now, and what to do; empty where it is, or is removed first."""
    if status is None or status in (*NEW, *SETTLED, *STILLBORN):
        return ""
    why = _BY_HAND.get(status) or _GOES_ON.get(status)
    if not why and status.endswith(UNDER_WAY):
        why = _TAKEN_BACK if "ROLLBACK" in status else "it is being changed at present. Wait until that is over."
    why = why or "this command does not know that state. Read its events before anything is deployed."
    return f"{name} is {status}: {why.format(name=name)}"
