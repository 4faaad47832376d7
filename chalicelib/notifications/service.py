"""Telling a person of a notice. At least once: a word that was lost on the way is said again, seldom twice."""

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.gateways.mail import Letter
from chalicelib.kernel.errors import NotFound, ProviderFailed
from chalicelib.notifications.model import Notice, words
from chalicelib.runtime.logs import log


def tell(world: World, notice: Notice) -> None:
    """Mail the notice to its person, who may be gone, suspended or without an address: then nobody is told.

    Raises Unavailable where it is not known to be on its way, so that it is told again.
    """
    try:
        person = accounts.person(world, notice.to)
    except NotFound:
        return
    said = words(notice, person.time_zone)
    if said is None:
        log.error("notice_without_words", kind=notice.kind)
        return
    if person.suspended or not person.email:
        return
    try:
        world.mail.send(Letter(person.email, said.subject, said.text))
    except ProviderFailed:
        log.warning("mail_refused", kind=notice.kind, user=person.id)  # it would be refused again
        return
    log.info("mail_sent", kind=notice.kind, user=person.id)
