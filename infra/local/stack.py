"""The whole local stack as one context manager: what ``make serve``, ``make run`` and the end-to-end tests start.

    with local_stack(state_dir=Path(".local"), environment=os.environ) as stack:
        requests.get(f"{stack.api_url}/health")

Up in this order: the vendors' counterparts (so that their addresses are known), the local AWS, the deployment, one
call to each function, the ready people; then ``stack.json`` is written and the stack is handed over. Down in the
reverse order. With the same ``state_dir`` the next start finds the same people, tables, payments, keys and, where
they are free, ports.

Settings come from ``environment`` by the names of ``.chalice/config.json``: ``BILLING_MINUTE_SECONDS``,
``GRACE_SECONDS`` and the others of ``SETTINGS``.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from email.utils import parseaddr
from pathlib import Path
from typing import Any, Final

import boto3
import requests
from botocore.config import Config

from chalicelib.gateways import World, world_of
from chalicelib.kernel.settings import settings_from
from chalicelib.runtime import aws
from chalicelib.runtime.tables import DynamoTables
from chalicelib.shop.events import TOLD
from infra.local.agora.context import Account
from infra.local.agora.server import AgoraServer
from infra.local.apple.server import AppleServer
from infra.local.deploy import (
    STACK,
    STAGE,
    Secrets,
    deploy,
    make_push_applications,
    put_secrets,
    verify_sender,
)
from infra.local.google.server import GoogleServer
from infra.local.issuer import AUDIENCE, IssuerServer
from infra.local.journal import Journal
from infra.local.ministack import REGION, ROOT, WANTED_PORT, CannotStart, MiniStack, end_left_over, installed
from infra.local.people import PEOPLE, make_people
from infra.local.restart import go_on, stop, tick
from infra.local.stripe.server import StripeServer

DEFAULT_STATE_DIR: Final = ROOT / ".local"

LENGTHS: Final = (
    "BILLING_MINUTE_SECONDS",
    "GRACE_SECONDS",
    "RING_SECONDS",
    "JOIN_SECONDS",
    "BEAT_SECONDS",
    "SILENCE_SECONDS",
    "HOLD_MINUTES",
    "SESSION_MAX_SECONDS",
    "DELETION_SECONDS",
    "BOOKING_QUARTER_SECONDS",
    "BOOKING_NOTICE_SECONDS",
    "BOOKING_JOIN_SECONDS",
    "EARNINGS_HOLD_SECONDS",
    "HOST_GONE_SECONDS",
    "STREAM_MAX_SECONDS",
    "STREAM_LATE_SECONDS",
    "AUDIENCE_LEASE_SECONDS",
)
SETTINGS: Final = {
    # Absent means the product's own length.
    **dict.fromkeys(LENGTHS, ""),
    "RATE_LIMITS": "on",
    # Each shard is a worker of its own, and two cores start sixteen of them slowly.
    "TICK_SHARDS": "2",
}
"""What may be set, with what it is where it is not."""

MAIL_FROM: Final = "SoulSeer <hello@soulseer.local>"

CONNECT_EVENTS: Final = ("account.updated", "account.application.deauthorized", "payout.failed")
"""What its endpoint for connected accounts is subscribed to."""

PACKAGE_SECONDS: Final = 600
NOTE: Final = "stack.json"
SHELL_NOTE: Final = "stack.env"
"""The same for a shell, which reads it by ``. .local/stack.env``."""
WARM_SECONDS: Final = 60

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Addresses:
    """``stack.json``: what a running stack offers to programs."""

    api_url: str
    """Ends before ``/v1``."""
    function_urls: dict[str, dict[str, Any]]
    """By the function's name: ``{"url", "headers"}``."""
    issuer_url: str
    stripe_url: str
    agora_url: str
    apple_url: str
    google_url: str
    stripe_webhook_secret: str
    stripe_connect_webhook_secret: str
    endpoint_url: str
    dynamodb_url: str
    """For DynamoDB in place of ``endpoint_url``: what is written there survives a kill."""
    tables: dict[str, str]
    tokens: dict[str, str]

    def variables(self) -> dict[str, str]:
        """What docs/local.md calls them: ``$API``, a token of each of the ready people, and the counterparts."""
        people = {name.upper(): token for name, token in self.tokens.items()}
        return people | {
            "API": self.api_url,
            "ISSUER": self.issuer_url,
            "STRIPE": self.stripe_url,
            "AGORA": self.agora_url,
            "APPLE": self.apple_url,
            "GOOGLE": self.google_url,
        }


