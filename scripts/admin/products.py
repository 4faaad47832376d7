"""The verbs of the catalogue. Prices are in cents. What is said here is put to Stripe, whose products they are."""

import secrets
from argparse import ArgumentParser, Namespace
from typing import Final

from chalicelib.gateways import World
from chalicelib.kernel.ids import derived_id
from chalicelib.kernel.time import rfc3339, rfc3339_or_none
from chalicelib.runtime.tables import Key
from chalicelib.shop import catalogue, files, selling, stock, sync
from chalicelib.shop.model import wanted as model
from chalicelib.shop.model.product import Product
from chalicelib.shop.model.wanted import Changes, Terms
from chalicelib.shop.selling import Own
from chalicelib.shop.store import Listing, products_of
from chalicelib.shop.sync import Run
from scripts.admin.asking import WHY, Answer, Facts, Plan, Verb, a_number, a_text, an_id, takes_nothing
from scripts.admin.progress import bar

_AT_ONCE: Final = 100
_MOST_PAGES: Final = 10
_COUNTS: Final = ("seen", "added", "changed", "gone", "pushed", "failed")


def list_products(world: World, asked: Namespace) -> Answer:
    """A thousand at most, the newest first; the list itself may be a moment behind."""
    listing: Listing = "off" if asked.off else "sale"
    found: list[Product] = []
    start: Key | None = None
    for _ in range(_MOST_PAGES):
        page, start = products_of(world).listed(listing, asked.seller, _AT_ONCE, start)
        found += page
        if start is None:
            break
    return Answer([_row(each) for each in found])


def show_product(world: World, asked: Namespace) -> Answer:
    """With what Stripe has not got yet, and an address that gives its file for five minutes."""
    own = selling.seen(world, asked.product)
    file = own.product.file
    return Answer([_facts(own) | {"file_link": files.link(world, own.product.id, file) if file else None}])


def add_product(world: World, asked: Namespace) -> Plan:
    """Another one each time. A digital one is on sale once it has a file, a thing once its pieces are counted."""
    terms = Terms(asked.name, asked.description or "", asked.kind, asked.price, asked.coins, None, active=True)
    model.written(terms, world.settings.cents_per_100_coins)  # what is not acceptable is refused before it is confirmed
    product_id = derived_id("prd", secrets.token_hex(16))

    def act(operator: str, reason: str) -> Answer:
        return Answer([_facts(selling.add(world, product_id, terms, actor=operator, reason=reason))])

    return Plan((f"sell {terms.name}, {terms.kind}, for {_price(terms.price, terms.coins)}",), act)


def change_product(world: World, asked: Namespace) -> Plan:
    """Anybody's. Orders that were made before keep what they say."""
    own = selling.seen(world, asked.product)
    changes = Changes(asked.name, asked.description, None, asked.price, asked.coins, None)
    before = model.shown(own.product, own.wanted)
    terms = model.changed(own.wanted.terms if own.wanted else model.terms_of(own.product), changes)
    model.written(terms, world.settings.cents_per_100_coins)
    after = model.shown_by(before, terms)

    def act(operator: str, reason: str) -> Answer:
        return Answer([_facts(selling.administer(world, asked.product, changes, actor=operator, reason=reason))])

    will = f"change {_named(before)} to {_named(after)}"
    will += ", and what it says" if before.description != after.description else ""
    return Plan((will,) if after != before else (), act)


def approve_product(world: World, asked: Namespace) -> Plan:
    """Look at it before, with `products show`: what changed since is not approved. Its seller is told."""
    own = selling.seen(world, asked.product)
    after = model.approved(own.product)
    done = after == own.product and (own.wanted.terms.active if own.wanted else own.product.active)

    def act(operator: str, reason: str) -> Answer:
        seen = own.product
        return Answer([_facts(selling.approve(world, seen.id, actor=operator, reason=reason, looked_at=seen))])

    file = own.product.file
    its_file = f", its file {file.name} ({file.sha256})" if file else ""
    return Plan(() if done else (f"put {_named(own.product)} on sale{its_file}, now {own.product.state}",), act)


def stop_product(world: World, asked: Namespace) -> Plan:
    """At once; what was ordered before is delivered all the same. Its seller is told."""
    own = selling.seen(world, asked.product)

    def act(operator: str, reason: str) -> Answer:
        return Answer([_facts(selling.stop(world, asked.product, actor=operator, reason=reason))])

    done = model.stopped(own.product) == own.product
    return Plan(() if done else (f"take {_named(own.product)} off sale",), act)


def count_product(world: World, asked: Namespace) -> Plan:
    """What is in the store at this moment, without what is ordered and not sent yet."""
    product = catalogue.product(world, asked.product)
    stock.must_have_an_end(product, asked.left)
    before = stock.of_products(world, {product.id: product})[product.id]
    after, operations = stock.counted(world, product, asked.left)

    def act(operator: str, reason: str) -> Answer:
        stock.count(world, product, asked.left, actor=operator, reason=reason)
        return Answer([_facts(selling.seen(world, product.id))])

    will = f"say that {_pieces(after.left)} of {_named(product)} are left, not {_pieces(before.left)}"
    return Plan((will,) if operations else (), act)


