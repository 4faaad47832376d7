"""Products that are made and changed here: by readers, who sell them, and by admins (product §9).

Products are Stripe's. So what is wanted of one is kept first, in one transaction with who wanted it, then put to
Stripe, then read back: a crash anywhere is finished by the minute tick. Only what takes a product off sale acts at
once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from chalicelib.gateways import World
from chalicelib.gateways.stripe import Refused
from chalicelib.kernel.errors import (
    Forbidden,
    IdempotencyMismatch,
    InvalidState,
    ProviderFailed,
    Unavailable,
)
from chalicelib.kernel.ids import new_id
from chalicelib.kernel.money import USD
from chalicelib.kernel.time import Millis
from chalicelib.readers import service as readers
from chalicelib.runtime import audit, outbox
from chalicelib.runtime.logs import log
from chalicelib.runtime.retries import undisturbed
from chalicelib.runtime.tables import Key, Operation, Put
from chalicelib.shop import catalogue
from chalicelib.shop import stock as stocks
from chalicelib.shop.model import wanted as model
from chalicelib.shop.model.product import Product
from chalicelib.shop.model.stock import Stock
from chalicelib.shop.model.wanted import Changes, Terms, Wanted
from chalicelib.shop.store import products_of

_AT_ONCE: Final = 100
_BY_SELLER: Final = "by its seller"


@dataclass(frozen=True, slots=True)
class Own:
    """A product as whoever sells it sees it: with what Stripe has not got yet."""

    product: Product
    stock: Stock
    wanted: Wanted | None

    @property
    def waiting(self) -> bool:
        """Whether the last change is still on its way to Stripe."""
        return self.wanted is not None and self.wanted.refused is None


# --- a reader's own ------------------------------------------------------------------------------


def own(world: World, reader: str, product_id: str) -> Own:
    """One of the reader's products. Raises NotFound, Forbidden."""
    found = seen(world, product_id)
    _must_be_of(reader, found.product)
    return found


def own_page(world: World, reader: str, limit: int, start: Key | None) -> tuple[list[Own], Key | None]:
    """A page of the reader's products, the newest first. The list itself may be a moment behind."""
    page, following = products_of(world).listed("sale", reader, limit, start)
    return _shown(world, page), following


def offer(world: World, reader: str, product_id: str, terms: Terms, changes: Changes) -> Own:
    """Make a product of the reader's, whose id derives from the request. An admin looks at it before it is sold.

    ``changes`` may say how many pieces there are. Raises Forbidden (not verified), Invalid, InvalidState (100
    products), IdempotencyMismatch.
    """
    _must_sell(world, reader)
    return _made(world, product_id, replace(terms, seller=reader, active=False), changes, reader, _BY_SELLER)


def change(world: World, reader: str, product_id: str, changes: Changes) -> Own:
    """Change a product of the reader's.

    Raises NotFound, Forbidden (another's, or not verified), Invalid, InvalidState (an admin has looked at it; the last
    change is still on its way).
    """

    def allow(product: Product) -> None:
        _must_be_of(reader, product)
        model.must_be_changeable(product, changes)

    _must_sell(world, reader)
    return _changed(world, product_id, changes, allow, reader, _BY_SELLER)


# --- an admin's ----------------------------------------------------------------------------------


def add(world: World, product_id: str, terms: Terms, *, actor: str, reason: str) -> Own:
    """Make a product of the platform's, audited. Raises Invalid, IdempotencyMismatch."""
    return _made(world, product_id, replace(terms, seller=None, active=True), Changes(), actor, reason)


def administer(world: World, product_id: str, changes: Changes, *, actor: str, reason: str) -> Own:
    """Change any product, audited. Raises NotFound, Invalid, InvalidState (the last change is still on its way)."""
    return _changed(world, product_id, changes, lambda _: None, actor, reason)


def approve(world: World, product_id: str, *, actor: str, reason: str) -> Own:
    """Let a product be sold from the moment on that Stripe has it so, audited; its seller is told.

    Raises NotFound, InvalidState (no file; the last change is still on its way).
    """
    rows = products_of(world)

    def attempt() -> None:
        was, wanted = catalogue.product(world, product_id), rows.wanted(product_id)
        after, terms = model.approved(was), _terms(was, wanted)
        if after == was and terms.active:
            return
        model.must_be_free(wanted)
        now = world.now()
        world.tables.write(
            rows.keep(replace(after, rev=was.rev + 1), was),
            rows.want(_wanted(world, product_id, replace(terms, active=True)), wanted),
            _audited(world, product_id, "product_approved", actor, reason, {"before": was.state}),
            *_told(world, was, "product_approved", now),
        )

    undisturbed(world.sleep, attempt)
    return _pushed(world, product_id)


