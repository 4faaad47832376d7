"""A person as their own app sees them, and what they set."""

import re
from datetime import date, datetime
from typing import Annotated, Final, Self

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints

from chalicelib.accounts.model import limits
from chalicelib.accounts.model.attachment import MOST, MOST_BYTES, Attachment, AttachmentType
from chalicelib.accounts.model.blocks import Block
from chalicelib.accounts.model.consents import Consent, Document
from chalicelib.accounts.model.devices import Device, Platform
from chalicelib.accounts.model.limits import Limits, Setting, Wanted
from chalicelib.accounts.model.person import Changes, Person, Status
from chalicelib.accounts.model.preferences import DEFAULTS, Channel, Kind, Preferences, QuietHours
from chalicelib.kernel.money import Cents
from chalicelib.kernel.roles import Role
from chalicelib.kernel.time import SECOND, rfc3339, rfc3339_or_none
from chalicelib.runtime.schemas import Id, Money, Schema

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})"
)
_CHANNELS: Final[tuple[Channel, ...]] = ("inbox", "email", "push")


class Me(Schema):
    """One's own profile."""

    id: str
    role: Role
    display_name: str
    birth_date: date | None
    time_zone: Annotated[str, Field(description="IANA name.", examples=["America/New_York"])]
    locale: Annotated[str, Field(description="Language tag (BCP 47).", examples=["en-US"])]
    status: Status

    @classmethod
    def of(cls, person: Person) -> Self:
        return cls(
            id=person.id,
            role=person.role,
            display_name=person.display_name,
            birth_date=person.birth_date,
            time_zone=person.time_zone,
            locale=person.locale,
            status=person.status,
        )


def _written_as_a_date(value: object) -> object:
    """Pydantic would take a Unix time in a string for a date; what is set once must be written as one."""
    if not isinstance(value, str):
        return value
    try:
        if _DATE.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise ValueError("Write it as 1990-12-31.")


BirthDate = Annotated[date, BeforeValidator(_written_as_a_date), Field(description="Set once; 18 or older.")]


class MeChanges(Schema):
    """What to change. A field that is absent or null stays as it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"display_name": "Clara", "time_zone": "Europe/Vienna"}]})

    display_name: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    birth_date: BirthDate | None = None
    time_zone: Annotated[str, Field(max_length=64)] | None = None
    locale: Annotated[str, Field(max_length=35)] | None = None

    def changes(self) -> Changes:
        return Changes(
            display_name=self.display_name,
            birth_date=self.birth_date,
            time_zone=self.time_zone,
            locale=self.locale,
        )


# --- consents and devices ------------------------------------------------------------------------


class NewConsent(Schema):
    """The version of a document that one agrees to, as the app showed it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"document": "terms", "version": "2026-11-01"}]})

    document: Document
    version: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,32}$")]


class ConsentView(Schema):
    """A version that one agreed to, when first, and when one took that back."""

    document: Document
    version: str
    at: str
    withdrawn_at: str | None

    @classmethod
    def of(cls, consent: Consent) -> Self:
        return cls(
            document=consent.document,
            version=consent.version,
            at=rfc3339(consent.at),
            withdrawn_at=rfc3339_or_none(consent.withdrawn_at),
        )


class NewDevice(Schema):
    """Where pushes go: the token that Apple or Google gave to the app."""

    platform: Platform
    token: Annotated[str, StringConstraints(pattern=r"^[!-~]{1,512}$")]


class DeviceView(Schema):
    """A device. Its token is not shown again."""

    id: str
    platform: Platform
    created_at: str

    @classmethod
    def of(cls, device: Device) -> Self:
        return cls(id=device.id, platform=device.platform, created_at=rfc3339(device.created_at))


# --- notification preferences --------------------------------------------------------------------


class Channels(Schema):
    """By which channels notices of one kind come."""

    inbox: bool
    email: bool
    push: bool


_CLOCK: Final = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
_HOUR: Final = 60
"""Minutes."""


class QuietHoursView(Schema):
    """No e-mail and no push from `from` to before `until`, in one's own time zone; over midnight too."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"from": "22:00", "until": "07:30"}]})

    from_: Annotated[str, StringConstraints(pattern=_CLOCK)] = Field(alias="from")
    until: Annotated[str, StringConstraints(pattern=_CLOCK)]


class PreferencesBody(Schema):
    """A kind that is not named stays as it is; without `quiet_hours` there are none."""

    kinds: dict[Kind, Channels]
    quiet_hours: QuietHoursView | None = None
    rev: Annotated[int, Field(ge=0, description="Of the preferences that were changed; 0 where none were stored.")]

    def chosen(self) -> dict[Kind, frozenset[Channel]]:
        return {
            kind: frozenset(channel for channel in _CHANNELS if getattr(on, channel)) for kind, on in self.kinds.items()
        }

    def quiet(self) -> QuietHours | None:
        hours = self.quiet_hours
        return QuietHours(_minute(hours.from_), _minute(hours.until)) if hours else None


class PreferencesView(Schema):
    """Every kind of notice with its channels. `rev` goes back with a change, so that none is lost."""

    kinds: dict[Kind, Channels]
    quiet_hours: QuietHoursView | None
    rev: int

    @classmethod
    def of(cls, preferences: Preferences) -> Self:
        kinds = {
            kind: Channels(**{channel: channel in preferences.channels(kind) for channel in _CHANNELS})
            for kind in DEFAULTS
        }
        quiet = preferences.quiet
        hours = QuietHoursView(**{"from": _clock(quiet.start), "until": _clock(quiet.end)}) if quiet else None
        return cls(kinds=kinds, quiet_hours=hours, rev=preferences.rev)


def _minute(clock: str) -> int:
    return int(clock[:2]) * _HOUR + int(clock[3:])


def _clock(minute: int) -> str:
    return f"{minute // _HOUR:02}:{minute % _HOUR:02}"


# --- blocks --------------------------------------------------------------------------------------


class NewBlock(Schema):
    """Whom to block, here or not."""

    user: Annotated[str, StringConstraints(pattern=r"^usr_[0-9A-HJKMNP-TV-Z]{26}$")]
    """A person's id: a slug is none."""