@dataclass(frozen=True, slots=True)
class Stack:
    """A running stack."""

    addresses: Addresses
    people: dict[str, str]
    """User id by ``client``, ``reader``, ``admin``."""
    issuer: IssuerServer
    stripe: StripeServer
    agora: AgoraServer
    apple: AppleServer
    google: GoogleServer
    ministack: MiniStack
    session: boto3.Session

    @property
    def api_url(self) -> str:
        return self.addresses.api_url

    @property
    def tokens(self) -> dict[str, str]:
        return self.addresses.tokens

    @property
    def tables(self) -> dict[str, str]:
        return self.addresses.tables

    def token(self, subject: str, *, email: str | None = None, name: str | None = None, **claims: Any) -> str:
        """An access token for anybody; see ``Issuer.mint`` for the rest."""
        return self.issuer.issuer.mint(subject, email=email, name=name, **claims)

    def aws(self, service: str) -> Any:
        """A client of the local AWS, by botocore's name of the service."""
        of_its_own = {"dynamodb": self.addresses.dynamodb_url}
        return _client(self.session, service, of_its_own.get(service, self.addresses.endpoint_url))

    def function_environment(self) -> dict[str, str]:
        """What the functions are told: with it a program of ours works on the same tables."""
        told = self.aws("lambda").get_function_configuration(FunctionName=f"{STACK}-api")
        variables: dict[str, str] = told["Environment"]["Variables"]
        return variables

    def world(self) -> World:
        """The services' world on this stack, for what only an admin may do."""
        return world_of(settings_from(self.function_environment()), DynamoTables(self.aws("dynamodb")))


@contextmanager
def local_stack(
    state_dir: Path = DEFAULT_STATE_DIR,
    environment: Mapping[str, str] | None = None,
    *,
    package: Path | None = None,
    port: int = WANTED_PORT,
    fresh: bool = False,
    enforce_policies: bool = False,
    keep: bool = False,
    warm: bool = True,
    say: Say = print,
) -> Iterator[Stack]:
    """A running stack, until the block ends.

    ``package`` is a folder that ``scripts/package.py`` wrote; without one the sources are packaged now. ``port`` is
    the wanted one of the local AWS, the counterparts take those after it. ``fresh`` forgets all state first.
    ``enforce_policies`` has the functions' IAM policies obeyed. ``keep`` has the state survive a kill, for the price of
    a detour of each request to DynamoDB. ``warm`` has each function started before anybody waits for it. Raises
    CannotStart, DeployFailed.
    """
    settings = settings_of(os.environ if environment is None else environment)
    state_dir = state_dir.resolve()
    package = package or _package(say)
    with ExitStack() as running:
        stack = _up(running, _Options(state_dir, settings, package, port, fresh, enforce_policies, keep, warm, say))
        exports = [f"export {name}={shlex.quote(value)}\n" for name, value in stack.addresses.variables().items()]
        notes = {SHELL_NOTE: "".join(exports), NOTE: json.dumps(asdict(stack.addresses), indent=2) + "\n"}
        for name, content in notes.items():
            _write(state_dir / name, content)
            running.callback((state_dir / name).unlink, missing_ok=True)
        yield stack


def settings_of(environment: Mapping[str, str]) -> dict[str, str]:
    """The settings by name. Raises CannotStart on one that cannot be meant."""
    settings = {name: environment.get(name) or otherwise for name, otherwise in SETTINGS.items()}
    for name in (*LENGTHS, "TICK_SHARDS"):
        if settings[name] and not _is_positive(settings[name]):
            raise CannotStart(f"{name} must be a number above 0, not {settings[name]!r}.")
    if settings["RATE_LIMITS"] not in ("on", "off"):
        raise CannotStart(f"RATE_LIMITS is on or off, not {settings['RATE_LIMITS']!r}.")
    return settings


