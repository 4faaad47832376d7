"""Telling a person of a notice: in the inbox, on their devices, by mail.

The inbox is exact: its line, the count of what is unread and the beginning of the telling are one transaction. What
leaves the house is told step by step, and each step is crossed off once somebody else has it: told again, a notice goes
on where it was. A function that is killed between a step and its crossing off does that step once more, for neither the
post nor the push services know a key by which to tell that they had it.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Final

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model.preferences import Channel
from chalicelib.gateways import World
from chalicelib.kernel.errors import NotFound, ProviderFailed, Unavailable
from chalicelib.kernel.ids import new_id
from chalicelib.kernel.time import HOUR, MINUTE, Millis
from chalicelib.notifications import bounces, letters, pushing, unsubscribing
from chalicelib.notifications.model.notice import Facts, Notice
from chalicelib.notifications.model.said import words
from chalicelib.notifications.model.words import Words
from chalicelib.notifications.store import inbox_of
from chalicelib.notifications.telling import (
    EMAIL,
    HOLD,
    INBOX,
    PUSH,
    Telling,
    channel_of,
    channels,
    notification_of,
)
from chalicelib.readers import service as readers
from chalicelib.runtime import outbox
from chalicelib.runtime.logs import log
from chalicelib.runtime.retries import undisturbed
from chalicelib.runtime.tables import MOST_OPERATIONS, Contended, Key

_MOST_PAGES: Final = 200
"""Of 100 followers each: more are not told within the time that the function has."""

HANDED_ON: Final[Mapping[str, tuple[str, Millis]]] = {
    "reader_online": ("favorite_online", 15 * MINUTE),
    "stream_live": ("live_started", HOUR),
}
"""What is told to a reader's followers: the kind of notice that each gets, and how long it is worth a noise."""


def tell(world: World, notice: Notice) -> None:
    """Tell the person by every channel that they want, each once, however often it comes.

    They may be gone, suspended or without an address, or no friend any more of whom it is about: then nobody is told.
    Raises Unavailable where it is not known that all of it is on its way, so that it comes again.
    """
    if notice.kind in HANDED_ON:
        _hand_on(world, notice)
        return
    if notice.kind == "device_gone":
        pushing.forget_device(world, notice.facts["device"])
        return
    try:
        person = accounts.person(world, notice.to)
    except NotFound:
        return
    facts = named(world, notice.facts)
    if person.deleted or facts is None or _kept_apart(world, notice):
        return
    said = words(replace(notice, facts=facts), person.time_zone)
    if said is None:
        log.error("notice_without_words", kind=notice.kind)
        return
    wished = accounts.preferences_of(world, person.id)
    opened = channels(notice, wished, person.time_zone, world.now(), suspended=person.suspended)
    telling = _taken(world, person, notice, opened)
    if telling.left:
        _go_on(world, person, notice, said, opened, telling)


def named(world: World, facts: Facts, known: dict[str, str | None] | None = None) -> Facts | None:
    """The facts with the ``name`` of whom they are about, as others know them now; None where that person is gone.

    None lies in the outbox. ``known`` keeps who was asked for.
    """
    who = facts.get("reader", facts.get("from"))
    if who is None:
        return facts
    known = {} if known is None else known
    if who not in known:
        known[who] = readers.name_of(world, who) or (_name_of(world, who) if "reader" not in facts else None)
    name = known[who]
    return None if name is None else {**facts, "name": name}


def _name_of(world: World, person_id: str) -> str | None:
    try:
        person = accounts.person(world, person_id)
    except NotFound:
        return None
    return None if person.deleted else person.display_name


def _kept_apart(world: World, notice: Notice) -> bool:
    """Whether the two blocked each other since."""
    who = notice.facts.get("reader", notice.facts.get("from"))
    return who is not None and accounts.is_blocked(world, notice.to, who)


# --- step by step --------------------------------------------------------------------------------


def _taken(world: World, person: accounts.Person, notice: Notice, opened: frozenset[Channel]) -> Telling:
    """The telling, in our hands; begun where nobody had begun, with its line in the inbox. Nothing is left of one that
    is over.

    Raises Unavailable while it is in other hands.
    """
    rows, me = inbox_of(world), new_id("hld", world.now())

    def attempt() -> Telling:
        was, now = rows.telling(notice), world.now()
        if was is None:
            return _begun(world, person, notice, opened, me)
        if not was.left or was.is_held(me, now):
            return was
        taken = was.taken(me, now)
        world.tables.write(rows.keep_telling(notice, taken, was, now))
        return taken

    telling = undisturbed(world.sleep, attempt)
    if telling.left and telling.is_held(me, world.now()):
        raise Unavailable("Somebody else is telling it.")
    return telling


