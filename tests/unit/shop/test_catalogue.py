"""Products are read at Stripe anew with whatever it tells of them, and the newest state wins."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.gateways.stripe import Refused
from chalicelib.kernel.errors import NotFound, ProviderFailed, Unavailable
from chalicelib.shop import catalogue
from chalicelib.shop.store import products_of
from chalicelib.wallet.events import apply_event
from tests.support.events import outcome
from tests.support.losing import LosingTables
from tests.support.shelf import GUIDE, Shelf, product_event
from tests.support.worlds import hand_world

TAROT = "prd_1tarot"


@pytest.fixture
def shelf() -> Shelf:
    return Shelf(hand_world())


def tell(shelf: Shelf, *events: dict[str, Any]) -> None:
    for event in events:
        apply_event(shelf.world, event, catalogue.told)


def test_a_product_that_nobody_knows_is_not_found(shelf: Shelf) -> None:
    with pytest.raises(NotFound):
        catalogue.product(shelf.world, TAROT)
    assert catalogue.refresh(shelf.world, TAROT) is None
    assert shelf.world.tables.scan("shop").items == []


def test_a_refresh_keeps_what_stripe_says(shelf: Shelf) -> None:
    shelf.sells("tarot", 1_200)
    row = shelf.row("tarot")
    assert (row.price, row.price_id, row.kind, row.listed, row.rev) == (
        1_200,
        "price_prd_1tarot_0",
        "physical",
        True,
        1,
    )
    shelf.till.catalogue[TAROT]["active"] = False
    assert catalogue.refresh(shelf.world, TAROT) == shelf.row("tarot")
    assert (shelf.row("tarot").listed, shelf.row("tarot").rev) == (False, 2)


def test_products_are_read_together_those_that_there_are(shelf: Shelf) -> None:
    shelf.sells("tarot")
    shelf.sells("moon")
    found = catalogue.products_of(shelf.world, ["prd_1moon", "prd_none", TAROT, "prd_1moon"])
    assert list(found) == ["prd_1moon", TAROT]


def test_who_reads_first_and_writes_last_reads_again(shelf: Shelf) -> None:
    """The slow one read the old price; the newer one is written while it waits."""
    shelf.sells("tarot", 1_000)
    times = iter(range(10))

    def meanwhile() -> None:
        if next(times) == 0:
            shelf.till.put_price(TAROT, 2_000, "usd", key="new")
            catalogue.refresh(shelf.world, TAROT)
            shelf.till.put_price(TAROT, 3_000, "usd", key="newer")

    shelf.till.takes_time = meanwhile
    seen = catalogue.refresh(shelf.world, TAROT)
    assert seen
    assert (seen.price, shelf.row("tarot").price, seen.rev) == (3_000, 3_000, 3)


def test_also_what_says_nothing_new_is_written_so_that_who_is_slower_reads_again(shelf: Shelf) -> None:
    rev = shelf.sells("tarot").rev
    seen = catalogue.refresh(shelf.world, TAROT)
    assert seen
    assert seen.rev == rev + 1


def test_a_refresh_that_is_always_overtaken_gives_up(shelf: Shelf) -> None:
    shelf.sells("tarot")
    rows = products_of(shelf.world)

    def overtaken() -> None:
        was = shelf.row("tarot")
        shelf.world.tables.write(rows.keep(replace(was, rev=was.rev + 2), was))

    shelf.till.takes_time = overtaken
    asked = shelf.till.asked
    with pytest.raises(Unavailable):
        catalogue.refresh(shelf.world, TAROT)
    assert shelf.till.asked == asked + 4


@pytest.mark.parametrize(
    "kind", ["product.created", "product.updated", "price.created", "price.updated", "price.deleted"]
)
def test_an_event_has_the_product_read_whatever_it_says_itself(shelf: Shelf, kind: str) -> None:
    shelf.till.sells(TAROT, 1_200, shippable=True)
    tell(shelf, product_event("evt_1", kind, TAROT, unit_amount=5, active=False))
    assert (shelf.row("tarot").price, outcome(shelf.world, {"id": "evt_1"})) == (1_200, "listed")


def test_an_event_on_a_price_may_hold_the_product_whole(shelf: Shelf) -> None:
    shelf.till.sells(TAROT)
    tell(shelf, product_event("evt_1", "price.updated", TAROT, product={"id": TAROT, "object": "product"}))
    assert (shelf.row("tarot").kind, outcome(shelf.world, {"id": "evt_1"})) == ("digital", "not listed")


def test_what_is_gone_is_off_sale_and_stays_for_the_orders_that_name_it(shelf: Shelf) -> None:
    before = shelf.sells("tarot")
    del shelf.till.catalogue[TAROT]
    tell(shelf, product_event("evt_1", "product.deleted", TAROT))
    assert shelf.row("tarot") == replace(before, active=False, rev=2)


def test_an_event_on_what_is_neither_there_nor_here_changes_nothing(shelf: Shelf) -> None:
    tell(shelf, product_event("evt_1", "product.deleted", TAROT))
    assert (shelf.world.tables.scan("shop").items, outcome(shelf.world, {"id": "evt_1"})) == ([], "not there")


@pytest.mark.parametrize("name", ["a product/ours", "", "x" * 65, None, 5])
def test_a_product_that_no_path_can_hold_is_not_sold_here(shelf: Shelf, name: Any) -> None:
    tell(shelf, product_event("evt_1", "product.created", name))
    assert outcome(shelf.world, {"id": "evt_1"}) == "no product that can be sold here"
    assert shelf.till.asked == 0


def test_where_stripe_cannot_be_asked_the_event_is_to_come_again(shelf: Shelf) -> None:
    shelf.till.sells(TAROT)
    shelf.till.down = True
    with pytest.raises(ProviderFailed):
        tell(shelf, product_event("evt_1", "product.created", TAROT))
    shelf.till.down = False
    assert outcome(shelf.world, {"id": "evt_1"}) is None
    tell(shelf, product_event("evt_1", "product.created", TAROT))
    assert shelf.row("tarot").active


def test_where_stripe_says_no_the_event_is_to_come_again(shelf: Shelf) -> None:
    def refuses() -> None:
        raise Refused("testmode_charges_only")

    shelf.till.takes_time = refuses
    with pytest.raises(ProviderFailed):
        tell(shelf, product_event("evt_1", "product.created", TAROT))


def test_a_refresh_keeps_file_and_state(shelf: Shelf) -> None:
    shelf.ready().approved()
    catalogue.refresh(shelf.world, "prd_1moon")
    assert (shelf.row().file, shelf.row().state) == (GUIDE, "approved")


def test_a_product_with_a_fault_is_off_sale_and_logged(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    shelf.sells("tarot")
    shelf.till.prices["price_prd_1tarot_0"]["currency"] = "eur"
    tell(shelf, product_event("evt_1", "price.updated", TAROT))
    assert (shelf.row("tarot").fault, shelf.row("tarot").listed) == ("its price is in another currency", False)
    assert "product_faulty" in capsys.readouterr().out


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_an_event_whose_write_is_lost_is_stored_once(after: bool) -> None:
    tables = LosingTables(0, after=after)
    shelf = Shelf(hand_world(tables))
    shelf.till.sells(TAROT)
    tell(shelf, product_event("evt_1", "product.created", TAROT))
    assert (shelf.row("tarot").rev, outcome(shelf.world, {"id": "evt_1"})) == (1, "not listed")
