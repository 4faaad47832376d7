"""Letters that came back, or were called unwanted: their addresses get no more of them."""

from collections.abc import Mapping
from typing import Any

from chalicelib.accounts import suppression
from chalicelib.gateways import World
from chalicelib.notifications.mail_event import refusals
from chalicelib.runtime import outbox
from chalicelib.runtime.logs import log


def hear(world: World, record: Mapping[str, Any]) -> None:
    """Learn what one record of the topic says. Heard twice, it is the same. Raises Unavailable, Contended.

    What is no event of SES' of a letter of ours changes nothing.
    """
    try:
        found = refusals(record["Sns"]["Message"], world.settings.mail_from)
    except (KeyError, TypeError, ValueError):
        log.error("mail_event_unreadable")
        return
    for each in found:
        if suppression.suppress(world, each.address, each.why, each.at):
            log.info("address_suppressed", reason=each.why)


def withheld(world: World, person_id: str, address: str) -> bool:
    """Whether no letters are sent to the address; then the person is told so, once, where they can see it."""
    mark = suppression.mark_of(world, address)
    if mark is None:
        return False
    told = outbox.notice(
        world.settings.tables.notices,
        to=person_id,
        kind="mail_suppressed",
        fact=str(mark.at),
        at=world.now(),
        facts={"why": mark.why},
    )
    world.tables.write(told)
    return True