def stop(world: World, product_id: str, *, actor: str, reason: str) -> Own:
    """Let nobody buy a product from this moment on, audited; its seller is told. Raises NotFound."""
    _stop(world, product_id, actor, reason, tell=True)
    return _pushed(world, product_id)


def stop_all(world: World, seller: str, *, actor: str, reason: str) -> None:
    """Let nobody buy a product of a seller who leaves; Stripe hears of it by the minute tick. May be repeated. Raises
    Unavailable.
    """
    rows = products_of(world)
    start: Key | None = None
    for _ in range(model.MOST_MADE):
        page, start = rows.listed("sale", seller, _AT_ONCE, start)
        for each in page:
            if each.state != "stopped":
                _stop(world, each.id, actor, reason, tell=False)
        if start is None:
            return


def _stop(world: World, product_id: str, actor: str, reason: str, *, tell: bool) -> None:
    rows = products_of(world)

    def attempt() -> None:
        was, wanted = catalogue.product(world, product_id), rows.wanted(product_id)
        after = model.stopped(was)
        if after == was:
            return
        terms = replace(_terms(was, wanted), active=False)
        # What is on its way arrives first: whoever brought it there sees that the product was stopped.
        free = wanted is None or wanted.refused is not None
        world.tables.write(
            rows.keep(replace(after, rev=was.rev + 1), was),
            *([rows.want(_wanted(world, product_id, terms), wanted)] if free else []),
            _audited(world, product_id, "product_stopped", actor, reason, {"before": was.state}),
            *(_told(world, was, "product_stopped", world.now()) if tell else []),
        )

    undisturbed(world.sleep, attempt)


def seen(world: World, product_id: str) -> Own:
    """A product as its seller sees it, whoever asks. Raises NotFound."""
    return _shown(world, [catalogue.product(world, product_id)])[0]


# --- to Stripe -----------------------------------------------------------------------------------


def advance(world: World, product_id: str) -> Millis | None:
    """Put what is wanted of a product to Stripe, and read it back; when to try again, None where there is no need.

    May be called at any moment, by any number at once: what is wanted has a name, and Stripe takes it once.
    """
    rows = products_of(world)
    wanted = rows.wanted(product_id)
    if wanted is None or wanted.look_at is None:
        return None
    try:
        product = _put(world, wanted)
    except Refused as refused:
        log.error("product_refused", id=product_id, code=refused.code or "refused")
        world.wrote(rows.want(model.refused(wanted, refused.code or "refused"), wanted))
        return None
    except (ProviderFailed, Unavailable) as failed:
        log.warning("product_not_put", id=product_id, code=failed.code)
        later = model.tried(wanted, world.now())
        world.wrote(rows.want(later, wanted))
        return later.look_at
    now = world.now()
    following = model.following(wanted, product, new_id("wnt", now), now) if product else None
    if world.wrote(rows.want(following, wanted) if following else rows.had(wanted)):
        log.info("product_put", id=product_id)
    return following.look_at if following else None


def page_of_shard(world: World, shard: str, limit: int, start: Key | None) -> tuple[list[Key], Key | None]:
    """A page of the keys of products in one shard of which something should have been put to Stripe by now."""
    return products_of(world).waiting(shard, world.now(), limit, start)


def _put(world: World, wanted: Wanted) -> Product | None:
    """Make Stripe have it; the product as it is there then. Raises Refused, ProviderFailed, Unavailable."""
    name, terms = wanted.product, wanted.terms
    world.payments.put_product(
        name,
        name=terms.name,
        description=terms.description,
        shippable=terms.kind == "physical",
        metadata=terms.metadata,
        active=terms.active,
        key=wanted.name,
    )
    product = catalogue.refresh(world, name)
    if terms.price is None or (product and product.price == terms.price):
        return product
    world.payments.put_price(name, terms.price, USD, key=wanted.name)
    return catalogue.refresh(world, name)


def _pushed(world: World, product_id: str) -> Own:
    """The product once Stripe has it, or with what it has not got yet: the minute tick goes on with that."""
    with suppress(ProviderFailed, Unavailable):
        advance(world, product_id)
    return seen(world, product_id)


# --- what is written -----------------------------------------------------------------------------


