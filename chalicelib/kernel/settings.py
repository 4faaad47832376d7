"""Settings, read once from the environment of the function. Secrets are not here: see ``runtime.secrets``.

The names are the public ones of ``.chalice/config.json`` and ``infra/template``; spans are given in
seconds there and kept in milliseconds here.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import DAY, HOUR, MINUTE, SECOND, Millis


@dataclass(frozen=True, slots=True)
class Rules:
    """The lengths of product §1, §3 and §10. Every stage runs the defaults; a local stack may shorten them."""

    minute: Millis = MINUTE
    """A billed minute of connected time."""
    grace: Millis = 5 * MINUTE
    """From the effective moment of a pause."""
    ring: Millis = 3 * MINUTE
    join: Millis = 2 * MINUTE
    beat: Millis = 30 * SECOND
    """How often an app shows that it is there."""
    silence: Millis = 75 * SECOND
    """Without a beat for this long, a participant has left."""
    session_max: Millis = 3 * HOUR
    """From the first active moment, pauses included."""
    hold_minutes: int = 7
    """Minutes of the rate that other spending cannot touch while a meter runs: five of lease, two of warning."""
    cooling_off: Millis = 30 * DAY
    """From the confirmation of a deletion (product §1) until it is carried out."""
    quarter: Millis = 15 * MINUTE
    """The grid of bookings: each of their quarters of an hour."""
    booking_notice: Millis = 2 * HOUR
    """How long before its start a booking can be made at the latest."""
    booking_join: Millis = 10 * MINUTE
    """How long before its start a booking's reading opens, and how long after it a late one is waited for."""
    earnings_hold: Millis = 3 * DAY
    """How old earnings must be to be paid out (product §10)."""
    host_gone: Millis = 2 * MINUTE
    """How long a live stream goes on without its host (product §6)."""
    stream_max: Millis = 8 * HOUR
    """The longest that a stream is live."""
    stream_late: Millis = 30 * MINUTE
    """How long after its time a scheduled stream may still start."""
    audience_lease: Millis = 60 * MINUTE
    """The longest life of a token for a stream (product §6)."""

    @property
    def grace_total(self) -> Millis:
        """All the grace one session has."""
        return 3 * self.grace

    @property
    def lease(self) -> Millis:
        """The longest life of a media token, and the longest sleep of the clock: the hold less the warning."""
        return max(self.minute, self.hold_minutes * self.minute - self.warning)

    @property
    def warning(self) -> Millis:
        """How long before the run-out the client is warned."""
        return 2 * self.minute


@dataclass(frozen=True, slots=True)
class Tables:
    """The physical names of the tables."""

    ledger: str
    wallet: str
    sessions: str
    accounts: str
    readers: str
    scheduling: str
    live: str
    messaging: str
    community: str
    moderation: str
    shop: str
    rollups: str
    notices: str
    inbox: str
    limits: str
    audit: str
    idempotency: str


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a function must know of where it runs."""

    stage: str
    tables: Tables
    rules: Rules
    clock_machine_arn: str
    auth_issuer: str
    """With its trailing slash, as Auth0 writes ``iss``."""
    auth_audience: str
    auth_jwks_url: str
    stripe_secret: str
    """Name of the secret ``{"api_key", "webhook_secret"}``."""
    stripe_connect_secret: str
    """Name of the secret ``{"webhook_secret"}`` that Stripe signs events of connected accounts with."""
    stripe_api_base: str | None
    """Another address than Stripe's own; None uses Stripe's."""
    stripe_livemode: bool
    """Whether the events of real money are ours; else those of test money are."""
    agora_secret: str
    """Name of the secret ``{"app_id", "app_certificate"}``: it opens channels."""
    agora_rest_secret: str
    """Name of the secret ``{"app_id", "customer_id", "customer_secret"}``: it puts people out of them."""
    agora_notices_secret: str
    """Name of the secret ``{"secret"}`` that Agora signs its notices with."""
    agora_api_base: str | None
    """Another address than Agora's own; None uses Agora's."""
    apple_secret: str
    """Name of the secret ``{"bundle_id", "app_apple_id", "issuer_id", "key_id", "private_key", "root_certificates"}``
    of our app in the App Store.
    """
    apple_api_base: str | None
    """Another address than the App Store Server API's own; None uses Apple's."""
    google_secret: str
    """Name of the secret ``{"package_name", "service_account", "push_audience", "push_email"}`` of our app in Google
    Play.
    """
    google_api_base: str | None
    """Another address than the Play Developer API's own; None uses Google's."""
    google_certs_url: str | None
    """Another address of the keys that Google signs its pushes with; None uses Google's."""
    cents_per_100_coins: int
    """What coins are worth when they are spent on a reader."""
    adjustment_limit: Cents
    """What one person may give or take by hand in a day, and what may be given to or taken from one person so; more
    needs a second person's approval.
    """
    checkout_return_url: str
    """Where Stripe's pages, of Checkout and of onboarding, send people back to."""
    api_url: str | None
    """Where the API is found, ending before ``/v1``; ``{api}`` and ``{stage}`` in it are the gateway's names. None is
    wherever the caller found it.
    """
    api_base: str | None
    """The same where no request says it, as for what letters hold; None where it is not known."""
    unsubscribe_secret: str
    """Name of the secret ``{"secret"}`` that addresses for unsubscribing are made with."""
    mail_from: str
    """The address that mail comes from: an identity verified at SES."""
    mail_set: str | None
    """SES' configuration set that letters are sent with, which tells of their bounces; None uses none."""
    push_ios_arn: str | None
    """SNS' platform application of our app for iOS; None pushes nothing there."""
    push_android_arn: str | None
    """The same for Android."""
    untold_url: str
    """The queue of what could not be told, to be tried again."""
    dead_letters_url: str
    """The queue of what went on failing."""
    exports_bucket: str
    """What people have of theirs, as files to fetch. Private; files go after a week."""
    pictures_bucket: str
    """Pictures of readers. Private; shown by links that expire."""
    attachments_bucket: str
    """What people send with messages and posts. Private; shown by links that expire."""
    files_bucket: str
    """What is sold as a file. Private; fetched by links that expire."""
    digests_bucket: str
    """Digests of the ledger, a day each. What is in it cannot be changed."""
    tick_shards: int
    rate_limits: bool