@dataclass(frozen=True, slots=True)
class _Options:
    state_dir: Path
    settings: Mapping[str, str]
    package: Path
    port: int
    fresh: bool
    enforce_policies: bool
    keep: bool
    warm: bool
    say: Say


@dataclass(frozen=True, slots=True)
class _Counterparts:
    """Of the vendors. Bound to their ports; all but the issuer start later, when they know where to send what."""

    issuer: IssuerServer
    stripe: StripeServer
    agora: AgoraServer
    apple: AppleServer
    google: GoogleServer


def _up(running: ExitStack, options: _Options) -> Stack:
    end_left_over(options.state_dir)
    for name in (NOTE, SHELL_NOTE):  # a kill leaves them, and nobody is at their addresses
        (options.state_dir / name).unlink(missing_ok=True)
    state = options.state_dir / "state"
    if options.fresh:
        shutil.rmtree(state, ignore_errors=True)
    state.mkdir(parents=True, exist_ok=True)
    ports = _remembered_ports(state, options.port)
    journal = Journal(state / "dynamodb.journal") if options.keep else None
    ministack = MiniStack(
        options.state_dir,
        installed(),
        port=ports["aws"],
        enforce_policies=options.enforce_policies,
        dynamodb_url=journal.url if journal else None,
    )
    running.callback(stop, ministack, journal)
    with _timed(options.say, "the local AWS"):
        ministack.start()
    vendors = _counterparts(running, state, ports)
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)  # noqa: S106
    with _timed(options.say, "deployment"):
        apps = make_push_applications(session, ministack.url)
        parameters = _parameters(options.settings, vendors, ministack.url) | apps
        deployed = deploy(session, ministack.url, options.package, parameters)
        secrets = put_secrets(session, ministack.url, vendors.apple.secret(), vendors.google.secret())
        verify_sender(session, ministack.url, parseaddr(MAIL_FROM)[1])
    if lost := go_on(session, ministack, journal):
        options.say(f"  {lost} items put back from the journal")
    dynamodb_url = journal.url if journal else ministack.url
    _point_ourselves_at(running, ministack.url, dynamodb_url)
    function_urls = _function_urls(_client(session, "lambda", ministack.url), ministack.url)
    _open_vendors(vendors, secrets, function_urls)
    addresses = Addresses(
        api_url=f"{ministack.url}/restapis/{deployed.resources['RestAPI']}/{STAGE}/_user_request_",
        function_urls=function_urls,
        issuer_url=vendors.issuer.url,
        stripe_url=vendors.stripe.url,
        agora_url=vendors.agora.url,
        apple_url=vendors.apple.url,
        google_url=vendors.google.url,
        stripe_webhook_secret=secrets.stripe["webhook_secret"],
        stripe_connect_webhook_secret=secrets.stripe_connect["webhook_secret"],
        endpoint_url=ministack.url,
        dynamodb_url=dynamodb_url,
        tables=deployed.tables(),
        tokens={
            name: vendors.issuer.issuer.mint(person.subject, email=person.email, name=person.name)
            for name, person in PEOPLE.items()
        },
    )
    accounts = (vendors.issuer, vendors.stripe, vendors.agora, vendors.apple, vendors.google)
    stack = Stack(addresses, {}, *accounts, ministack, session)
    _remember_ports(state, stack, options.port)
    if options.warm:
        _warm(stack, options.say)
    tick(stack.aws("lambda"), f"{STACK}-billing_tick", _WARM_EVENTS["billing_tick"], stack.world().settings.tick_shards)
    with _timed(options.say, "a client, a reader and an admin"):
        return replace(stack, people=make_people(stack.api_url, stack.world(), stack.tokens))