def sync_products(world: World, asked: Namespace) -> Plan:
    """Exit code 1 where a product could not be read, or put."""

    def act(operator: str, reason: str) -> Answer:
        begun = sync.begin(world, actor=operator, reason=reason)
        with bar(asked, "comparing with Stripe") as advance:
            seen = 0

            def told(run: Run) -> None:
                nonlocal seen
                advance(run.counts.get("seen", 0) - seen)
                seen = run.counts.get("seen", 0)

            run = sync.go_on(world, begun.id, told=told)
        done = run.id == begun.id and run.ended_at is not None
        return Answer([_run_facts(run)], holds=done and not run.counts.get("failed"))

    return Plan(("compare every product with Stripe, repair what is not so here, put there what is wanted",), act)


def _run_facts(run: Run) -> Facts:
    ended_at = rfc3339_or_none(run.ended_at)
    return {"run": run.id, "ended_at": ended_at} | {name: run.counts.get(name, 0) for name in _COUNTS}


def _named(product: Product) -> str:
    return f"{product.name} ({product.id}, {product.kind}, {_price(product.price, product.coins)})"


def _price(cents: int | None, coins: int | None) -> str:
    said = [f"{cents} cents" if cents is not None else "", f"{coins} coins" if coins is not None else ""]
    return " or ".join(each for each in said if each) or "no price"


def _pieces(left: int | None) -> str:
    return "any number" if left is None else str(left)


def _row(product: Product) -> Facts:
    return {
        "product": product.id,
        "name": product.name,
        "kind": product.kind,
        "price": product.price,
        "coins": product.coins,
        "seller": product.seller,
        "state": product.state,
        "on_sale": product.listed,
    }


def _facts(own: Own) -> Facts:
    product, file = own.product, own.product.file
    return _row(product) | {
        "active_at_stripe": product.active,
        "fault": product.fault,
        "waiting": own.waiting,
        "refused": own.wanted.refused if own.wanted else None,
        "stock": _pieces(own.stock.left),
        "file": f"{file.name} {file.media_type} {file.size} {file.sha256}" if file else None,
        "description": product.description,
        "images": list(product.images),
        "created_at": rfc3339(product.created_at),
        "rev": product.rev,
    }


# --- the list ------------------------------------------------------------------------------------


def _takes_product(parser: ArgumentParser) -> None:
    parser.add_argument("product", type=an_id, metavar="PRODUCT", help="its id at Stripe, prd_… or prod_…")


def _takes_list(parser: ArgumentParser) -> None:
    parser.add_argument("--off", action="store_true", help="those that nobody can buy")
    parser.add_argument("--seller", type=an_id, help="all of this reader's, usr_…")


def _takes_new(parser: ArgumentParser) -> None:
    parser.add_argument("--name", type=a_text, required=True, help="what people see")
    parser.add_argument("--description", type=a_text, help="plain text")
    parser.add_argument("--kind", choices=("digital", "physical"), required=True, help="a file, or a thing to send")
    parser.add_argument("--price", type=a_number, required=True, help="cents")
    parser.add_argument("--coins", type=a_number, help="what it costs in coins; only of what is digital")


def _takes_changes(parser: ArgumentParser) -> None:
    _takes_product(parser)
    parser.add_argument("--name", type=a_text, help="what people see")
    parser.add_argument("--description", type=a_text, help="plain text")
    parser.add_argument("--price", type=a_number, help="cents")
    parser.add_argument("--coins", type=a_number, help="what it costs in coins; 0 is not for coins")


def _takes_count(parser: ArgumentParser) -> None:
    _takes_product(parser)
    left = parser.add_mutually_exclusive_group(required=True)
    left.add_argument("--left", type=a_number, help="how many pieces there are")
    left.add_argument("--unlimited", action="store_const", const=None, dest="left", help="of a file, any number")


VERBS: Final = (
    Verb(
        "products",
        "list",
        "List what is on sale, or what is not: a thousand at most. Prices are in cents.",
        ("products list --stage prod", "products list --off --local --json"),
        _takes_list,
        list_products,
    ),
    Verb(
        "products",
        "show",
        "Show a product as its seller sees it.",
        ("products show prd_… --stage prod",),
        _takes_product,
        show_product,
    ),
    Verb(
        "products",
        "add",
        "Sell something of the platform's own; it is made at Stripe.",
        (f"products add --name Tarot --kind physical --price 2500 --stage dev {WHY}",),
        _takes_new,
        add_product,
        changes=True,
    ),
    Verb(
        "products",
        "change",
        "Change what a product says, or costs.",
        (f"products change prd_… --price 2900 --stage prod {WHY}",),
        _takes_changes,
        change_product,
        changes=True,
    ),
    Verb(
        "products",
        "approve",
        "Put a reader's product on sale, or one that was stopped on sale again.",
        (f"products approve prd_… --stage prod {WHY}",),
        _takes_product,
        approve_product,
        changes=True,
    ),
    Verb(
        "products",
        "stop",
        "Let nobody buy a product from this moment on.",
        (f"products stop prd_… --stage prod {WHY}",),
        _takes_product,
        stop_product,
        changes=True,
    ),
    Verb(
        "products",
        "stock",
        "Say how many pieces of a product are left.",
        (f"products stock prd_… --left 40 --stage prod {WHY}",),
        _takes_count,
        count_product,
        changes=True,
    ),
    Verb(
        "products",
        "sync",
        "Compare the whole catalogue with Stripe, and repair it on both sides. Exit code 1 where some could not be.",
        (f"products sync --stage prod {WHY}",),
        takes_nothing,
        sync_products,
        changes=True,
    ),
)