def _begun(world: World, person: accounts.Person, notice: Notice, opened: frozenset[Channel], me: str) -> Telling:
    """Write the line, and what else is to be done; that it is nothing too, or it would be told to who wants it when it
    comes again.
    """
    rows, now = inbox_of(world), world.now()
    telling = Telling(_steps(world, person, opened), me, now + HOLD)
    added = notification_of(notice)
    line = rows.add(person.id, added, now) if INBOX in opened and now < added.expires else ()
    world.tables.write(rows.keep_telling(notice, telling, None, now), *line)
    return telling


def _steps(world: World, person: accounts.Person, opened: frozenset[Channel]) -> tuple[str, ...]:
    devices = accounts.devices_of(world, person.id).registered if PUSH in opened else ()
    mail = (EMAIL,) if EMAIL in opened and person.email else ()
    return (*(f"{PUSH}#{each.id}" for each in devices), *mail)


def _go_on(
    world: World, person: accounts.Person, notice: Notice, said: Words, opened: frozenset[Channel], telling: Telling
) -> None:
    """Take each step that is left, one that fails holding up no other; what is not wanted any more is passed over.

    Raises Unavailable where one is still to be taken.
    """
    owed = list(telling.left)
    try:
        for step in telling.left:
            if channel_of(step) not in opened or _on_its_way(world, person, notice, said, step):
                _change(world, notice, partial(Telling.without, step=step, now=world.now()))
                owed.remove(step)
    finally:
        if owed:
            _change(world, notice, Telling.let_go)
    if owed:
        raise Unavailable("It could not be told by every channel.")


def _change(world: World, notice: Notice, decide: Callable[[Telling], Telling]) -> None:
    """Write how far the telling is, whoever else did meanwhile. Raises Unavailable when storage stays contended."""
    rows = inbox_of(world)

    def attempt() -> None:
        was = rows.telling(notice)
        decided = decide(was) if was else None
        if decided is not None and decided != was:
            world.tables.write(rows.keep_telling(notice, decided, was, world.now()))

    undisturbed(world.sleep, attempt)


def _on_its_way(world: World, person: accounts.Person, notice: Notice, said: Words, step: str) -> bool:
    """Take the step. False where it is not known whether it is on its way, whatever kept it: the next one is taken."""
    channel, _, device = step.partition("#")
    try:
        if channel == PUSH:
            unread = inbox_of(world).unread(person.id).count(world.now())
            pushing.push_to(world, person.id, device, pushing.message(notice, said, unread, world.now()))
        else:
            _mail(world, person, notice, said)
    except (Unavailable, Contended):
        return False
    except Exception as error:  # noqa: BLE001 - a mistake of ours in one channel is none in the others
        log.exception("step_failed", error, kind=notice.kind, reason=channel)
        return False
    return True


def _mail(world: World, person: accounts.Person, notice: Notice, said: Words) -> None:
    """Mail it, unless the address takes no letters; one that is refused would be refused again. Raises Unavailable."""
    if not person.email or bounces.withheld(world, person.id, person.email):
        return
    about = notice.about
    unsubscribe = unsubscribing.address(world, person.id, about) if about else None
    try:
        world.mail.send(letters.letter(person.email, person.display_name, said, about, unsubscribe))
    except ProviderFailed:
        log.warning("mail_refused", kind=notice.kind, user=person.id)
    else:
        log.info("mail_sent", kind=notice.kind, user=person.id)


# --- followers -----------------------------------------------------------------------------------


def _hand_on(world: World, notice: Notice) -> None:
    """A notice of their own for each who asked to be told that the reader is there: these are told then.

    Handed on twice, they are the same notices. Raises Contended.
    """
    kind, worth = HANDED_ON[notice.kind]
    at: Millis = notice.facts["at"]
    facts = {**notice.facts, "reader": notice.to, "until": at + worth}
    start: Key | None = None
    for _ in range(_MOST_PAGES):
        followers, start = readers.followers(world, notice.to, MOST_OPERATIONS, start)
        told = [
            outbox.notice(
                world.settings.tables.notices, to=each, kind=kind, fact=f"{notice.to}#{at}", at=at, facts=facts
            )
            for each in followers
        ]
        if told:
            world.tables.write(*told)
        if start is None:
            return
    log.error("followers_cut_short", reader=notice.to)