def _point_ourselves_at(running: ExitStack, endpoint: str, dynamodb: str) -> None:
    """Have this process's own AWS calls go to the local AWS while it runs, whatever credentials are set here.

    The services make their clients from the environment; a real account must never be reached from a local stack.
    """
    ours = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ENDPOINT_URL_DYNAMODB": dynamodb,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
    }
    before = {name: os.environ.get(name) for name in (*ours, "AWS_PROFILE", "AWS_SESSION_TOKEN")}

    def restore() -> None:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        aws.client.cache_clear()

    running.callback(restore)
    for name in before.keys() - ours.keys():
        os.environ.pop(name, None)
    os.environ.update(ours)
    aws.client.cache_clear()


def _counterparts(running: ExitStack, state: Path, ports: Mapping[str, int]) -> _Counterparts:
    issuer = IssuerServer(state, ports["issuer"])
    running.callback(issuer.stop)
    issuer.start()
    stripe = StripeServer(state, ports["stripe"])
    running.callback(stripe.stop)
    agora = AgoraServer(state, ports["agora"])
    running.callback(agora.stop)
    apple = AppleServer(state, ports["apple"])
    running.callback(apple.stop)
    google = GoogleServer(state, ports["google"])
    running.callback(google.stop)
    return _Counterparts(issuer, stripe, agora, apple, google)


def _open_vendors(vendors: _Counterparts, secrets: Secrets, function_urls: Mapping[str, Mapping[str, Any]]) -> None:
    """Give each vendor our account with it, tell it where to send what, and let it begin."""
    connect = function_urls["stripe_connect_webhook"]
    vendors.stripe.send_webhooks_to(
        "connect",
        connect["url"],
        secrets.stripe_connect["webhook_secret"],
        connect["headers"],
        CONNECT_EVENTS,
        connect=True,
    )
    hook = function_urls["stripe_webhook"]
    key = secrets.stripe["webhook_secret"]
    vendors.stripe.send_webhooks_to("account", hook["url"], key, hook["headers"], TOLD)
    vendors.stripe.start()
    app, customer = secrets.agora, secrets.agora_rest
    vendors.agora.open_account(
        Account(app["app_id"], app["app_certificate"], customer["customer_id"], customer["customer_secret"])
    )
    hook = function_urls["agora_webhook"]
    vendors.agora.send_notices_to(hook["url"], secrets.agora_notices["secret"], hook["headers"])
    vendors.agora.start()
    hook = function_urls["apple_webhook"]
    vendors.apple.send_notifications_to(hook["url"], hook["headers"])
    vendors.apple.start()
    hook = function_urls["google_webhook"]
    vendors.google.push_to(hook["url"], hook["headers"])
    vendors.google.start()


