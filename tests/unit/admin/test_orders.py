"""Orders on the command line: what is to be sent, sending it, and giving back, said before it is done."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.kernel.errors import AlreadyDone, InvalidState
from chalicelib.shop import returns
from scripts.admin.cli import run
from tests.support.counter import RATE, Counter
from tests.support.hands import BEA
from tests.support.reading import pay_in
from tests.support.worlds import hand_world

WHY = ("--reason", "because", "--yes")
Command = Callable[..., Any]


@pytest.fixture
def counter() -> Counter:
    return Counter(hand_world()).ready()


@pytest.fixture
def soulseer(counter: Counter, capsys: pytest.CaptureFixture[str]) -> Command:
    def said(*arguments: str, code: int = 0) -> Any:
        capsys.readouterr()
        assert run([*arguments, "--local", "--json"], lambda _: counter.world, lambda: "arn:ops") == code
        return json.loads(capsys.readouterr().out) if code == 0 else None

    return said


def test_what_waits_is_listed_and_an_address_is_shown_only_where_it_is_asked_for(
    counter: Counter, soulseer: Command
) -> None:
    made = counter.orders({"deck": 2})
    (row,) = soulseer("orders", "list", "--to-ship")["rows"]
    assert (row["id"], row["items"]) == (made.id, ["1: 2 x Deck, paid"])
    assert soulseer("orders", "list", "--of", counter.buyer)["rows"] == [row]
    (shown,) = soulseer("orders", "show", made.id)["rows"]
    assert "address" not in shown
    assert (shown["total"], shown["shipping"]) == (3_000 + RATE, f"{RATE} by standard")
    soulseer("orders", "show", made.id, "--address", code=1)
    look = ("orders", "show", made.id, "--address", "--reason", "a parcel came back")
    assert soulseer(*look)["rows"][0]["address"]["city"] == "Springfield"
    (act,) = counter.world.tables.query("audit", ("pk", made.id)).items
    assert (act["action"], act["actor"], act["reason"]) == ("address_viewed", "arn:ops", "a parcel came back")
    soulseer("orders", "show", "ord_none", code=1)


def test_things_are_sent_and_arrive_once(counter: Counter, soulseer: Command) -> None:
    made = counter.orders({"deck": 1, "book": 1})
    ship = ("orders", "ship", made.id, "--carrier", "USPS", "--tracking", "9400")
    assert soulseer(*ship, "--item", "2", "--reason", "because")["would"] == [
        "say that item 2 (1 x Book) was sent with USPS"
    ]
    assert counter.order().state == "paid"
    soulseer(*ship, "--item", "2", *WHY)
    assert soulseer(*ship, "--item", "2", *WHY)["would"] == []
    (row,) = soulseer(*ship, *WHY)["rows"]
    assert [each["tracking"] for each in row["items"]] == ["USPS 9400"] * 2
    assert soulseer("orders", "deliver", made.id, *WHY)["rows"][0]["state"] == "delivered"
    assert soulseer("orders", "deliver", made.id, "--item", "1", *WHY)["done"] is True
    soulseer(*ship, *WHY, code=1)


def test_a_refund_says_who_bears_it_before_it_is_done(counter: Counter, soulseer: Command) -> None:
    made = counter.orders({"book": 2})
    counter.ships()
    refund = ("orders", "refund", made.id, "--item", "1:1", "--restock", "--ref", "t1")
    assert soulseer(*refund, "--reason", "because")["would"] == [
        f"give 999 cents back to {counter.buyer}, to their credit",
        f"take 699 cents of that from the earnings of {counter.seller}",
        f"put 1 of {counter.id_of('book')} on sale again",
    ]
    soulseer(*refund, *WHY)
    assert (counter.order().returned, counter.left("book")) == (999, 9)
    assert soulseer("orders", "refund", made.id, "--shipping", "--ref", "t2", "--reason", "because")["would"] == [
        f"give {RATE} cents back to {counter.buyer}, to their credit",
        "do so beside the 999 cents that were given back before",
    ]
    assert soulseer("orders", "refund", made.id, "--shipping", "--ref", "t2", *WHY)["rows"][0]["state"] == "shipped"
    assert soulseer("orders", "refund", made.id, "--ref", "t3", *WHY)["rows"][0]["state"] == "refunded"
    soulseer("orders", "refund", made.id, "--ref", "t4", *WHY, code=1)
    acts = counter.world.tables.query(counter.world.settings.tables.audit, ("pk", made.id)).items
    assert sorted(each["action"] for each in acts) == [*["order_refunded"] * 3, "order_shipped"]


def test_an_item_that_is_named_twice_is_not_taken_for_once(counter: Counter, soulseer: Command) -> None:
    made = counter.orders({"book": 3})
    soulseer("orders", "refund", made.id, "--item", "1:1", "--item", "1:2", "--ref", "t1", *WHY, code=1)
    assert counter.order().returned == 0


def test_two_who_give_back_the_same_unit_for_one_ticket_give_it_back_once(counter: Counter, soulseer: Command) -> None:
    made = counter.orders({"book": 3})
    refund = ("orders", "refund", made.id, "--ref", "ticket-7")
    for _ in range(2):
        soulseer(*refund, "--item", "1:1", *WHY)
    assert counter.order().returned == 999
    assert soulseer(*refund, *WHY)["rows"] == []
    soulseer(*refund, "--item", "1:2", *WHY, code=1)
    soulseer(*refund, "--item", "1:1", "--shipping", *WHY, code=1)
    name, units = counter.order().refunds[0].id, {"1": 1}
    how: Any = {"shipping": False, "restock": False}
    for _ in range(2):  # each of whom had planned it before either did it
        returns.refund(counter.world, made.id, name, units, returns.Who("arn:bea", "t7"), **how)
    with pytest.raises(AlreadyDone):
        returns.refund(counter.world, made.id, name, {"1": 2}, returns.Who("arn:bea", "t7"), **how)
    assert counter.order().returned == 999


def test_what_readers_have_of_an_order_goes_back_above_the_limit_by_two_people_alone(
    counter: Counter, soulseer: Command
) -> None:
    pay_in(counter.world, counter.buyer, 20_000, "topup:more")
    made = counter.orders({"book": 9})
    counter.ships()
    first = counter.orders({"deck": 8}, name="2")
    soulseer("orders", "refund", first.id, "--ref", "unsent", *WHY)  # the buyer's to call off: counts for nobody
    refund = ("orders", "refund", made.id, "--ref", "t1")
    wallet_adjusted = ("wallet", "adjust", counter.buyer, "--amount", "1010", "--ref", "t1")
    soulseer(*wallet_adjusted, *WHY)
    (row,) = soulseer(*refund, *WHY)["rows"]
    assert (row["state"], row["what"]) == (
        "pending",
        f"to give 9 of item 1 of {made.id} back to {counter.buyer}, of which 8991 cents are divided",
    )
    assert counter.order().returned == 0
    assert soulseer(*refund, *WHY)["rows"] == []
    soulseer(*refund, "--item", "1:1", "--restock", *WHY, code=1)
    approve = ["adjustments", "approve", row["id"], *WHY, "--local", "--json"]
    for _ in range(2):
        assert run(approve, lambda _: counter.world, lambda: BEA) == 0
    assert (counter.order().state, counter.order().returned) == ("refunded", 8_991)
    assert sum(cents for _, cents, _ in counter.earned()) == 0
    assert soulseer(*refund, *WHY)["rows"] == []


def test_what_is_sent_between_the_look_and_the_deed_does_not_go_back_unseen(counter: Counter) -> None:
    made = counter.orders({"deck": 2})
    counter.ships()
    with pytest.raises(InvalidState):
        returns.refund(
            counter.world, made.id, "r1", {"1": 1}, returns.Who("a", "b"), shipping=False, restock=False, most=0
        )
    assert counter.order().returned == 0


def test_coins_go_back_as_coins(counter: Counter, soulseer: Command) -> None:
    made = counter.orders({"song": 1}, "coins")
    assert soulseer("orders", "refund", made.id, "--ref", "t9", "--reason", "because")["would"] == [
        f"give 333 coins back to {counter.buyer}"
    ]


def test_what_went_back_before_is_told_in_coins_where_it_was_paid_so(counter: Counter, soulseer: Command) -> None:
    made = counter.orders({"song": 1, "spell": 1}, "coins")
    soulseer("orders", "refund", made.id, "--item", "1", "--ref", "t1", *WHY)
    assert soulseer("orders", "refund", made.id, "--ref", "t9", "--reason", "because")["would"] == [
        f"give 501 coins back to {counter.buyer}",
        f"take 350 cents of that from the earnings of {counter.seller}",
        "do so beside the 333 coins that were given back before",
    ]


def test_an_order_is_called_off_once(counter: Counter, soulseer: Command) -> None:
    made = counter.orders({"deck": 2})
    cancel = ("orders", "cancel", made.id)
    assert soulseer(*cancel, "--reason", "because")["would"] == [
        "call off 2 of item 1 (2 x Deck), and give back what was paid"
    ]
    assert soulseer(*cancel, *WHY)["rows"][0]["state"] == "refunded"
    assert soulseer(*cancel, *WHY)["would"] == []
    assert counter.credit == 10_000
