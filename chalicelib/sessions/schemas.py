"""What the sessions endpoints take and give."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from chalicelib.gateways.agora import Lease
from chalicelib.kernel.settings import Rules
from chalicelib.kernel.time import SECOND, Millis, ceil_div, rfc3339, rfc3339_or_none
from chalicelib.runtime.schemas import Id, ListQuery, MediaView, Money, PersonView, Schema
from chalicelib.sessions.model.due import deadline
from chalicelib.sessions.model.session import Modality, Reason, Session, Side, State, Who
from chalicelib.wallet.model.funds import Funds
from chalicelib.wallet.model.receipt import Receipt


class NewSession(Schema):
    """Whom to ask for a reading, and how."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"reader": "usr_01JD0000000000000000000000", "modality": "voice"}]}
    )

    reader: Annotated[Id, Field(description="The reader's id, not the slug.")]
    modality: Modality


class PresentView(Schema):
    """Who is there."""

    client: bool
    reader: bool


class SessionView(Schema):
    """A reading as one of its two people sees it."""

    id: str
    client: PersonView
    reader: PersonView
    modality: Modality
    rate: Money = Field(description="For one minute of connected time.")
    state: State
    reason: Reason | None
    created_at: str
    accepted_at: str | None
    started_at: str | None
    ended_at: str | None
    connected_seconds: int
    minutes_charged: int = Field(description="Net of minutes taken back whole.")
    charged: Money
    refunded: Money
    seconds_left: int | None = Field(description="Paid or affordable; a reader sees it from two minutes down.")
    low_balance_warning: bool
    deadline_at: str | None = Field(description="When ringing, joining or grace is over.")
    next_beat_seconds: int = Field(description="Send the next heartbeat after this long.")
    present: PresentView


class SessionWithMedia(Schema):
    """`media` is null where the reading ended instead of starting."""

    session: SessionView
    media: MediaView | None


class SessionsQuery(ListQuery):
    """Which sessions."""

    as_: Who | None = Field(default=None, alias="as", description="One's side; client unless `open`.")
    state: State | None = None
    open: bool = Field(default=False, description="Only the open one; strongly consistent.")


class ReceiptMinute(Schema):
    """A minute that was charged and kept."""

    number: int
    at: str
    amount: Money


class ReceiptRefund(Schema):
    """The unused rest of a minute, given back."""

    at: str
    amount: Money
    reason: Reason | None


class ReceiptView(Schema):
    """Every minute that was paid; `total` is minutes less refunds."""

    minutes: list[ReceiptMinute]
    refunds: list[ReceiptRefund]
    total: Money


class PresenceView(Schema):
    """The reader's presence, and the reading they are asked for or in."""

    presence: Literal["offline", "online", "busy"]
    session: SessionView | None


def session_view(session: Session, who: Who, funds: Funds | None, now: Millis, rules: Rules) -> SessionView:
    """The session as ``who`` may see it: a reader never learns what is in the client's wallet.

    ``funds`` is None once the session has ended.
    """
    connected = session.connected(now)
    minutes = session.prepaid or (funds.minute if funds else ceil_div(session.connected_before, rules.minute))
    left = funds.lasts if funds else 0
    near = funds is not None and session.started_at is not None and left <= rules.warning
    # Where the longest reading ends first, no money runs out on the running meter.
    by_credit = funds is not None and session.booking is None
    low = near and by_credit and funds is not None and (session.state != "active" or funds.run_out is not None)
    ends = deadline(session, rules)
    shown = who == "client" or near or session.booking is not None
    return SessionView(
        id=session.id,
        client=_person(session.client),
        reader=_person(session.reader),
        modality=session.modality,
        rate=Money(amount=session.rate),
        state=session.state,
        reason=session.reason,
        created_at=rfc3339(session.created_at),
        accepted_at=rfc3339_or_none(session.accepted_at),
        started_at=rfc3339_or_none(session.started_at),
        ended_at=rfc3339_or_none(session.ended_at),
        connected_seconds=connected // SECOND,
        minutes_charged=minutes,
        charged=Money(amount=minutes * session.rate),
        refunded=Money(amount=session.refunded),
        seconds_left=left // SECOND if shown else None,
        low_balance_warning=low,
        deadline_at=rfc3339_or_none(ends),
        next_beat_seconds=max(1, rules.beat // SECOND),
        present=PresentView(client=session.client.here(now, rules), reader=session.reader.here(now, rules)),
    )


def media_view(lease: Lease) -> MediaView:
    """The lease as a phone needs it."""
    return MediaView(
        app_id=lease.app_id,
        channel=lease.channel,
        uid=lease.uid,
        rtc_token=lease.rtc_token,
        rtm_token=lease.rtm_token,
        expires_at=rfc3339(lease.expires_at),
    )


def receipt_view(receipt: Receipt, session: Session) -> ReceiptView:
    """The receipt; a refund is due to what cut the minute."""
    return ReceiptView(
        minutes=[
            ReceiptMinute(number=minute.number, at=rfc3339(minute.at), amount=Money(amount=minute.amount))
            for minute in receipt.minutes
        ],
        refunds=[
            ReceiptRefund(at=rfc3339(refund.at), amount=Money(amount=refund.amount), reason=session.cut)
            for refund in receipt.refunds
        ],
        total=Money(amount=receipt.total),
    )


def _person(side: Side) -> PersonView:
    return PersonView(id=side.user, display_name=side.name)
