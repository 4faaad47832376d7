"""Telling a person of a notice. At least once: a word that was lost on the way is said again, seldom twice."""

from dataclasses import replace
from typing import Final

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.gateways.mail import Letter
from chalicelib.kernel.errors import NotFound, ProviderFailed
from chalicelib.notifications.model import ABOUT, Notice, words
from chalicelib.readers import service as readers
from chalicelib.runtime import outbox
from chalicelib.runtime.logs import log
from chalicelib.runtime.tables import MOST_OPERATIONS, Key

_MOST_PAGES: Final = 200
"""Of 100 followers each: more are not told within the time that the function has."""


def tell(world: World, notice: Notice) -> None:
    """Mail the notice to its person, if they wish it. They may be gone, suspended or without an address: then nobody
    is told.

    Raises Unavailable where it is not known to be on its way, so that it is told again.
    """
    if notice.kind == "reader_online":
        _hand_on(world, notice)
        return
    try:
        person = accounts.person(world, notice.to)
    except NotFound:
        return
    facts = dict(notice.facts)
    if "reader" in facts:  # their name is asked for now: none lies in the outbox, and who has left is not named
        facts["name"] = readers.name_of(world, facts["reader"])
        if facts["name"] is None:
            return
    said = words(replace(notice, facts=facts), person.time_zone)
    if said is None:
        log.error("notice_without_words", kind=notice.kind)
        return
    if not person.email or not _wished(world, person, notice.kind):
        return
    try:
        world.mail.send(Letter(person.email, said.subject, said.text))
    except ProviderFailed:
        log.warning("mail_refused", kind=notice.kind, user=person.id)  # it would be refused again
        return
    log.info("mail_sent", kind=notice.kind, user=person.id)


def _wished(world: World, person: accounts.Person, kind: str) -> bool:
    """Whether the person is to be mailed of it. What keeps an account safe reaches a suspended person too."""
    about = ABOUT.get(kind)
    if about is None:
        return True
    wished = accounts.preferences_of(world, person.id).open_channels(about, person.time_zone, world.now())
    return not person.suspended and "email" in wished


def _hand_on(world: World, notice: Notice) -> None:
    """A notice of their own for each who asked to be told that the reader is online: these are told then.

    Handed on twice, they are the same notices. Raises Contended.
    """
    start: Key | None = None
    for _ in range(_MOST_PAGES):
        followers, start = readers.followers(world, notice.to, MOST_OPERATIONS, start)
        told = [
            outbox.notice(
                world.settings.tables.notices,
                to=each,
                kind="favorite_online",
                fact=f"{notice.to}#{notice.facts['at']}",
                at=notice.facts["at"],
                facts={"reader": notice.to},
            )
            for each in followers
        ]
        if told:
            world.tables.write(*told)
        if start is None:
            return
    log.error("followers_cut_short", reader=notice.to)
