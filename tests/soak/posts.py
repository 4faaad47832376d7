"""What Stripe and Agora post to the webhooks: late, twice, overtaking, lost and forged; repeated until answered."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from chalicelib.gateways import World
from chalicelib.kernel.time import MINUTE, SECOND
from chalicelib.runtime import webhooks
from chalicelib.sessions import service as sessions
from chalicelib.wallet.events import apply_event
from tests.property.tables import Crash
from tests.soak import channels, payments
from tests.soak.findings import must
from tests.soak.judge import NOTICED, WHO
from tests.soak.storage import Trouble

if TYPE_CHECKING:
    from tests.soak.system import System

_TRIES_OF_AGORA: Final = 5
_LONGEST_PAUSE: Final = 10 * MINUTE


@dataclass(frozen=True)
class Post:
    """A request to a webhook. ``header`` is the name of the signature's."""

    vendor: str
    header: str
    body: bytes
    signature: str
    forged: bool = False


class Posts:
    """Delivers. ``pending`` posts of Stripe's are not answered yet: they will be repeated."""

    def __init__(self, system: System) -> None:
        self.pending = 0
        self._system = system
        system.channels.post = self._tell_of_channels
        system.stripe.post = self._tell_of_payments

    def _tell_of_channels(self, body: bytes) -> None:
        chances, timeline = self._system.chances, self._system.timeline
        post = Post("agora", "Agora-Signature-V2", body, channels.signed(body))
        delay = chances.stream("post").randint(50, NOTICED)
        down_until = self._system.channels.down_until
        if timeline.now < down_until:
            if chances.stream("post").random() < 0.5:
                return
            delay += down_until - timeline.now
        if not chances("webhook lost"):
            self._send(post, delay)

    def _tell_of_payments(self, body: bytes) -> None:
        chances = self._system.chances
        post = Post("stripe", "Stripe-Signature", body, payments.signed(body, self._system.timeline.now))
        lost = MINUTE if chances("webhook lost") else 0
        self.pending += 1
        self._send(post, chances.stream("post").randint(50, 5 * SECOND) + lost)

    def _send(self, post: Post, delay: int) -> None:
        chances, timeline = self._system.chances, self._system.timeline
        if chances("webhook late"):
            delay += chances.span("webhook late", SECOND, 90 * SECOND)
        if chances("webhook twice"):
            again = delay + chances.span("webhook twice", 0, 5 * MINUTE)
            timeline.after(again, lambda: self._deliver(post))
        if chances("webhook forged"):
            forged = Post(post.vendor, post.header, post.body + b" ", post.signature, forged=True)
            timeline.after(delay, lambda: self._deliver(forged))
        timeline.after(delay, lambda: self._try(post, 1))

    def _try(self, post: Post, attempt: int) -> None:
        done = self._deliver(post)
        if not done and (post.vendor == "stripe" or attempt < _TRIES_OF_AGORA):
            pause = min(_LONGEST_PAUSE, SECOND * 2**attempt)
            self._system.timeline.after(pause, lambda: self._try(post, attempt + 1))
        elif post.vendor == "stripe":
            self.pending -= 1

    def _deliver(self, post: Post) -> bool:
        """Whether it was answered with 200."""
        encoded = self._system.chances.stream("post").random() < 0.5
        body = base64.b64encode(post.body).decode() if encoded else post.body.decode()
        event = {"body": body, "isBase64Encoded": encoded, "headers": {post.header: post.signature}}

        def served(world: World, trouble: Trouble) -> dict[str, Any]:
            apply = self._hears(world, trouble) if post.vendor == "agora" else _credits(world)
            return webhooks.answered(event, post.vendor, post.header.lower(), apply)

        try:
            status = self._system.functions.call(f"{post.vendor}_webhook", served)["statusCode"]
        except Crash:
            return False
        expected = (400,) if post.forged else (200, 500)
        must(status in expected, "a webhook is stored, or asked for again", status=status, post=post)
        return bool(status == 200)

    def _hears(self, world: World, trouble: Trouble) -> webhooks.Apply:
        """As ``agora_webhook`` does; what is of another channel leaves no trace."""
        rows = self._system.books.sessions

        def apply(payload: bytes, signature: str) -> None:
            notice = world.media.verified_notice(payload, signature)
            if notice is None:
                return
            session, who = notice.channel.rpartition("-")[0], WHO[notice.uid]
            before = rows[session].side(who).notice_seq
            sessions.hear(world, notice)
            row = rows[session]
            heard = row.side(who).notice_seq not in (None, before)
            other = row.channel != notice.channel or row.modality == "text"
            must(trouble.raced or not (heard and other), "only the present channel is heard", notice=notice, row=row)

        return apply


def _credits(world: World) -> webhooks.Apply:
    """As ``stripe_webhook`` does."""
    return lambda payload, signature: apply_event(world, world.payments.verified_event(payload, signature))
