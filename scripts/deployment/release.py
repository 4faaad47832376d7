"""One release of a stage, in order.

Each release is written down in the packages' bucket before it is made, and again when it is known what became of it:
which template, which parameters, whose, from which commit. So the way back needs no build and no memory of this
machine, and a run that ends in its middle leaves nothing that the next one does not find.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from scripts.deployment import changes, history, versions
from scripts.deployment.asked import Asked, Hands, Outcome, Shown
from scripts.deployment.back import no_way_back, put_back
from scripts.deployment.before import Before, before_of, known, ready, straight, watched
from scripts.deployment.failures import DeployFailed, NotSettled, goes_on_without_us
from scripts.deployment.history import Became, Release
from scripts.deployment.settings import open_of
from scripts.deployment.stack import Proposal, Stack, Wanted


@dataclass(frozen=True, slots=True)
class _Agreed:
    """A change that somebody agreed to, and that is written down."""

    proposal: Proposal
    shown: Shown
    record: Release


def release(stack: Stack, asked: Asked, hands: Hands) -> Outcome:
    """Bring the stack to what is asked.

    Raises DeployFailed where CloudFormation could not, and has rolled back; NotSettled where nobody knows yet.
    """
    ready(stack, asked, hands)
    found = known(stack, only_read=asked.only_shown)
    history.must_be_older(found, hands.now())
    before = before_of(stack, found)
    wanted = straight(stack, asked, before, hands)
    proposal = stack.propose(wanted, watched(stack, asked, wanted))
    record = _record(stack, asked, wanted, hands)
    if proposal is None:
        return _up_to_date(stack, asked, record, found, hands)
    shown = _shown(stack, proposal, asked, wanted, before)
    begun = False
    try:
        if not hands.agree(shown) or shown.refused:
            return Outcome.DONE if asked.only_shown and not shown.refused else Outcome.REFUSED
        stack.packages.write(record)
        begun = True
    finally:
        if not begun:  # also where somebody stops it here
            stack.withdraw(proposal)
    return _make(stack, asked, _Agreed(proposal, shown, record), before, hands)


def _record(stack: Stack, asked: Asked, wanted: Wanted, hands: Hands) -> Release:
    return Release(
        at=hands.now(),
        template_key=wanted.template_key,
        parameters=open_of(stack.packages.kept(wanted.template_key), wanted.parameters),
        said=asked.said,
        by=asked.by,
        source=asked.source,
        became="running",
        of=asked.of,
        left=asked.left,
    )


@goes_on_without_us()
def _make(stack: Stack, asked: Asked, agreed: _Agreed, before: Before, hands: Hands) -> Outcome:
    def ends(became: Became) -> None:
        stack.packages.write(replace(agreed.record, became=became))

    try:
        stack.carry_out(agreed.proposal, hands.told)
    except NotSettled:
        raise  # it has no end yet: the next run writes it down
    except DeployFailed:
        ends("failed")
        raise
    made_at = stack.changed_at()
    if asked.still:
        ends("unseen")
        hands.say(f"{stack.name} is changed, and stands still: nobody has looked whether it answers.")
        return Outcome.DONE
    if _holds(stack, asked, hands):
        ends("good")
        _tidy(stack, hands)
        return Outcome.DONE
    if why := no_way_back(stack, before, agreed.shown, made_at):
        hands.say(why)
        ends("bad")
        return Outcome.STANDS
    outcome, became = put_back(stack, before, hands)
    ends(became)
    return outcome


def _tidy(stack: Stack, hands: Hands) -> None:
    """What is left over of older releases makes none of this one."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        versions.tidy(stack)
    except (BotoCoreError, ClientError) as problem:
        hands.say(f"Deployed. Old versions of `api` could not be let go, which the next release tries again: {problem}")


def _up_to_date(stack: Stack, asked: Asked, record: Release, found: Sequence[Release], hands: Hands) -> Outcome:
    """Nothing is to be made. Where nobody has seen it answer yet, or has seen that it did not, it is looked at now."""
    now = history.standing(found)
    is_it = bool(now and now.is_of(record.template_key, record.parameters))
    if asked.only_shown or asked.still or (now and is_it and now.became == "good" and not asked.of):
        hands.say(f"{stack.name} is up to date: nothing to deploy.")
        return Outcome.DONE
    hands.say(f"{stack.name} is up to date, but nobody has seen yet that it answers as it should:")
    written = now if now and is_it and not asked.of else record
    holds = _holds(stack, asked, hands)
    stack.packages.write(replace(written, became="good" if holds else "bad"))
    if holds:
        return Outcome.DONE
    hands.say("Where only secrets are missing, set them, and repeat this. Else mend it and deploy, or go --back.")
    return Outcome.STANDS


def _shown(stack: Stack, proposal: Proposal, asked: Asked, wanted: Wanted, before: Before) -> Shown:
    found = changes.read(proposal.described)
    was = stack.packages.kept(before.wanted.template_key) if before.wanted else {}
    will = stack.packages.kept(wanted.template_key)
    old = open_of(was, before.wanted.parameters) if before.wanted else {}
    return Shown(
        stack.name,
        proposal.kind,
        asked.source,
        found,
        changes.rights(was, will),
        changes.parameters(old, _all_open(will, wanted.parameters)),
        changes.refused(found, asked.allowed, new_set=asked.still),
        asked.only_shown,
    )


def _all_open(template: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, str]:
    """As CloudFormation will tell the parameters afterwards, with their defaults; but for those it hides."""
    defaults = {name: str(about.get("Default", "")) for name, about in template.get("Parameters", {}).items()}
    return open_of(template, {**defaults, **given})


def _holds(stack: Stack, asked: Asked, hands: Hands) -> bool:
    return all(each.holds for each in hands.smoke(stack.outputs(), not asked.of))