class BlockView(Schema):
    """Somebody who was blocked. Their name is for those who meet them, and so is not here."""

    user: str
    created_at: str

    @classmethod
    def of(cls, block: Block) -> Self:
        return cls(user=block.user, created_at=rfc3339(block.created_at))


# --- limits --------------------------------------------------------------------------------------


def _written_as_a_moment(value: object) -> object:
    """Pydantic would take a Unix time, or a date without a zone; what shuts somebody out must say when exactly."""
    if isinstance(value, datetime):
        return value
    try:
        if isinstance(value, str) and _MOMENT.fullmatch(value):
            return datetime.fromisoformat(value)
    except ValueError:
        pass
    raise ValueError("Write it as 2026-12-31T18:00:00Z.")


_Amount = Annotated[Cents, Field(ge=0, le=limits.MOST, description="In cents; null for no limit.")]


class LimitsBody(Schema):
    """All four at once. What is stricter than before acts at once, what is looser in 24 hours.

    What is paid for coins counts too. A purchase in an app counts once its store has told us of it; refused it cannot
    be, for by then it is paid.
    """

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"day": 5000, "week": None, "month": 40000, "self_excluded_until": None}]}
    )

    day: _Amount | None
    week: _Amount | None
    month: _Amount | None
    self_excluded_until: Annotated[datetime, BeforeValidator(_written_as_a_moment)] | None

    def wanted(self) -> Wanted:
        until = self.self_excluded_until
        return Wanted(
            day=self.day,
            week=self.week,
            month=self.month,
            self_excluded_until=round(until.timestamp() * SECOND) if until else None,
        )


class PendingAmount(Schema):
    """The limit that will hold from `at` on; null is none."""

    limit: Money | None
    at: str


class PendingExclusion(Schema):
    """The end that the exclusion will have from `at` on; null is none."""

    self_excluded_until: str | None
    at: str


class Pending(Schema):
    """What was asked for and does not hold yet; null where nothing was."""

    day: PendingAmount | None
    week: PendingAmount | None
    month: PendingAmount | None
    self_excluded_until: PendingExclusion | None


class LimitsView(Schema):
    """What one lets oneself spend, as it holds now; null is no limit."""

    day: Money | None
    week: Money | None
    month: Money | None
    self_excluded_until: str | None
    pending: Pending

    @classmethod
    def of(cls, held: Limits) -> Self:
        until = held.self_excluded_until
        return cls(
            day=_money(held.day.value),
            week=_money(held.week.value),
            month=_money(held.month.value),
            self_excluded_until=rfc3339_or_none(until.value),
            pending=Pending(
                day=_pending(held.day),
                week=_pending(held.week),
                month=_pending(held.month),
                self_excluded_until=None
                if until.changes_at is None
                else PendingExclusion(self_excluded_until=rfc3339_or_none(until.then), at=rfc3339(until.changes_at)),
            ),
        )


Uploads = Annotated[list[Id], Field(max_length=MOST, description="Ids of `POST /v1/uploads`, each once.")]
"""What a person puts beside a message or a post."""


class NewUpload(Schema):
    """What the file is, and its bytes: 10 MB at most."""

    media_type: AttachmentType
    size: Annotated[int, Field(ge=1, le=MOST_BYTES)]


class UploadView(Schema):
    """Post the file to `url` as a form until `expires_at`: `fields` first, then it as `file`."""

    id: Annotated[str, Field(description="For `uploads` of a message or a post, within a day.")]
    url: str
    fields: dict[str, str]
    expires_at: str


class AttachmentView(Schema):
    """A file beside a message or a post."""

    id: str
    media_type: AttachmentType
    size: Annotated[int, Field(description="Bytes.")]
    url: Annotated[str, Field(description="Gives the file for fifteen minutes, to whoever has it.")]

    @classmethod
    def of(cls, attachment: Attachment, url: str) -> Self:
        return cls(id=attachment.id, media_type=attachment.media_type, size=attachment.size, url=url)


def _money(cents: Cents | None) -> Money | None:
    return None if cents is None else Money(amount=cents)


def _pending(setting: Setting) -> PendingAmount | None:
    at = setting.changes_at
    return None if at is None else PendingAmount(limit=_money(setting.then), at=rfc3339(at))
