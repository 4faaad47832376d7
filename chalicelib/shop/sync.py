"""The full sync: every product that Stripe has is here as it is there, and what is wanted is put there (product §9).

Events do that within seconds; this finds what no event told of, once a day and whenever an admin asks. First what
Stripe lists is compared with what is here, then what is here and was not listed is asked for, then what is wanted is
put. A run goes on where it stopped. One product that cannot be read, or put, is counted, and stops nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from chalicelib.gateways import World
from chalicelib.gateways.stripe import Refused
from chalicelib.kernel.errors import NotFound, ProviderFailed, Unavailable
from chalicelib.kernel.ids import new_id
from chalicelib.kernel.time import DAY, SECOND, Millis
from chalicelib.runtime import audit
from chalicelib.runtime.logs import log
from chalicelib.runtime.tables import Absent, ConditionFailed, Equals, Item, Key, Operation, Put
from chalicelib.shop import catalogue, selling
from chalicelib.shop.model import product as model
from chalicelib.shop.model.product import Product
from chalicelib.shop.store import Listing, products_of

Spent = Callable[[], bool]
"""Whether so little time is left that another call must go on."""
Part = Literal["stripe", "sale", "off", "wanted", "done"]
"""What a run is at: Stripe's list, ours that are on sale, ours that are not, what is to be put there."""
_NEXT: Final[Mapping[Part, Part]] = {"stripe": "sale", "sale": "off", "off": "wanted", "wanted": "done"}

_AT_ONCE: Final = 100
_MOST_PAGES: Final = 1_000
"""Of 100 products each, for each part."""
_KEPT: Final[Millis] = 30 * DAY
"""How long a page of what was listed stays."""
_EVER: Final[Millis] = 10_000 * DAY


