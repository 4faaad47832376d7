"""What is looked at before a release: whether the stack can be changed, what stands, and what is known of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from scripts.deployment import history, states, versions
from scripts.deployment.asked import Asked, Hands
from scripts.deployment.failures import DeployFailed
from scripts.deployment.history import Release
from scripts.deployment.stack import Stack, Wanted, Watched

CALLS_BACK: Final = ("ApiFails", "FunctionsFail", "TickFails", "BillsLate", "StripeWebhookFails")
"""The alarms, by logical id, that call a release back while CloudFormation looks at them: five at most."""
CANARY_CALLS_BACK: Final = ("ApiFails", "ApiSlow", "ErrorsLogged")
"""Those that call it back while CodeDeploy does, as long as the new version has a part of the requests."""
_CANARY: Final = "Canary"


@dataclass(frozen=True, slots=True)
class Before:
    """What stood before this release."""

    wanted: Wanted | None
    """None where there was nothing."""
    live: str
    """The version of `api` that answered; empty where none did."""
    answered: bool
    """Whether it is not known that it did not answer either."""


def ready(stack: Stack, asked: Asked, hands: Hands) -> None:
    """See to it that the stack can be changed. Raises DeployFailed, with what to do."""
    status = stack.status()
    if why := states.in_the_way(stack.name, status):
        raise DeployFailed(why)
    if asked.still:
        _need_standstill(stack, status)
    elif status in states.SETTLED and not asked.only_shown and _is_still(stack, versions.function(stack)):
        raise DeployFailed(
            f"{stack.name} stands still (`stage stop`), so that nobody could see whether it answers. Let it go on "
            "first (`stage start`), or release to it as it is: --still REASON."
        )
    if status in states.STILLBORN:
        failed = states.stillborn(stack.name, str(status))
        if asked.only_shown:
            raise DeployFailed(f"{failed} Deploying removes what is left of it first.")
        hands.say(f"{failed} What is left of it is removed first.")
        stack.remove()


def _need_standstill(stack: Stack, status: str | None) -> None:
    """Raises DeployFailed where any function takes calls: what is unseen, nobody may meet."""
    functions = stack.resources("AWS::Lambda::Function").values() if status in states.SETTLED else ()
    running = sorted(name for name in functions if not _is_still(stack, name))
    if running or not functions:
        raise DeployFailed(
            f"{stack.name} does not stand still: {', '.join(running) or 'there is no such stage'}. "
            "`scripts/soulseer stage stop` has it stand still; --still is for that alone."
        )


def _is_still(stack: Stack, function: str) -> bool:
    told = stack.client("lambda").get_function_concurrency(FunctionName=function)
    return bool(told.get("ReservedConcurrentExecutions") == 0)


def known(stack: Stack, *, only_read: bool = False) -> list[Release]:
    """What was released, the newest first. Where the newest has no end, its run ended in its middle: whether it stands
    is found out, and written down unless it is only to be read. Raises DeployFailed.
    """
    found = stack.packages.releases()
    if not found or found[0].became != "running" or states.in_the_way(stack.name, stack.status()):
        return found
    stands = _made_of(stack, found[0])
    settled = replace(found[0], became="unseen" if stands else "failed")
    if not only_read:
        stack.packages.write(settled)
    return [settled, *found[1:]]


def _made_of(stack: Stack, one: Release) -> bool:
    template, given = stack.template(), stack.parameters()
    return (
        bool(template)
        and stack.packages.kept(stack.packages.keep(template)) == stack.packages.kept(one.template_key)
        and one.parameters.items() <= given.items()
    )


def before_of(stack: Stack, found: Sequence[Release]) -> Before:
    """What stands now."""
    template, now = stack.template(), history.standing(found)
    wanted = Wanted(stack.packages.keep(template), stack.parameters()) if template else None
    return Before(wanted, versions.live(stack) if wanted else "", not (now and now.became == "bad"))


def straight(stack: Stack, asked: Asked, before: Before, hands: Hands) -> Wanted:
    """What is wanted, without a few requests first where that cannot be: on the way back there is no time for it and
    alarms ring, a stage that stands still has no requests, and CodeDeploy refuses an alias that it finds elsewhere than
    it left it.
    """
    wanted = asked.wanted
    if wanted.parameters.get(_CANARY) != "true":
        return wanted
    strays = before.wanted is not None and versions.strays(stack, before.live)
    if strays:
        hands.say(
            f"Requests go to version {before.live}, which is not that of the stack: this release takes all at once."
        )
    return at_once(wanted) if strays or asked.of or asked.still else wanted


def at_once(wanted: Wanted) -> Wanted:
    """The same, with all requests at the new version as soon as it is there."""
    given = wanted.parameters
    return Wanted(wanted.template_key, {**given, _CANARY: "false"}) if _CANARY in given else wanted


def watched(stack: Stack, asked: Asked, wanted: Wanted) -> Watched:
    """The alarms that exist: CloudFormation refuses to watch others. Raises DeployFailed where one rings already."""
    minutes = 0 if asked.still else asked.watch_minutes
    looked = (
        *(CALLS_BACK if minutes else ()),
        *(CANARY_CALLS_BACK if wanted.parameters.get(_CANARY) == "true" else ()),
    )
    if stack.status() not in states.SETTLED or not looked:
        return Watched()
    named = stack.resources("AWS::CloudWatch::Alarm")
    names = {each: named[each] for each in dict.fromkeys(looked) if each in named}
    if not names:
        return Watched()
    alarms = stack.client("cloudwatch").describe_alarms(AlarmNames=sorted(names.values()))["MetricAlarms"]
    if ringing := sorted(each["AlarmName"] for each in alarms if each["StateValue"] == "ALARM"):
        raise DeployFailed(
            f"{', '.join(ringing)} rings, and would call any release back at once. Look into that first; where this "
            "release mends it, deploy with --watch-minutes 0 --parameter Canary=false."
        )
    calling = {names[each] for each in CALLS_BACK if each in names} if minutes else set()
    return Watched([each["AlarmArn"] for each in alarms if each["AlarmName"] in calling], minutes)
