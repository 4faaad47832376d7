"""What every resource of the local Stripe is given."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from infra.local.store import Store, Thing
from infra.local.stripe.errors import no_such
from infra.local.stripe.forms import Params

API_VERSION: Final = "2026-10-28.endive"
MOST_LISTED: Final = 100


@dataclass(frozen=True, slots=True)
class Context:
    store: Store
    clock: Callable[[], float]
    """Seconds since the epoch."""
    url: str
    """This server's address, under which Checkout pages live."""
    settle_seconds: float
    """How long what a bank decides later takes: a payment by bank account, a pending refund, a dispute, a payout."""
    available_seconds: float = 0.0
    """How long what is paid stays in the pending balance; two days at Stripe, nothing here unless it is told."""
    account: str = ""
    """The connected account for which a request is made (``Stripe-Account``); nothing for the platform's own.

    What an account has of its own (charges, refunds, payouts, balance transactions) is kept with it as parent.
    """

    def now(self) -> int:
        return int(self.clock())

    def find(self, kind: str, id_: str, param: str = "id", account: str | None = None) -> Thing:
        """The object; with ``account``, only one of that account's.

        Raises StripeError 404 ``resource_missing`` where there is none, or it was deleted.
        """
        thing = self.store.get(kind, id_, account)
        if thing is None or thing.get("deleted"):
            raise no_such(kind, id_, param)
        return thing

    def schedule(self, kind: str, subject: str, in_seconds: float = 0) -> None:
        """Have the background do something to the thing named ``subject``."""
        self.store.schedule(kind, subject, self.clock() + in_seconds)


Resource = tuple[str, str, Callable[..., Thing]]
"""Method, pattern of the path under ``/v1``, and the function: given the context, Params and the named groups."""


Lever = Resource
"""The same for ``/_local``: method, pattern of the path under it, and the function: given the context, the JSON body
and the named groups.
"""


def listed(
    context: Context,
    params: Params,
    kind: str,
    url: str,
    keep: Callable[[Thing], bool] = lambda _: True,
    account: str | None = None,
) -> dict[str, Any]:
    """A page of objects, newest first, as Stripe lists them: ``limit``, ``starting_after``, ``ending_before``.

    With ``account``, only those of that account.
    """
    limit = params.integer("limit", 1, MOST_LISTED) or 10
    after, before = params.text("starting_after"), params.text("ending_before")
    params.done()
    things = [thing for thing in context.store.newest(kind, account) if keep(thing)]
    if after:
        things = things[_place_of(things, kind, after, "starting_after") + 1 :]
    if before:
        things = things[: _place_of(things, kind, before, "ending_before")]
        page = things[-limit:]
    else:
        page = things[:limit]
    return {"object": "list", "url": url, "has_more": len(things) > len(page), "data": page}


def same_filter(params: Params, *names: str) -> Callable[[Thing], bool]:
    """Those whose fields have the values that the parameters of the same names ask for, and ``created``."""
    wanted = {name: value for name in names if (value := params.text(name)) is not None}
    created = created_filter(params)
    return lambda thing: created(thing) and all(thing.get(name) == value for name, value in wanted.items())


def created_filter(params: Params) -> Callable[[Thing], bool]:
    """``created[gte]`` and its like."""
    bounds = params.inner("created")
    if bounds is None:
        return lambda _: True
    least, most = bounds.integer("gte", most=10**12), bounds.integer("lte", most=10**12)
    over, under = bounds.integer("gt", most=10**12), bounds.integer("lt", most=10**12)
    return lambda thing: (
        (least is None or thing["created"] >= least)
        and (most is None or thing["created"] <= most)
        and (over is None or thing["created"] > over)
        and (under is None or thing["created"] < under)
    )


def _place_of(things: list[Thing], kind: str, id_: str, param: str) -> int:
    for place, thing in enumerate(things):
        if thing["id"] == id_:
            return place
    raise no_such(kind, id_, param)
