"""One release of a stage, in order, and the way back.

Each release that answered as it should is written down in the packages' bucket: which template, which parameters. So
the way back needs no build and no memory of this machine: the release before is deployed again, from what lies there.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any, Final

from scripts.deployment import changes
from scripts.deployment.changes import Change, Statement
from scripts.deployment.smoke import Check
from scripts.deployment.stack import (
    DELETED,
    SETTLED,
    STILLBORN,
    STUCK,
    DeployFailed,
    Event,
    Proposal,
    Stack,
    Wanted,
    Watched,
    open_of,
)

CALLS_BACK: Final = ("ApiFails", "FunctionsFail", "TickFails", "BillsLate", "StripeWebhookFails")
"""The alarms, by logical id, that call a release back while CloudFormation looks at them: five at most."""
KEPT_VERSIONS: Final = 5
"""Published versions of `api` that stay beside the one that answers: each keeps its zip at Lambda."""
_ALIAS: Final = "live"
_MOST: Final = 1_000


class Outcome(IntEnum):
    """What came of it: the exit code of ``scripts/deploy.py``."""

    DONE = 0
    """Deployed and answering, or nothing to do."""
    REFUSED = 1
    """Nothing has changed: it was refused, declined, or CloudFormation took it back by itself."""
    WENT_BACK = 3
    """It did not answer as it should, and the release before is in its place again."""
    STANDS = 4
    """It does not answer as it should and nothing better could be put in its place, or nobody knows yet what became of
    it: somebody is wanted now.
    """


@dataclass(frozen=True, slots=True)
class Release:
    """What a stage was once made of."""

    at: str
    """RFC 3339; its name."""
    template_key: str
    parameters: Mapping[str, str]
    said: str
    """What the person said it is: a commit, a reason."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What is about to happen, for a person to agree to."""

    kind: str
    """``CREATE`` or ``UPDATE``."""
    changes: Sequence[Change]
    rights: Sequence[Statement]
    parameters: Sequence[tuple[str, str, str]]
    refused: Sequence[Change]
    only_shown: bool

    @property
    def asks(self) -> bool:
        """Whether there is something to agree to."""
        return not self.refused and not self.only_shown


@dataclass(frozen=True, slots=True)
class Hands:
    """What a release needs of whoever runs it."""

    agree: Callable[[Shown], bool]
    """Shows it, and asks where ``asks`` says so."""
    say: Callable[[str], None]
    told: Callable[[Event], None]
    smoke: Callable[[Mapping[str, str], bool], list[Check]]
    """Looks, and shows what it found. Given the outputs, and whether this code or any older one answers."""
    now: Callable[[], str]
    """RFC 3339."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is wanted."""

    wanted: Wanted
    said: str
    allowed: Collection[str] = ()
    """Logical ids of what may be replaced or removed although it holds something."""
    watch_minutes: int = 0
    only_shown: bool = False
    """Whether the change is not to be made."""
    newest: bool = True
    """Whether it is the code of this tree, and not of an older release."""


def release(stack: Stack, asked: Asked, hands: Hands) -> Outcome:
    """Bring the stack to what is asked. Raises DeployFailed where CloudFormation could not; it has then rolled back."""
    _ready(stack, asked, hands)
    before, was_live = _standing(stack), _live(stack)
    proposal = stack.propose(asked.wanted, _watched(stack, asked.watch_minutes))
    if proposal is None:
        hands.say(f"{stack.name} is up to date: nothing to deploy.")
        return Outcome.DONE
    shown = _shown(stack, proposal, asked, before)
    agreed = hands.agree(shown)
    if not agreed or shown.refused:
        stack.withdraw(proposal)
        return Outcome.DONE if asked.only_shown and not shown.refused else Outcome.REFUSED
    stack.carry_out(proposal, hands.told)
    if _holds(hands, stack.outputs(), new=asked.newest):
        made_with = open_of(stack.kept(asked.wanted.template_key), asked.wanted.parameters)
        keep(stack, Release(hands.now(), asked.wanted.template_key, made_with, asked.said))
        tidy(stack)
        return Outcome.DONE
    if before is None:
        hands.say("This was the first release, so there is none to go back to.")
        hands.say(
            "Where only secrets are missing, set them, and look again with --smoke. Else mend it and deploy again."
        )
        return Outcome.STANDS
    return _back(stack, before, was_live, hands)


def _shown(stack: Stack, proposal: Proposal, asked: Asked, before: Wanted | None) -> Shown:
    found = changes.read(proposal.described)
    was = stack.kept(before.template_key) if before else {}
    will = stack.kept(asked.wanted.template_key)
    return Shown(
        proposal.kind,
        found,
        changes.rights(was, will),
        changes.parameters(open_of(was, before.parameters) if before else {}, _all_open(will, asked.wanted.parameters)),
        changes.refused(found, asked.allowed),
        asked.only_shown,
    )


def _all_open(template: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, str]:
    """As CloudFormation will tell the parameters afterwards, with their defaults; but for those it hides."""
    defaults = {name: str(about.get("Default", "")) for name, about in template.get("Parameters", {}).items()}
    return open_of(template, {**defaults, **given})


# --- before ----------------------------------------------------------------------------------------------------------


