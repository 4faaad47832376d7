"""A local Stripe that is quick, its client, and a webhook endpoint that wants everything."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import stripe

from infra.local.stripe.server import StripeServer
from infra.local.web import Server
from tests.support.local_stripe import QUICK, SECRET, Inbox, client_of


@pytest.fixture
def local(tmp_path: Path) -> Iterator[StripeServer]:
    with StripeServer(tmp_path, retries=QUICK, settle_seconds=0.05) as server:
        yield server


@pytest.fixture
def client(local: StripeServer) -> stripe.StripeClient:
    return client_of(local)


@pytest.fixture
def inbox(local: StripeServer) -> Iterator[Inbox]:
    inbox = Inbox()
    with Server("inbox", inbox.answer) as server:
        local.send_webhooks_to("account", f"{server.url}/hook?a=b", SECRET, {"x-extra": "yes"})
        yield inbox


@pytest.fixture
def connect(local: StripeServer) -> Iterator[Inbox]:
    """What happens on connected accounts."""
    inbox = Inbox()
    with Server("connect", inbox.answer) as server:
        local.send_webhooks_to("connect", server.url, SECRET, connect=True)
        yield inbox