def _package(say: Say) -> Path:
    """Package the sources for this machine. Raises CannotStart with what the packaging said."""
    out = ROOT / "build" / "local"
    with _timed(say, "packaging"):
        made = subprocess.run(
            [sys.executable, ROOT / "scripts" / "package.py", "--stage", STAGE, "--out", out, "--local"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=PACKAGE_SECONDS,
            check=False,
        )
    if made.returncode:
        raise CannotStart(f"The functions could not be packaged.\n{made.stdout}{made.stderr}")
    return out


def _parameters(settings: Mapping[str, str], vendors: _Counterparts, endpoint: str) -> dict[str, str]:
    """The template's parameters: ``BILLING_MINUTE_SECONDS`` is ``BillingMinuteSeconds`` there."""
    named = {"".join(part.capitalize() for part in name.split("_")): value for name, value in settings.items()}
    return named | {
        "AuthIssuer": vendors.issuer.issuer.iss,
        "AuthAudience": AUDIENCE,
        "StripeApiBase": vendors.stripe.url,
        "AgoraApiBase": vendors.agora.url,
        "AppleApiBase": vendors.apple.url,
        "GoogleApiBase": vendors.google.url,
        "GoogleCertsUrl": vendors.google.certs_url,
        "CheckoutReturnUrl": f"{vendors.stripe.url}/return",
        "MailFrom": MAIL_FROM,
        "ApiUrl": f"{endpoint}/restapis/{{api}}/{{stage}}/_user_request_",
    }


def _function_urls(functions: Any, endpoint: str) -> dict[str, dict[str, Any]]:
    """By the function's short name. On AWS the id is the first label of the host; here it is part of the path."""
    found: dict[str, dict[str, Any]] = {}
    for name in _function_names(functions):
        for url in functions.list_function_url_configs(FunctionName=f"{STACK}-{name}")["FunctionUrlConfigs"]:
            id_ = url["FunctionUrl"].removeprefix("https://").split(".")[0]
            found[name] = {"url": f"{endpoint}/_aws/lambda-url/{id_}/", "headers": {}}
    return found


def _function_names(functions: Any) -> list[str]:
    prefix = f"{STACK}-"
    pages = functions.get_paginator("list_functions").paginate(PaginationConfig={"MaxItems": 200})
    names = [each["FunctionName"] for page in pages for each in page["Functions"]]
    return sorted(name.removeprefix(prefix) for name in names if name.startswith(prefix))


def _warm(stack: Stack, say: Say) -> None:
    """Have each function started before anybody waits for it. One after another: two cores start no two in the
    time of one. What they answer does not matter here, except the API's health."""
    functions = stack.aws("lambda")
    for name in _function_names(functions):
        with _timed(say, f"first call of {name}"):
            if name == "api":
                requests.get(f"{stack.api_url}/health", timeout=WARM_SECONDS).raise_for_status()
            elif url := stack.addresses.function_urls.get(name):
                requests.post(url["url"], json={}, headers=url["headers"], timeout=WARM_SECONDS)
            else:
                event = json.dumps(_WARM_EVENTS.get(name, {})).encode()
                functions.invoke(FunctionName=f"{STACK}-{name}", Payload=event)


_WARM_EVENTS: Final = {
    "billing_tick": {
        "version": "0",
        "id": "00000000-0000-0000-0000-000000000000",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "000000000000",
        "time": "1970-01-01T00:00:00Z",
        "region": REGION,
        "resources": [],
        "detail": {},
        "shard": "0",
    },
    "notify": {"Records": []},
    "live_signals": {"Records": []},
    "rollup": {"Records": []},
    "mail_events": {"Records": []},
    "clock": {"kind": "session", "id": "ses_00000000000000000000000000", "epoch": 0},
}
"""Events that find nothing to do. One that fails would be no use: the local AWS then throws the worker away."""


def _client(session: boto3.Session, service: Any, endpoint: str) -> Any:
    return session.client(service, endpoint_url=endpoint, config=Config(read_timeout=WARM_SECONDS))


def _remembered_ports(state: Path, wanted: int) -> dict[str, int]:
    """Those of the last run with this state, so that its tokens and open pages stay valid; or the wanted ones."""
    names = ("aws", "issuer", "stripe", "agora", "apple", "google")
    ports = {name: wanted and wanted + place for place, name in enumerate(names)}  # 0: whichever is free
    try:
        kept = json.loads((state / "ports.json").read_text())
        return ports | {name: int(kept[name]) for name in names} if kept["wanted"] == wanted else ports
    except (OSError, ValueError, KeyError, TypeError):
        return ports


def _remember_ports(state: Path, stack: Stack, wanted: int) -> None:
    ports = {
        "wanted": wanted,
        "aws": stack.ministack.port,
        "issuer": stack.issuer.port,
        "stripe": stack.stripe.port,
        "agora": stack.agora.port,
        "apple": stack.apple.port,
        "google": stack.google.port,
    }
    _write(state / "ports.json", json.dumps(ports))


@contextmanager
def _timed(say: Say, what: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    say(f"  {what}: {time.monotonic() - started:.1f} s")


def _write(path: Path, content: str) -> None:
    """Whole or not at all, for who reads it meanwhile; and for its owner only: it holds tokens."""
    fresh = path.with_suffix(".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(content)
    fresh.replace(path)


def _is_positive(written: str) -> bool:
    try:
        return 0 < float(written) < float("inf")
    except ValueError:
        return False