@dataclass(frozen=True, slots=True)
class Run:
    """One sync, and how far it is."""

    id: str
    began_at: Millis
    part: Part = "stripe"
    at: str | None = None
    """In Stripe's list, the last product of the page before."""
    start: Key | None = None
    """In ours, where the next page starts."""
    pages: int = 0
    """Of Stripe's list that were looked at."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """seen, added, changed, gone, pushed, failed."""
    ended_at: Millis | None = None
    rev: int = 0


Told = Callable[[Run], None]
"""Is told of each step."""


def begin(world: World, *, actor: str = "system", reason: str = "daily run") -> Run:
    """Start a run in place of the last one, audited. Raises ConditionFailed where another began at the same moment."""
    last, now = last_run(world), world.now()
    if last and last.ended_at is None:
        log.warning("sync_unfinished", id=last.id)
    fresh = Run(id=new_id("syn", now), began_at=now, rev=last.rev if last else 0)
    table = world.settings.tables.audit
    said = audit.entry(table, subject=fresh.id, action="catalogue_synced", actor=actor, reason=reason, at=now)
    return _keep(world, fresh, said)


def go_on(world: World, run_id: str, spent: Spent = lambda: False, told: Told | None = None) -> Run:
    """Work on the run until it is done or time is ``spent``. One that another has replaced stays as it is.

    Raises NotFound, and Refused, ProviderFailed, Contended where Stripe's list or ours cannot be read: called again, it
    goes on from where it was kept last.
    """
    run = last_run(world)
    if run is None:
        raise NotFound
    try:
        for _ in range(len(_NEXT) * _MOST_PAGES):
            if run.id != run_id or run.ended_at is not None or spent():
                return run
            run = _step(world, run, spent)
            if told:
                told(run)
    except ConditionFailed:  # another run began, or another call is at this one
        return last_run(world) or run
    raise Unavailable("There are more products than one run looks at.")


def last_run(world: World) -> Run | None:
    """The run that is going on, or was the last."""
    item = world.tables.get(world.settings.tables.shop, _RUN)
    return Run(**{name: item[name] for name in Run.__dataclass_fields__}) if item else None


# --- its parts -----------------------------------------------------------------------------------


def _step(world: World, run: Run, spent: Spent) -> Run:
    """One page of the part that it is at; the same page again where time was too short for all of it."""
    match run.part:
        case "stripe":
            return _page_of_stripe(world, run, spent)
        case "sale" | "off":
            return _page_of_ours(world, run, run.part, spent)
        case _:
            return _put_what_is_wanted(world, run, spent)


def _page_of_stripe(world: World, run: Run, spent: Spent) -> Run:
    try:
        page, more = world.payments.products(run.at)
    except Refused:
        if run.at is None:
            raise
        # The last product of the page before was deleted meanwhile: the list is read from its beginning.
        return _keep(world, replace(run, at=None, pages=0))
    listed = {str(each["id"]): each for each in page if model.is_id(each.get("id"))}
    known, counts = products_of(world).products(listed), Counter(run.counts)
    for name, told in listed.items():
        was = known.get(name)
        if model.read(name, told, was) != was:
            if spent():
                return run
            counts[_refreshed(world, name, "changed" if was else "added")] += 1
    counts["seen"] += len(page)
    after = replace(run, counts=dict(counts), at=str(page[-1]["id"]) if page else run.at, pages=run.pages + 1)
    return _keep(world, after if more else _next(after), _met(world, run.pages, list(listed)))


def _page_of_ours(world: World, run: Run, listing: Listing, spent: Spent) -> Run:
    """What Stripe did not list, and is taken for active here: gone there, or made since its page was read."""
    page, following = products_of(world).listed(listing, None, _AT_ONCE, run.start)
    met, counts = _listed(world, run), Counter(run.counts)
    for each in page:
        if each.active and each.id not in met:
            if spent():
                return run
            counts[_refreshed(world, each.id, "gone", each)] += 1
    after = replace(run, counts=dict(counts), start=following)
    return _keep(world, after if following else _next(after))


def _put_what_is_wanted(world: World, run: Run, spent: Spent) -> Run:
    rows, counts = products_of(world), Counter(run.counts)
    tried: set[str] = set()  # what could not be put goes to the end of its list
    for shard in range(world.settings.tick_shards):
        start: Key | None = None
        for _ in range(_MOST_PAGES):
            keys, start = rows.waiting(str(shard), world.now() + _EVER, _AT_ONCE, start)
            for name in [key["pk"] for key in keys if key["pk"] not in tried]:
                if spent():
                    return run
                selling.advance(world, name)
                tried.add(name)
                counts["failed" if rows.wanted(name) else "pushed"] += 1
            if start is None:
                break
    run = _keep(world, _next(replace(run, counts=dict(counts), ended_at=world.now())))
    log.info("catalogue_synced", id=run.id, count=counts["seen"], failed=counts["failed"])
    return run


def _refreshed(world: World, product_id: str, what: str, was: Product | None = None) -> str:
    """Under which count the product goes once it was read at Stripe: ``what``, or another."""
    try:
        now = catalogue.refresh(world, product_id)
    except (Refused, ProviderFailed, Unavailable) as failed:
        log.error("product_not_read", id=product_id, code=failed.code or "refused")
        return "failed"
    return "changed" if was and now and now.active else what


def _next(run: Run) -> Run:
    return replace(run, part=_NEXT[run.part], start=None)


# --- its rows ------------------------------------------------------------------------------------

_RUN: Final = {"pk": "catalogue", "sk": "sync"}


def _keep(world: World, run: Run, *beside: Operation) -> Run:
    """The run as it is kept now; fails where another call was at it."""
    kept = replace(run, rev=run.rev + 1)
    fields: dict[str, Any] = {name: getattr(kept, name) for name in Run.__dataclass_fields__}
    when = (Equals("rev", run.rev),) if run.rev else (Absent("pk"),)
    world.tables.write(Put(world.settings.tables.shop, _RUN | fields, when), *beside)
    return kept


def _met(world: World, page: int, ids: list[str]) -> Put:
    """Keeps what was on that page of Stripe's list."""
    item: Item = {"pk": "catalogue", "sk": f"met#{page:05d}", "ids": ids, "expires": (world.now() + _KEPT) // SECOND}
    return Put(world.settings.tables.shop, item)


def _listed(world: World, run: Run) -> set[str]:
    """Everything that Stripe listed in this run."""
    found: set[str] = set()
    for page in range(run.pages):
        item = world.tables.get(world.settings.tables.shop, {"pk": "catalogue", "sk": f"met#{page:05d}"})
        found |= set(item["ids"]) if item else set()
    return found