def _made(world: World, product_id: str, terms: Terms, changes: Changes, actor: str, reason: str) -> Own:
    rows = products_of(world)
    cleaned = model.written(terms, world.settings.cents_per_100_coins)

    def attempt() -> None:
        if done := rows.product(product_id):
            if done.seller != cleaned.seller:
                raise IdempotencyMismatch
            return
        made = model.made(product_id, cleaned, world.now())
        model.must_be_countable(made, changes)
        world.tables.write(
            rows.keep(made, None),
            rows.want(_wanted(world, product_id, cleaned), None),
            *_tallied(world, cleaned.seller),
            *_restocked(world, made, made, changes),
            _audited(world, product_id, "product_added", actor, reason, _detail(cleaned, changes)),
        )
        log.info("product_added", id=product_id)

    undisturbed(world.sleep, attempt)
    return _pushed(world, product_id)


def _changed(
    world: World, product_id: str, changes: Changes, allow: Callable[[Product], None], actor: str, reason: str
) -> Own:
    """What another try finds wanted already, or done, is not wanted once more."""
    rows = products_of(world)

    def attempt() -> None:
        was, wanted = catalogue.product(world, product_id), rows.wanted(product_id)
        present = model.shown(was, wanted)
        allow(present)
        before = _terms(was, wanted)
        terms = model.written(model.changed(before, changes), world.settings.cents_per_100_coins)
        after = model.off_sale(was, terms)
        operations: list[Operation] = _restocked(world, present, model.shown_by(present, terms), changes)
        if after != was:
            operations.append(rows.keep(replace(after, rev=was.rev + 1), was))
        if terms != before:
            model.must_be_free(wanted)
            operations.append(rows.want(_wanted(world, product_id, terms), wanted))
        if operations:
            said = _audited(world, product_id, "product_changed", actor, reason, _detail(terms, changes))
            world.tables.write(*operations, said)

    undisturbed(world.sleep, attempt)
    return _pushed(world, product_id)


def _terms(product: Product, wanted: Wanted | None) -> Terms:
    """What Stripe has of the product, or is to have."""
    return wanted.terms if wanted else model.terms_of(product)


def _wanted(world: World, product_id: str, terms: Terms) -> Wanted:
    now = world.now()
    return Wanted(product_id, new_id("wnt", now), terms, look_at=now)


def _restocked(world: World, before: Product, after: Product, changes: Changes) -> list[Operation]:
    """The operation that keeps how many pieces there are, where that is said; what becomes another kind of thing has
    none of those that it had.
    """
    if changes.stock is None and before.kind == after.kind:
        return []
    return stocks.counted(world, after, changes.left)[1]


def _tallied(world: World, seller: str | None) -> list[Put]:
    if seller is None:
        return []
    rows = products_of(world)
    made = rows.made_by(seller)
    if made >= model.MOST_MADE:
        raise InvalidState(f"You have made {model.MOST_MADE} products.")
    return [rows.count(seller, made + 1, made)]


def _detail(terms: Terms, changes: Changes) -> dict[str, str | int | bool | None]:
    return {
        "kind": terms.kind,
        "price": terms.price,
        "coins": terms.coins,
        "active": terms.active,
        "stock": changes.stock,
    }


def _audited(
    world: World,
    product_id: str,
    action: str,
    actor: str,
    reason: str,
    detail: Mapping[str, str | int | bool | None],
) -> Put:
    return audit.entry(
        world.settings.tables.audit,
        subject=product_id,
        action=action,
        actor=actor,
        reason=reason,
        at=world.now(),
        detail=detail,
    )


def _told(world: World, product: Product, kind: str, now: Millis) -> list[Put]:
    """The notice to its seller, if it has one."""
    if product.seller is None:
        return []
    table = world.settings.tables.notices
    facts = {"product": product.id}
    return [outbox.notice(table, to=product.seller, kind=kind, fact=f"{product.id}#{now}", at=now, facts=facts)]


def _must_sell(world: World, reader: str) -> None:
    if readers.name_of(world, reader) is None:  # nor who has only begun to be one
        raise Forbidden("Only verified readers sell products.")


def _must_be_of(reader: str, product: Product) -> None:
    if product.seller != reader:
        raise Forbidden("This product is not yours.")


def _shown(world: World, products: Sequence[Product]) -> list[Own]:
    known = {each.id: each for each in products}
    wanted = products_of(world).wants(known)
    shown = {name: model.shown(each, wanted.get(name)) for name, each in known.items()}
    left = stocks.of_products(world, shown)
    return [Own(each, left[name], wanted.get(name)) for name, each in shown.items()]