def _ready(stack: Stack, asked: Asked, hands: Hands) -> None:
    """See to it that the stack can be changed. Raises DeployFailed, with what to do."""
    status = stack.status()
    if status in STILLBORN and asked.only_shown:
        raise DeployFailed(
            f"{stack.name} is {status}: its creation failed. Deploying removes what is left of it first."
        )
    if status in STILLBORN:
        hands.say(f"{stack.name} is {status}: its creation failed. What is left of it is removed first.")
        stack.remove()
    elif status == STUCK:
        raise DeployFailed(
            f"{stack.name} is {status}: a change failed, and so did its way back. Read its events, mend what they "
            "name, then repeat this with --continue-rollback, and with --skip RESOURCE for what cannot be mended."
        )
    elif status and status not in (*SETTLED, DELETED, "REVIEW_IN_PROGRESS"):
        raise DeployFailed(
            f"{stack.name} is {status}: somebody deploys at present, or removes it. Wait until that is over; "
            f"`aws cloudformation cancel-update-stack --stack-name {stack.name}` calls a change back."
        )


def _standing(stack: Stack) -> Wanted | None:
    """What the stack is made of at present; None where there is none."""
    template = stack.template()
    return Wanted(stack.keep(template), stack.parameters()) if template else None


def _watched(stack: Stack, minutes: int) -> Watched:
    """The alarms that exist: CloudFormation refuses to watch others. Raises DeployFailed where one rings already."""
    if stack.status() not in SETTLED or not minutes:
        return Watched()
    named = stack.resources()
    names = [named[each] for each in CALLS_BACK if each in named]
    if not names:
        return Watched()
    alarms = stack.client("cloudwatch").describe_alarms(AlarmNames=names)["MetricAlarms"]
    if ringing := sorted(each["AlarmName"] for each in alarms if each["StateValue"] == "ALARM"):
        raise DeployFailed(
            f"{', '.join(ringing)} rings, and would call any release back at once. Look into that first; "
            "where this release mends it, deploy with --watch-minutes 0."
        )
    return Watched([each["AlarmArn"] for each in alarms], minutes)


# --- after -----------------------------------------------------------------------------------------------------------


def _holds(hands: Hands, outputs: Mapping[str, str], *, new: bool) -> bool:
    return all(each.holds for each in hands.smoke(outputs, new))


def _back(stack: Stack, before: Wanted, was_live: str, hands: Hands) -> Outcome:
    """The release before in the place of this one: its requests at once, then all the rest."""
    hands.say("It does not answer as it should: the release before takes its place.")
    if was_live:
        stack.client("lambda").update_alias(FunctionName=_api(stack), Name=_ALIAS, FunctionVersion=was_live)
        hands.say(f"  requests go to version {was_live} again")
    try:
        _restore(stack, before, hands)
    except DeployFailed as failed:
        hands.say(str(failed))
        return Outcome.STANDS
    return Outcome.WENT_BACK if _holds(hands, stack.outputs(), new=False) else Outcome.STANDS


def _restore(stack: Stack, before: Wanted, hands: Hands) -> None:
    """Not by a canary: CodeDeploy would be told of an alias that was moved meanwhile, and there is no time to lose."""
    at_once = {"Canary": "false"} if "Canary" in before.parameters else {}
    proposal = stack.propose(Wanted(before.template_key, {**before.parameters, **at_once}))
    if proposal:
        stack.carry_out(proposal, hands.told)


def continue_rollback(stack: Stack, skipped: Collection[str], hands: Hands) -> Outcome:
    """Of a change whose way back failed."""
    if stack.status() != STUCK:
        hands.say(f"{stack.name} is {stack.status()}: there is no rollback to go on with.")
        return Outcome.REFUSED
    status = stack.go_on_rolling_back(skipped)
    hands.say(f"{stack.name} is {status}.")
    return Outcome.WENT_BACK if status in SETTLED else Outcome.STANDS


# --- versions of `api` -----------------------------------------------------------------------------------------------


def _api(stack: Stack) -> str:
    return f"{stack.name}-api"


def _live(stack: Stack) -> str:
    """The version that answers requests; empty where there is none yet."""
    from botocore.exceptions import ClientError

    try:
        alias = stack.client("lambda").get_alias(FunctionName=_api(stack), Name=_ALIAS)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise  # else a release that fails would find no version to go back to
        return ""
    return str(alias["FunctionVersion"])


def tidy(stack: Stack, most: int = KEPT_VERSIONS) -> None:
    """Let go of old versions: CloudFormation keeps each, and all of an account share 75 GB."""
    functions = stack.client("lambda")
    pages = functions.get_paginator("list_versions_by_function")
    listed = pages.paginate(FunctionName=_api(stack), PaginationConfig={"MaxItems": _MOST})
    numbers = sorted(int(each["Version"]) for page in listed for each in page["Versions"] if each["Version"].isdigit())
    live = _live(stack)
    for number in [each for each in numbers if str(each) != live][: -most or None]:
        functions.delete_function(FunctionName=_api(stack), Qualifier=str(number))


# --- what was released -----------------------------------------------------------------------------------------------


def _place(stack: Stack) -> str:
    return f"{stack.name}/releases/"


def keep(stack: Stack, made: Release) -> None:
    """Write it down, for the way back."""
    body = json.dumps(asdict(made), indent=2, sort_keys=True).encode()
    stack.client("s3").put_object(Bucket=stack.bucket, Key=f"{_place(stack)}{made.at}.json", Body=body)


def releases(stack: Stack, most: int = 20) -> list[Release]:
    """The newest first."""
    s3 = stack.client("s3")
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=stack.bucket, Prefix=_place(stack), PaginationConfig={"MaxItems": _MOST}
    )
    keys = sorted((each["Key"] for page in pages for each in page.get("Contents", ())), reverse=True)[:most]
    return [Release(**json.loads(s3.get_object(Bucket=stack.bucket, Key=key)["Body"].read())) for key in keys]
