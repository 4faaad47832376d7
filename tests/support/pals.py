"""A client and a reader who write to each other, on tables that others use too: the words of the tests of messages."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

from chalicelib.accounts import service as accounts
from chalicelib.accounts import uploads
from chalicelib.gateways import World
from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import Millis
from chalicelib.messaging import moderated, unlocking
from chalicelib.messaging import service as messages
from chalicelib.messaging.model import Conversation, Message, Wanted, Who
from chalicelib.payouts.service import earnings_account
from chalicelib.runtime.identity import Claims
from chalicelib.runtime.tables import ConditionFailed
from chalicelib.wallet import service as wallet
from tests.support.duo import chain
from tests.support.reading import add_reader, pay_in
from tests.support.worlds import HandClock, OfflineObjects

PNG = b"\x89PNG\r\n\x1a\n" + bytes(24)


@dataclass(frozen=True)
class Pals:
    """``own`` is what makes their ids their own."""

    world: World
    own: str = "1"

    @property
    def client(self) -> str:
        return self.person("client")

    @property
    def reader(self) -> str:
        return self.person("reader")

    def person(self, name: str) -> str:
        """The id of somebody, known or not."""
        return accounts.person_id(self.world, f"auth0|{self.own}{name}")

    def known(self, name: str) -> str:
        """Somebody who has signed in; their id."""
        return accounts.sign_in(self.world, Claims(f"auth0|{self.own}{name}", None, name.title())).id

    def user(self, who: Who) -> str:
        return self.client if who == "client" else self.reader

    def forward(self, millis: Millis) -> Self:
        clock = self.world.now
        assert isinstance(clock, HandClock)
        clock.forward(millis)
        return self

    # what they have

    def ready(self, cents: Cents = 0) -> Self:
        """Both signed in, a verified reader, and so much credit."""
        self.known("client")
        self.known("reader")
        with suppress(ConditionFailed):  # known from before
            add_reader(self.world, self.reader)
        if cents:
            self.pays_in(cents)
        return self

    def pays_in(self, cents: Cents, name: str = "1") -> None:
        pay_in(self.world, self.client, cents, f"topup:{self.own}{name}")

    def opened(self, cents: Cents = 0) -> Self:
        self.ready(cents)
        messages.open_with(self.world, self.client, self.reader)
        return self

    @property
    def row(self) -> Conversation:
        """The conversation as stored."""
        return messages.open_with(self.world, self.client, self.reader)

    # what they do

    def writes(self, who: Who, text: str = "hi", name: str = "1", **more: Any) -> Message:
        wanted = Wanted(text, **more)
        return messages.send(self.world, self.user(who), self.row.id, self.name(who, name), wanted)

    def name(self, who: Who, name: str) -> str:
        return f"msg_{self.own}{who}{name}"

    def replies(self, name: str = "1", text: str = "The cards say yes.") -> Message:
        """A paid reply to what the client wrote first."""
        if self.row.client.sent == 0:
            self.writes("client")
        return self.writes("reader", text, name, price=100)

    def unlocks(self, message: Message) -> Message:
        return unlocking.unlock(self.world, self.client, message.id)[1]

    def uploads(self, who: Who, content: bytes = PNG) -> str:
        """The id of a picture that was uploaded."""
        upload, form, _ = uploads.form(self.world, self.user(who), "image/png", len(content))
        bucket = self.world.attachments
        assert isinstance(bucket, OfflineObjects)
        assert bucket.posted(form, content, form.fields)
        return upload

    def stands(self, message: Message, standing: Any) -> Message:
        """Moderators put it there."""
        if operations := moderated.stand(self.world, message.id, standing):
            self.world.tables.write(*operations)
        return self.stored(message)

    # what is there

    def stored(self, message: Message) -> Message:
        return messages.message_of(self.world, message.id)[1]

    def page(self, who: Who, limit: int = 100, before: int | None = None, query: str | None = None) -> list[Message]:
        return messages.page(self.world, self.user(who), self.row.id, limit, before, query)[1]

    @property
    def credit(self) -> Cents:
        return wallet.head(self.world, self.client).balance

    def spent(self) -> list[tuple[str, Cents, str]]:
        """What was posted to the client's credit beside what was paid in."""
        entries = chain(self.world, wallet.credit_account(self.client))
        return [(each.kind, each.amount, each.reference) for each in entries if each.kind != "topup"]

    def earned(self) -> list[tuple[str, Cents, str]]:
        entries = chain(self.world, earnings_account(self.reader))
        return [(each.kind, each.amount, each.reference) for each in entries]

    def told(self, who: Who) -> list[tuple[str, dict[str, Any]]]:
        """What is in the outbox for them, by what it is about."""
        found = self.world.tables.query(self.world.settings.tables.notices, ("pk", self.user(who))).items
        return [(each["kind"], each["facts"]) for each in found]
