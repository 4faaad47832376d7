"""What phones and the shop show is what they were given, and a locked reply is shown without a word."""

from typing import Any

import pytest

from infra.local.pages import Board, Bought, Bubble, Chat, Good, Written, board, bought, chat, good, paragraph


def message(sender: str, text: str | None, price: int = 0, *, locked: bool = False, files: int = 0) -> dict[str, Any]:
    return {
        "sender": sender,
        "text": text,
        "price": {"amount": price, "currency": "usd"} if price else None,
        "locked": locked,
        "attachment_count": files,
    }


def test_a_conversation_is_shown_oldest_first_by_names() -> None:
    page = [message("usr_2", None, 100, locked=True), message("usr_1", "Look", files=1)]
    assert chat("Ann", 250, page, {"usr_1": "Ann"}) == Chat(
        "Ann",
        250,
        (
            Bubble("Ann", "Look", 0, locked=False, files=1),
            Bubble("somebody", None, 100, locked=True, files=0),
        ),
    )


def test_a_thread_is_shown_as_apps_show_it() -> None:
    page = {
        "thread": {"title": "Moon"},
        "items": [
            {"author": {"id": "usr_1", "display_name": "Ann"}, "html": "<p>Hi</p>", "standing": "shown"},
            {"author": None, "html": "", "standing": "hidden"},
        ],
    }
    assert board("Ben", page, 3, "removed") == Board(
        "Ben", "Moon", (Written("Ann", "<p>Hi</p>", "shown"), Written("nobody", "", "hidden")), 3, "removed"
    )


def test_a_thread_whose_first_post_is_gone_has_no_title() -> None:
    assert board("Ben", {"thread": {"title": None}, "items": []}) == Board("Ben", "")


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("Hello Rosa,\n\nAnn paid $1.00.\n\nSoulSeer\n", "Ann paid $1.00."),
        ("<title>You have it</title>\n<p>Hello Rosa,</p>\n<p>Ann paid.</p>\n", "<p>Ann paid.</p>"),
        ("Hello Rosa,\n", ""),
        ("", ""),
    ],
)
def test_of_a_letter_the_line_after_the_greeting_is_shown(part: str, said: str) -> None:
    assert paragraph(part) == said


def usd(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "usd"}


def item(name: str, kind: str, amount: dict[str, Any], **more: Any) -> dict[str, Any]:
    known = {"name": name, "kind": kind, "amount": amount, "quantity": 1, "state": "paid"}
    return known | {"carrier": None, "tracking": None} | more


def order(rail: str, total: dict[str, Any], *items: dict[str, Any], **more: Any) -> dict[str, Any]:
    known = {"rail": rail, "state": "paid", "total": total, "items": list(items), "discount": None, "shipping": None}
    return known | {"refunded": total | {"amount": 0}, "refunds": []} | more


def test_a_product_is_shown_as_everybody_sees_it() -> None:
    seen = {"name": "Moons", "kind": "digital", "price": usd(400), "coins": 400, "left": None}
    assert good(seen | {"seller": {"id": "usr_1", "display_name": "Rosa"}}) == Good(
        "Moons", "file", 400, 400, "Rosa", None
    )
    thing = seen | {"kind": "physical", "seller": None, "coins": None, "left": 3}
    assert good(thing) == Good("Moons", "thing", 400, None, None, 3)


def test_an_order_is_shown_with_what_a_coupon_took_off_and_what_went_back() -> None:
    shown = bought(
        "Dan",
        order(
            "stripe",
            usd(2_750),
            item("Deck", "physical", usd(1_795), quantity=2, state="shipped", carrier="USPS", tracking="9400"),
            item("Moons", "digital", usd(360), state="refunded"),
            discount={"code": "MOON10", "amount": usd(240)},
            shipping={"name": "Standard shipping", "amount": usd(595)},
            refunded=usd(360),
            refunds=[{"done": True}],
        ),
    )
    assert shown == Bought(
        "Dan",
        "paid",
        "$27.50 on a page of Stripe's",
        (
            ("thing", "$17.95", "2 x Deck, shipped: USPS 9400"),
            ("file", "$3.60", "Moons, refunded"),
            ("coupon", "-$2.40", "MOON10, off the prices above already"),
            ("shipping", "$5.95", "Standard shipping"),
            ("back", "-$3.60", "to the card"),
        ),
    )


def test_what_is_on_its_way_back_is_not_shown_as_there() -> None:
    refunds = [{"done": True}, {"done": False}]
    shown = bought("Dan", order("stripe", usd(100), refunded=usd(100), refunds=refunds))
    assert shown.lines == (("back", "-$1.00", "on its way back"),)


def test_an_order_for_coins_is_shown_in_coins() -> None:
    coins = {"amount": 1_400, "currency": "coins"}
    shown = bought("Eve", order("coins", coins, item("Moons", "digital", coins, state="fulfilled")))
    assert (shown.total, shown.lines) == ("1,400 coins in all", (("file", "1,400 coins", "Moons, fulfilled"),))