def settings_from(environment: Mapping[str, str]) -> Settings:
    """Read the settings. Raises KeyError naming the variable when a required one is absent."""
    issuer = environment["AUTH_ISSUER"]
    return Settings(
        stage=environment["STAGE"],
        tables=Tables(
            **{name: environment[f"{name.upper()}_TABLE"] for name in Tables.__dataclass_fields__},
        ),
        rules=_rules_from(environment),
        clock_machine_arn=environment["CLOCK_MACHINE_ARN"],
        auth_issuer=issuer,
        auth_audience=environment["AUTH_AUDIENCE"],
        auth_jwks_url=environment.get("AUTH_JWKS_URL") or f"{issuer}.well-known/jwks.json",
        stripe_secret=environment["STRIPE_SECRET"],
        stripe_connect_secret=environment["STRIPE_CONNECT_SECRET"],
        stripe_api_base=environment.get("STRIPE_API_BASE") or None,
        stripe_livemode=environment.get("STRIPE_LIVEMODE") == "true",
        agora_secret=environment["AGORA_SECRET"],
        agora_rest_secret=environment["AGORA_REST_SECRET"],
        agora_notices_secret=environment["AGORA_NOTICES_SECRET"],
        agora_api_base=environment.get("AGORA_API_BASE") or None,
        apple_secret=environment["APPLE_SECRET"],
        apple_api_base=environment.get("APPLE_API_BASE") or None,
        google_secret=environment["GOOGLE_SECRET"],
        google_api_base=environment.get("GOOGLE_API_BASE") or None,
        google_certs_url=environment.get("GOOGLE_CERTS_URL") or None,
        cents_per_100_coins=int(environment.get("CENTS_PER_100_COINS") or 100),
        adjustment_limit=int(environment.get("ADJUSTMENT_LIMIT_CENTS") or 10_000),
        checkout_return_url=environment["CHECKOUT_RETURN_URL"],
        api_url=environment.get("API_URL") or None,
        api_base=_api_base(environment),
        unsubscribe_secret=environment["UNSUBSCRIBE_SECRET"],
        mail_from=environment["MAIL_FROM"],
        mail_set=environment.get("MAIL_SET") or None,
        push_ios_arn=environment.get("PUSH_IOS_ARN") or None,
        push_android_arn=environment.get("PUSH_ANDROID_ARN") or None,
        untold_url=environment["UNTOLD_URL"],
        dead_letters_url=environment["DEAD_LETTERS_URL"],
        exports_bucket=environment["EXPORTS_BUCKET"],
        pictures_bucket=environment["PICTURES_BUCKET"],
        attachments_bucket=environment["ATTACHMENTS_BUCKET"],
        files_bucket=environment["FILES_BUCKET"],
        digests_bucket=environment["DIGESTS_BUCKET"],
        tick_shards=int(environment.get("TICK_SHARDS") or 16),
        rate_limits=environment.get("RATE_LIMITS", "on") != "off",
    )


def _api_base(environment: Mapping[str, str]) -> str | None:
    api, known = environment.get("API_ID"), environment.get("API_URL")
    if known and (api or "{api}" not in known):
        return known.format(api=api, stage=environment["STAGE"])
    if api is None:
        return None
    return f"https://{api}.execute-api.{environment['AWS_REGION']}.amazonaws.com/{environment['STAGE']}"


def _rules_from(environment: Mapping[str, str]) -> Rules:
    default = Rules()

    def span(name: str, otherwise: Millis) -> Millis:
        written = environment.get(name)
        millis = round(float(written) * SECOND) if written else otherwise
        if millis <= 0:
            raise ValueError(f"{name} must be more than 0 seconds, not {written!r}")
        return millis

    return Rules(
        minute=span("BILLING_MINUTE_SECONDS", default.minute),
        grace=span("GRACE_SECONDS", default.grace),
        ring=span("RING_SECONDS", default.ring),
        join=span("JOIN_SECONDS", default.join),
        beat=span("BEAT_SECONDS", default.beat),
        silence=span("SILENCE_SECONDS", default.silence),
        session_max=span("SESSION_MAX_SECONDS", default.session_max),
        hold_minutes=int(environment.get("HOLD_MINUTES") or default.hold_minutes),
        cooling_off=span("DELETION_SECONDS", default.cooling_off),
        quarter=span("BOOKING_QUARTER_SECONDS", default.quarter),
        booking_notice=span("BOOKING_NOTICE_SECONDS", default.booking_notice),
        booking_join=span("BOOKING_JOIN_SECONDS", default.booking_join),
        earnings_hold=span("EARNINGS_HOLD_SECONDS", default.earnings_hold),
        host_gone=span("HOST_GONE_SECONDS", default.host_gone),
        stream_max=span("STREAM_MAX_SECONDS", default.stream_max),
        stream_late=span("STREAM_LATE_SECONDS", default.stream_late),
        audience_lease=span("AUDIENCE_LEASE_SECONDS", default.audience_lease),
    )
