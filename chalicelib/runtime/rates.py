"""How many requests are taken, by route: the one table. ``limiter`` counts them.

A changing route that is not named here draws from its caller's ``changes``; a public one, which asks nobody who they
are, from its address's ``reading``. A signed-in person's reading is not counted, unless it is dear and named here.

What a reading's meter, or a stream, depends on is never refused: a beat that is not heard is a pause, a leave or an end
that is not heard is money. Those routes write at most what they change, and the session's own rules bound them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Final, Literal, NamedTuple

from chalicelib.kernel.buckets import Bucket
from chalicelib.kernel.time import MINUTE, Millis

_READS: Final = frozenset({"GET", "HEAD"})
_PATH_VALUE: Final = re.compile(r"\{\w+\}")


class Rate(NamedTuple):
    """What a request to a route draws from."""

    bucket: Bucket
    of: Literal["user", "address"] = "user"
    """Whose bucket it is."""
    spends: bool = False
    """Where requests cannot be counted, one that spends money is refused; any other is let through."""


def _bucket(name: str, size: int, span: Millis = MINUTE) -> Bucket:
    """``size`` at once, and so many in each ``span`` from then on."""
    return Bucket(name, size, span // size)


NEWCOMERS: Final = Rate(_bucket("newcomers", 5, 5 * MINUTE), "address")
"""First requests of people whom we do not know yet: each makes a profile."""
CHANGES: Final = Rate(_bucket("changes", 120))
READING: Final = Rate(_bucket("reading", 600), "address")

_DOCUMENTS: Final = Rate(_bucket("documents", 60), "address")
_CALENDARS: Final = Rate(_bucket("calendars", 600), "address")  # a provider of calendars fetches for all its people
_UNSUBSCRIBE: Final = Rate(_bucket("unsubscribe", 600), "address")  # and one of mail takes its people off lists
_THREADS: Final = Rate(_bucket("threads", 120))  # a page of the worst Markdown takes half a second to make
_SEARCHES: Final = Rate(_bucket("searches", 120))  # one looks through hundreds of messages, and apps poll here too
_CODES: Final = Rate(_bucket("codes", 10))
_REPORTS: Final = Rate(_bucket("reports", 5))
_APPEALS: Final = Rate(_bucket("appeals", 5))
_MESSAGES: Final = Rate(_bucket("messages", 10))
_POSTS: Final = Rate(_bucket("posts", 10))
_UPLOADS: Final = Rate(_bucket("uploads", 20))
_DOWNLOADS: Final = Rate(_bucket("downloads", 60))  # each writes
_PRODUCTS: Final = Rate(_bucket("products", 20))  # each is put to Stripe while its reader waits
_DASHBOARDS: Final = Rate(_bucket("dashboards", 30))  # each is some thirty reads, and of three months many more
_EXPORTS: Final = Rate(_bucket("exports", 5))
_TOKENS: Final = Rate(_bucket("tokens", 60))  # of readings alone: an app renews every few minutes, and at a top-up
_AUDIENCE: Final = Rate(_bucket("audience", 60))
_PURCHASES: Final = Rate(_bucket("purchases", 60))  # paid at the store already; an app restores many at once
_ASKING: Final = Rate(_bucket("asking", 20), spends=True)
_TOPUPS: Final = Rate(_bucket("topups", 10, 10 * MINUTE), spends=True)
_REFUNDS: Final = Rate(_bucket("refunds", 10, 10 * MINUTE), spends=True)
_ORDERS: Final = Rate(_bucket("orders", 20, 10 * MINUTE), spends=True)
_SPENDING: Final = Rate(_bucket("spending", 60), spends=True)  # gifts have a stricter rule of their own

RATES: Final[Mapping[str, Rate | None]] = {
    # Of a reading and a stream: never refused.
    **dict.fromkeys(
        (
            *(
                f"POST /v1/sessions/{{}}/{command}"
                for command in ("accept", "decline", "cancel", "join", "reconnect", "heartbeat", "leave", "end")
            ),
            "PUT /v1/reader/presence",
            "POST /v1/bookings/{}/start",
            "POST /v1/streams/{}/leave",
            "POST /v1/streams/{}/end",
        )
    ),
    "GET /health": None,
    # Money.
    "POST /v1/sessions": _ASKING,
    "POST /v1/sessions/{}/tip": _SPENDING,
    "POST /v1/bookings": _SPENDING,
    "POST /v1/streams/{}/ticket": _SPENDING,
    "POST /v1/streams/{}/gifts": _SPENDING,
    "POST /v1/messages/{}/unlock": _SPENDING,
    "POST /v1/orders": _ORDERS,
    "POST /v1/wallet/topups": _TOPUPS,
    "POST /v1/wallet/payment-method": _TOPUPS,
    "POST /v1/coins/checkout": _TOPUPS,
    "POST /v1/wallet/refunds": _REFUNDS,
    "POST /v1/coins/apple": _PURCHASES,
    "POST /v1/coins/google": _PURCHASES,
    # Tokens of channels.
    "POST /v1/sessions/{}/token": _TOKENS,
    "POST /v1/streams/{}/join": _AUDIENCE,
    "POST /v1/streams/{}/token": _AUDIENCE,
    # What can be guessed.
    "POST /v1/wallet/promo": _CODES,
    "POST /v1/reader/invitation": _CODES,
    "POST /v1/me/deletion": _CODES,
    "POST /v1/me/deletion/confirm": _CODES,
    # What people write, and what others must look at.
    "POST /v1/conversations/{}/messages": _MESSAGES,
    "POST /v1/threads": _POSTS,
    "POST /v1/threads/{}/posts": _POSTS,
    "PATCH /v1/posts/{}": _POSTS,
    "POST /v1/reports": _REPORTS,
    "POST /v1/messages/{}/report": _REPORTS,
    "POST /v1/sessions/{}/report": _REPORTS,
    "POST /v1/appeals": _APPEALS,
    "POST /v1/uploads": _UPLOADS,
    "POST /v1/reader/picture": _UPLOADS,
    "POST /v1/reader/products/{}/file": _UPLOADS,
    "PUT /v1/reader/products/{}/file": _UPLOADS,  # looks through up to 100 MB
    "POST /v1/orders/{}/items/{}/download": _DOWNLOADS,
    "GET /v1/downloads/{}": _DOWNLOADS,
    "POST /v1/reader/products": _PRODUCTS,
    "PATCH /v1/reader/products/{}": _PRODUCTS,
    # What is dear to make.
    "POST /v1/me/export": _EXPORTS,
    "GET /v1/dashboard/client": _DASHBOARDS,
    "GET /v1/dashboard/reader": _DASHBOARDS,
    "GET /v1/dashboard/admin": _DASHBOARDS,
    "GET /v1/conversations/{}/messages": _SEARCHES,
    "GET /v1/threads/{}": _THREADS,
    # Public, and not like the rest.
    "GET /docs": _DOCUMENTS,
    "GET /docs/{}/{}": _DOCUMENTS,
    "GET /openapi.json": _DOCUMENTS,
    "GET /v1/calendar/{}": _CALENDARS,
    "GET /v1/unsubscribe/{}": _UNSUBSCRIBE,
    "POST /v1/unsubscribe/{}": _UNSUBSCRIBE,
}


@cache
def rate_of(method: str, path: str, *, public: bool) -> Rate | None:
    """What a request to a route draws from; None where it is not counted. ``path`` is the template."""
    route = f"{method} {_PATH_VALUE.sub('{}', path)}"
    if route in RATES:
        return RATES[route]
    if public:
        return READING
    return None if method in _READS else CHANGES
