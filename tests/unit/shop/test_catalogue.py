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
from tests.support.stall import GUIDE, Stall, product_event
from tests.support.worlds import hand_world

TAROT = "prd_1tarot"


@pytest.fixture
def stall() -> Stall:
    return Stall(hand_world())


def tell(stall: Stall, *events: dict[str, Any]) -> None:
    for event in events:
        apply_event(stall.world, event, catalogue.told)


def test_a_product_that_nobody_knows_is_not_found(stall: Stall) -> None:
    with pytest.raises(NotFound):
        catalogue.product(stall.world, TAROT)
    assert catalogue.refresh(stall.world, TAROT) is None
    assert stall.world.tables.scan("shop").items == []


def test_a_refresh_keeps_what_stripe_says(stall: Stall) -> None:
    stall.sells("tarot", 1_200)
    row = stall.row("tarot")
    assert (row.price, row.price_id, row.kind, row.listed, row.rev) == (
        1_200,
        "price_prd_1tarot_0",
        "physical",
        True,
        1,
    )
    stall.till.catalogue[TAROT]["active"] = False
    assert catalogue.refresh(stall.world, TAROT) == stall.row("tarot")
    assert (stall.row("tarot").listed, stall.row("tarot").rev) == (False, 2)


def test_products_are_read_together_those_that_there_are(stall: Stall) -> None:
    stall.sells("tarot")
    stall.sells("moon")
    found = catalogue.products_of(stall.world, ["prd_1moon", "prd_none", TAROT, "prd_1moon"])
    assert list(found) == ["prd_1moon", TAROT]


def test_who_reads_first_and_writes_last_reads_again(stall: Stall) -> None:
    """The slow one read the old price; the newer one is written while it waits."""
    stall.sells("tarot", 1_000)
    times = iter(range(10))

    def meanwhile() -> None:
        if next(times) == 0:
            stall.till.put_price(TAROT, 2_000, "usd", key="new")
            catalogue.refresh(stall.world, TAROT)
            stall.till.put_price(TAROT, 3_000, "usd", key="newer")

    stall.till.takes_time = meanwhile
    seen = catalogue.refresh(stall.world, TAROT)
    assert seen
    assert (seen.price, stall.row("tarot").price, seen.rev) == (3_000, 3_000, 3)


def test_also_what_says_nothing_new_is_written_so_that_who_is_slower_reads_again(stall: Stall) -> None:
    rev = stall.sells("tarot").rev
    seen = catalogue.refresh(stall.world, TAROT)
    assert seen
    assert seen.rev == rev + 1


def test_a_refresh_that_is_always_overtaken_gives_up(stall: Stall) -> None:
    stall.sells("tarot")
    rows = products_of(stall.world)

    def overtaken() -> None:
        was = stall.row("tarot")
        stall.world.tables.write(rows.keep(replace(was, rev=was.rev + 2), was))

    stall.till.takes_time = overtaken
    asked = stall.till.asked
    with pytest.raises(Unavailable):
        catalogue.refresh(stall.world, TAROT)
    assert stall.till.asked == asked + 4


@pytest.mark.parametrize(
    "kind", ["product.created", "product.updated", "price.created", "price.updated", "price.deleted"]
)
def test_an_event_has_the_product_read_whatever_it_says_itself(stall: Stall, kind: str) -> None:
    stall.till.sells(TAROT, 1_200, shippable=True)
    tell(stall, product_event("evt_1", kind, TAROT, unit_amount=5, active=False))
    assert (stall.row("tarot").price, outcome(stall.world, {"id": "evt_1"})) == (1_200, "listed")


def test_an_event_on_a_price_may_hold_the_product_whole(stall: Stall) -> None:
    stall.till.sells(TAROT)
    tell(stall, product_event("evt_1", "price.updated", TAROT, product={"id": TAROT, "object": "product"}))
    assert (stall.row("tarot").kind, outcome(stall.world, {"id": "evt_1"})) == ("digital", "not listed")


def test_what_is_gone_is_off_sale_and_stays_for_the_orders_that_name_it(stall: Stall) -> None:
    before = stall.sells("tarot")
    del stall.till.catalogue[TAROT]
    tell(stall, product_event("evt_1", "product.deleted", TAROT))
    assert stall.row("tarot") == replace(before, active=False, rev=2)


def test_an_event_on_what_is_neither_there_nor_here_changes_nothing(stall: Stall) -> None:
    tell(stall, product_event("evt_1", "product.deleted", TAROT))
    assert (stall.world.tables.scan("shop").items, outcome(stall.world, {"id": "evt_1"})) == ([], "not there")


@pytest.mark.parametrize("name", ["a product/ours", "", "x" * 65, None, 5])
def test_a_product_that_no_path_can_hold_is_not_sold_here(stall: Stall, name: Any) -> None:
    tell(stall, product_event("evt_1", "product.created", name))
    assert outcome(stall.world, {"id": "evt_1"}) == "no product that can be sold here"
    assert stall.till.asked == 0


def test_where_stripe_cannot_be_asked_the_event_is_to_come_again(stall: Stall) -> None:
    stall.till.sells(TAROT)
    stall.till.down = True
    with pytest.raises(ProviderFailed):
        tell(stall, product_event("evt_1", "product.created", TAROT))
    stall.till.down = False
    assert outcome(stall.world, {"id": "evt_1"}) is None
    tell(stall, product_event("evt_1", "product.created", TAROT))
    assert stall.row("tarot").active


def test_where_stripe_says_no_the_event_is_to_come_again(stall: Stall) -> None:
    def refuses() -> None:
        raise Refused("testmode_charges_only")

    stall.till.takes_time = refuses
    with pytest.raises(ProviderFailed):
        tell(stall, product_event("evt_1", "product.created", TAROT))


def test_a_refresh_keeps_file_and_state(stall: Stall) -> None:
    stall.ready().approved()
    catalogue.refresh(stall.world, "prd_1moon")
    assert (stall.row().file, stall.row().state) == (GUIDE, "approved")


def test_a_product_with_a_fault_is_off_sale_and_logged(stall: Stall, capsys: pytest.CaptureFixture[str]) -> None:
    stall.sells("tarot")
    stall.till.prices["price_prd_1tarot_0"]["currency"] = "eur"
    tell(stall, product_event("evt_1", "price.updated", TAROT))
    assert (stall.row("tarot").fault, stall.row("tarot").listed) == ("its price is in another currency", False)
    assert "product_faulty" in capsys.readouterr().out


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_an_event_whose_write_is_lost_is_stored_once(after: bool) -> None:
    tables = LosingTables(0, after=after)
    stall = Stall(hand_world(tables))
    stall.till.sells(TAROT)
    tell(stall, product_event("evt_1", "product.created", TAROT))
    assert (stall.row("tarot").rev, outcome(stall.world, {"id": "evt_1"})) == (1, "not listed")
