"""The way back from a release that does not answer as it should."""

from collections.abc import Collection

from scripts.deployment import changes, states, versions
from scripts.deployment.asked import Hands, Outcome, Shown
from scripts.deployment.before import Before, at_once
from scripts.deployment.failures import DeployFailed
from scripts.deployment.history import Became
from scripts.deployment.stack import Stack, Wanted


def no_way_back(stack: Stack, before: Before, shown: Shown, made_at: str) -> str:
    """Why nothing is put in the place of a release that does not answer, and what to do; empty where something is."""
    if stack.changed_at() != made_at or stack.status() not in states.SETTLED:
        return (
            "It does not answer as it should, but somebody else has changed the stack since: theirs is not taken back. "
            "Look at --list, and agree who goes on."
        )
    if before.wanted is None:
        return (
            "This was the first release, so there is none to go back to. Where only secrets are missing, set them and "
            "repeat this: it looks again. Else mend it and deploy again."
        )
    if not before.answered:
        return "The release before did not answer as it should either, so this one stays. Mend it and deploy again."
    if lost := [each.name for each in shown.changes if each.loses]:
        return (
            f"The release before knows {', '.join(lost)} as it was, and would find it no more: nothing is put "
            "back. Mend it and deploy again (docs/deployment.md, 'Where it cannot go back')."
        )
    return ""


def put_back(stack: Stack, before: Before, hands: Hands) -> tuple[Outcome, Became]:
    """The release before in the place of this one: its requests at once, then all the rest."""
    assert before.wanted  # noqa: S101 - else there is no way back
    hands.say("It does not answer as it should: the release before takes its place.")
    if before.live:
        versions.answer_by(stack, before.live)
        hands.say(f"  requests go to version {before.live} again")
    try:
        _restore(stack, before.wanted, hands)
    except DeployFailed as failed:
        hands.say(str(failed))
        return Outcome.STANDS, "bad"
    holds = all(each.holds for each in hands.smoke(stack.outputs(), False))
    return Outcome.WENT_BACK if holds else Outcome.STANDS, "went back"


def _restore(stack: Stack, before: Wanted, hands: Hands) -> None:
    """Not by a canary: CodeDeploy would be told of an alias that was moved meanwhile, and there is no time to lose.

    Raises DeployFailed, also where it would lose what this release has made: that is refused as on the way there.
    """
    proposal = stack.propose(at_once(before))
    if proposal is None:
        return
    if lost := changes.refused(changes.read(proposal.described), ()):
        stack.withdraw(proposal)
        would = "; ".join(f"{each.kind} {each.name}, a {each.loses}" for each in lost)
        allow = " ".join(f"--allow-replacement {each.name}" for each in lost)
        raise DeployFailed(
            f"The stack stays as this release made it: going back would {would}. Mend what does not answer and deploy "
            f"again; or, where nothing in there is needed, go back by hand: --back {allow} (docs/deployment.md, "
            "'Where it cannot go back')."
        )
    stack.carry_out(proposal, hands.told)


def continue_rollback(stack: Stack, skipped: Collection[str], hands: Hands) -> Outcome:
    """Of a change whose way back failed."""
    if stack.status() != states.STUCK:
        hands.say(f"{stack.name} is {stack.status()}: there is no rollback to go on with.")
        return Outcome.REFUSED
    status = stack.go_on_rolling_back(skipped)
    hands.say(f"{stack.name} is {status}.")
    return Outcome.WENT_BACK if status in states.SETTLED else Outcome.STANDS
