"""Everything that a person has, as a file of theirs (product §1).

Asked for, it is made by the clock: read from every context through its own service, written to the private bucket, and
told by a mail with a link. Making it again is the same file in the same place, so any step may be repeated; a crash
between the mail and its mark sends a second mail, and no crash loses one.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Final, TypeVar

from chalicelib.accounts import schemas as accounts_views
from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.kernel.errors import Forbidden, NotFound, ProviderFailed, Unavailable
from chalicelib.kernel.time import HOUR, MINUTE, SECOND, Millis, rfc3339
from chalicelib.live import belongings, looking
from chalicelib.live import service as live
from chalicelib.live.gift_schemas import sent_view
from chalicelib.live.schemas import StreamView
from chalicelib.notifications import bounces, inbox
from chalicelib.notifications.letters import letter
from chalicelib.notifications.model.words import Words
from chalicelib.notifications.schemas import notification_view
from chalicelib.notifications.telling import Notification
from chalicelib.operations import traded, written
from chalicelib.operations.model import export as model
from chalicelib.operations.model.export import Export
from chalicelib.operations.store import Leaving
from chalicelib.payouts import payees, paying
from chalicelib.payouts.model import Payout
from chalicelib.payouts.schemas import PayoutAccountView, PayoutView
from chalicelib.readers import pictures
from chalicelib.readers import service as readers
from chalicelib.runtime.logs import log
from chalicelib.runtime.retries import undisturbed
from chalicelib.runtime.schemas import Schema
from chalicelib.runtime.tables import Key
from chalicelib.scheduling import service as scheduling
from chalicelib.scheduling.model.booking import Booking
from chalicelib.scheduling.schemas import BookingView
from chalicelib.sessions import afterwards
from chalicelib.sessions import service as sessions
from chalicelib.sessions.afterwards_schemas import guarantee_view, note_view, review_view
from chalicelib.sessions.model.session import Who
from chalicelib.sessions.schemas import session_view
from chalicelib.wallet import bought, recharges, statement
from chalicelib.wallet.bought import Bought
from chalicelib.wallet.schemas import auto_recharge_view, entry_view

T = TypeVar("T")
Told = Callable[[T], dict[str, Any]]

SHOWN: Final = 15 * MINUTE
"""How long a link lasts that somebody who is signed in is given."""
MAILED: Final = HOUR
"""How long one lasts that lies in a mailbox. Afterwards the app gives another."""

_SIDES: Final[tuple[Who, ...]] = ("client", "reader")
_WHEN: Final[tuple[scheduling.When, ...]] = ("upcoming", "past")
_PAGE: Final = 100
_MOST_PAGES: Final = 100
_STEPS: Final = 6


def ask(world: World, person_id: str, export_id: str) -> Export:
    """Ask for a file of everything; while one is being made it is the answer. ``export_id`` derives from the request.

    Raises RateLimited beyond five in seven days.
    """
    rows = _rows(world)

    def attempt() -> Export:
        if done := rows.export(export_id):
            return done
        made = rows.made(person_id)
        newest = rows.export(made.newest) if made.newest else None
        if newest and newest.ready_at is None:
            return newest
        export = Export(export_id, person_id, world.now())
        world.tables.write(*rows.ask(export, model.asked(made, export)))
        return replace(export, rev=1)

    export = undisturbed(world.sleep, attempt)
    if not export.finished:
        world.wind("export", export.id, 0, world.now())
    return export


def export_of(world: World, person_id: str, export_id: str) -> Export:
    """One of a person's own exports. Raises NotFound, or Forbidden for somebody else's."""
    export = load(world, export_id)
    if export.person != person_id:
        raise Forbidden
    return export


def link(world: World, export: Export) -> str | None:
    """An address that gives the file for fifteen minutes; None where there is none, or none any more."""
    return world.exports.link(_key(export), SHOWN // SECOND) if export.status(world.now()) == "ready" else None


def load(world: World, export_id: str) -> Export:
    """The export as stored. Raises NotFound."""
    export = _rows(world).export(export_id)
    if export is None:
        raise NotFound("There is no such export.")
    return export


def advance(world: World, export_id: str) -> Millis | None:
    """Make the file and send its link; answer when to be called again, None for never.

    Raises NotFound, Unavailable, ProviderFailed (the bucket refused).
    """
    rows = _rows(world)
    for _ in range(_STEPS):
        export = load(world, export_id)
        if export.finished:
            return None
        if export.ready_at is None:
            content = json.dumps(everything(world, export.person), ensure_ascii=False, indent=1)
            world.exports.put(_key(export), content.encode(), "application/json")
            if not world.wrote(rows.keep_export(replace(export, ready_at=world.now()))):
                _remove_if_gone(world, export)
        else:
            _mail(world, export)
            world.wrote(rows.keep_export(replace(export, mailed=True)))
    raise Unavailable("The export is too busy.")


def _remove_if_gone(world: World, export: Export) -> None:
    """The person may have been forgotten while their file was made: it must not outlive that."""
    if accounts.is_deleted(world, export.person):
        world.exports.delete(_key(export))


def page_of_shard(world: World, shard: str, limit: int, start: Key | None) -> tuple[list[Key], Key | None]:
    """Keys of exports that should be finished, for the minute tick."""
    return _rows(world).due("export", shard, world.now(), limit, start)


def forget(world: World, person_id: str) -> None:
    """Remove the files that are left of a deleted person, and make none that is still wanted."""
    rows = _rows(world)
    for export_id, _ in rows.made(person_id).exports:
        if export := rows.export(export_id):
            if not export.finished:
                world.tables.write(rows.keep_export(replace(export, ready_at=export.requested_at, mailed=True)))
            world.exports.delete(_key(export))


# --- what is in it -------------------------------------------------------------------------------


def everything(world: World, person_id: str) -> dict[str, Any]:
    """What the product keeps of a person, by what it is, in the shapes of the API.

    ``cut_short`` names lists with more than 10,000 things: the newest are there.
    """
    cut: list[str] = []

    def all_of(name: str, page: Callable[[Key | None], tuple[list[T], Key | None]], told: Told[T]) -> Any:
        found, start = [], None
        for _ in range(_MOST_PAGES):
            items, start = page(start)
            found += [told(each) for each in items]
            if start is None:
                return found
        cut.append(name)
        return found

    told: dict[str, Any] = {"made_at": rfc3339(world.now()), **_of_account(world, person_id)}
    for side in _SIDES:
        told[f"sessions_as_{side}"] = all_of(
            f"sessions_as_{side}", _sessions(world, side, person_id), lambda seen: _session(world, seen, person_id)
        )
        told[f"bookings_as_{side}"] = [
            each
            for when in _WHEN
            for each in all_of(
                f"bookings_as_{side}",
                _bookings(world, side, person_id, when),
                partial(_booking, world, side),
            )
        ]
    told["favorites"] = all_of(
        "favorites",
        lambda start: readers.favorite_ids(world, person_id, _PAGE, start),
        lambda each: {"reader": each.reader, "notify_online": each.notify_online},
    )
    told["streams_hosted"] = all_of(
        "streams_hosted",
        lambda start: looking.listing(world, "past", None, person_id, _PAGE, start),
        lambda stream: _plain(StreamView.of(looking.as_listed(world, stream), person_id)),
    )
    if on_air := live.open_of(world, person_id):
        told["streams_hosted"].append(_plain(StreamView.of(looking.as_listed(world, on_air), person_id)))
    told["gifts_sent"] = all_of(
        "gifts_sent",
        lambda start: belongings.gifts_of(world, person_id, _PAGE, start),
        lambda sent: {"stream": sent.stream, **_plain(sent_view(sent))},
    )
    told["tickets"] = all_of(
        "tickets",
        lambda start: belongings.tickets_of(world, person_id, _PAGE, start),
        lambda ticket: {"stream": ticket.stream, "coins": ticket.coins, "at": rfc3339(ticket.at)},
    )
    for name, page in (written.pages(world, person_id) | traded.pages(world, person_id)).items():
        told[name] = all_of(name, page, dict)
    for account in ("credit", "coins", "earnings"):
        told[f"{account}_entries"] = all_of(
            f"{account}_entries",
            _entries(world, statement.account_of(person_id, account)),
            lambda entry: _plain(entry_view(entry)),
        )
    told["coin_purchases"] = all_of("coin_purchases", _coin_purchases(world, person_id), _coin_purchase)
    told["notifications"] = all_of(
        "notifications", _inbox(world, person_id), lambda each: _plain(notification_view(*each))
    )
    told["payout_account"] = _plain(PayoutAccountView.of(payees.rows_of(world).payee(person_id)))
    told["payouts"] = all_of("payouts", _payouts(world, person_id), lambda each: _plain(PayoutView.of(each)))
    return told | {"cut_short": cut}


def _of_account(world: World, person_id: str) -> dict[str, Any]:
    person = accounts.person(world, person_id)
    blocks: list[dict[str, Any]] = []
    after: str | None = None
    for _ in range(_MOST_PAGES):
        page, after = accounts.blocks_of(world, person_id, _PAGE, after)
        blocks += [_plain(accounts_views.BlockView.of(each)) for each in page]
        if after is None:
            break
    return {
        "profile": _plain(accounts_views.Me.of(person))
        | {"email": person.email, "created_at": rfc3339(person.created_at)},
        "consents": [
            _plain(accounts_views.ConsentView.of(each)) for each in accounts.consents_of(world, person_id).given
        ],
        "devices": [
            _plain(accounts_views.DeviceView.of(each)) for each in accounts.devices_of(world, person_id).registered
        ],
        "notification_preferences": _plain(
            accounts_views.PreferencesView.of(accounts.preferences_of(world, person_id))
        ),
        "blocks": blocks,
        "limits": _plain(accounts_views.LimitsView.of(accounts.limits_of(world, person_id))),
        "auto_recharge": _plain(auto_recharge_view(recharges.settings_of(world, person_id))),
        "reader": _reader(world, person_id) if person.role == "reader" else None,
    }


def _reader(world: World, person_id: str) -> dict[str, Any]:
    from chalicelib.readers.schemas import OwnProfile

    reader = readers.reader(world, person_id)
    return _plain(OwnProfile.of(reader, pictures.link(world, reader.id, reader.picture)))


def _sessions(
    world: World, side: Who, person_id: str
) -> Callable[[Key | None], tuple[list[sessions.Snapshot], Key | None]]:
    return lambda start: sessions.sessions_of(world, side, person_id, _PAGE, start)


def _session(world: World, seen: sessions.Snapshot, person_id: str) -> dict[str, Any]:
    """The reading, with what the person wrote after it."""
    session, own = seen.session, afterwards.own_of(world, seen.session, person_id)
    return {
        **_plain(session_view(session, session.who(person_id), None, seen.now, world.settings.rules)),
        "note": _plain(note_view(own.note)) if own.note.text else None,
        "review": _plain(review_view(own.review)) if own.review else None,
        "satisfaction_request": _plain(guarantee_view(own.guarantee)) | {"reason": own.guarantee.reason}
        if own.guarantee
        else None,
    }


def _bookings(
    world: World, side: Who, person_id: str, when: scheduling.When
) -> Callable[[Any], tuple[list[Booking], Any]]:
    return lambda start: scheduling.bookings_of(world, side, person_id, when, _PAGE, start)


def _booking(world: World, side: Who, booking: Booking) -> dict[str, Any]:
    return _plain(BookingView.of(booking, side, world.now()))


def _entries(world: World, account: str) -> Callable[[Key | None], tuple[list[Any], Key | None]]:
    return lambda start: statement.page(world, account, _PAGE, start)


def _coin_purchases(world: World, person_id: str) -> Callable[[Key | None], tuple[list[Bought], Key | None]]:
    return lambda start: bought.bought_by(world, person_id, _PAGE, start)


def _coin_purchase(purchase: Bought) -> dict[str, Any]:
    """What an app store was paid, only that store knows."""
    return {
        "store": purchase.store,
        "id": purchase.id,
        "at": rfc3339(purchase.at),
        "coins": purchase.coins,
        "not_taken_back": purchase.left,
    }


def _inbox(world: World, person_id: str) -> Callable[[Any], tuple[list[tuple[Notification, Words]], Any]]:
    def page(start: str | None) -> tuple[list[tuple[Notification, Words]], str | None]:
        found = inbox.listing(world, person_id, _PAGE, start)
        return found.items, found.following

    return page


def _payouts(world: World, person_id: str) -> Callable[[Any], tuple[list[Payout], Any]]:
    return lambda start: paying.payouts_of(world, person_id, _PAGE, start)


def _plain(view: Schema) -> dict[str, Any]:
    return view.model_dump(mode="json", by_alias=True)


# --- the post ------------------------------------------------------------------------------------


def _mail(world: World, export: Export) -> None:
    """Unless the address takes no letters: the app has the link. Raises Unavailable where it is not known to be on its
    way.
    """
    person = accounts.person(world, export.person)
    if not person.email or export.expires_at is None or bounces.withheld(world, person.id, person.email):
        return
    address = world.exports.link(_key(export), MAILED // SECOND)
    text = (
        "The file with everything that SoulSeer keeps of you is ready.\n\n"
        f"{address}\n\n"
        "This link works for an hour, for whoever has it: do not pass it on. "
        f"Until {rfc3339(export.expires_at)[:10]} the app gives you another one whenever you ask."
    )
    try:
        world.mail.send(letter(person.email, person.display_name, Words("Your data at SoulSeer", text)))
    except ProviderFailed:
        log.warning("mail_refused", kind="export", user=person.id)  # the app has the link


def _key(export: Export) -> str:
    return f"{export.person}/{export.id}.json"


def _rows(world: World) -> Leaving:
    return Leaving(world.tables, world.settings.tables.accounts, world.settings.tick_shards)
