"""Product §11: an event that never came is read at Stripe and applied, once, whatever comes late by itself.

On the local Stripe, through the real library.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chalicelib.kernel.errors import Invalid, NotFound
from chalicelib.kernel.time import DAY, HOUR
from chalicelib.operations import replays
from chalicelib.payouts import payees
from chalicelib.payouts.model import Payee
from chalicelib.wallet import apple
from chalicelib.wallet import service as wallet
from scripts.admin.cli import run
from tests.support.border import CLIENT, READER, Border, border
from tests.support.local_stripe import call
from tests.support.worlds import HandClock
from tests.unit.wallet.test_apple import BOUGHT, REFUNDED, heard, made, posted, store

BY: Any = {"actor": "arn:ops", "reason": "ticket 7"}
WHY = ("--reason", "because", "--yes")


@pytest.fixture
def desk() -> Iterator[Border]:
    """Stripe sends to an address at which nobody hears."""
    with border() as desk:
        desk.lever("chaos", copies=0)
        endpoint = {"url": "http://127.0.0.1:9/", "secret": "whsec_none"}
        call(desk.local, "PUT", "/_local/webhooks/account", endpoint)
        yield desk


def said(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def missed(desk: Border, **how: Any) -> list[tuple[str, bool]]:
    return [(each.kind, each.under_way) for each in replays.missed(desk.world, desk.world.now() - DAY, **how)]


def balance(desk: Border) -> int:
    return wallet.head(desk.world, CLIENT).balance


Command = Callable[..., int]


@pytest.fixture
def soulseer(desk: Border) -> Command:
    return lambda *arguments: run([*arguments, "--local", "--json"], lambda _: desk.world, lambda: "arn:ops")


TOPPED_UP = [("payment_intent.succeeded", True), ("checkout.session.completed", True)]


def test_a_topup_that_was_never_told_is_found_and_its_replay_gives_the_credit_once(desk: Border) -> None:
    desk.pays(2_500, hears=False)
    assert sorted(missed(desk)) == sorted(missed(desk, undelivered=True)) == sorted(TOPPED_UP)
    assert balance(desk) == 0
    for _ in range(2):
        found = replays.missed(desk.world, desk.world.now() - DAY)
        replays.replay(desk.world, found, **BY)
    assert (balance(desk), missed(desk)) == (2_500, [])
    desk.hears()  # the real deliveries come late
    assert balance(desk) == 2_500
    acts = [row for row in desk.tables.rows["audit"].values() if row["action"] == "webhook_replayed"]
    assert len(acts) == 2
    assert {row["actor"] for row in acts} == {"arn:ops"}


def test_what_came_in_time_is_missed_by_nobody_and_replaying_it_does_nothing(desk: Border) -> None:
    desk.pays(2_500)
    assert missed(desk) == []
    event = next(iter(desk.heard))
    assert replays.missing(desk.world, [event]) == []
    assert balance(desk) == 2_500


def test_the_late_delivery_and_the_replay_at_one_moment_are_one(desk: Border) -> None:
    desk.pays(2_500, hears=False)
    found = replays.missed(desk.world, desk.world.now() - DAY)

    def done(_: int) -> None:
        desk.hears()

    replays.replay(desk.world, found, **BY, done=done)
    assert balance(desk) == 2_500
    assert sum(row["action"] == "webhook_replayed" for row in desk.tables.rows["audit"].values()) == 1


def test_what_is_older_than_was_asked_for_is_not_found(desk: Border) -> None:
    desk.pays(2_500, hears=False)
    desk.clock.forward(2 * HOUR)
    assert replays.missed(desk.world, desk.world.now() - HOUR) == []
    assert len(replays.missed(desk.world, desk.world.now() - 3 * HOUR)) == 2


def test_kinds_that_nobody_told_us_of_are_not_missed(desk: Border) -> None:
    desk.stripe.v1.customers.create(params={"metadata": {"user": CLIENT}})
    assert missed(desk) == []


def test_more_than_a_page_is_found_in_its_order(desk: Border) -> None:
    for number in range(130):
        desk.stripe.v1.products.create(params={"name": f"Deck {number}"})
    found = replays.missed(desk.world, desk.world.now() - DAY)
    assert len(found) == 130
    assert len({each.id for each in found}) == 130


def test_an_event_that_stripe_does_not_have_is_refused(desk: Border) -> None:
    with pytest.raises(NotFound):
        replays.missing(desk.world, ["evt_nothing"])
    with pytest.raises(Invalid):
        replays.missing(desk.world, [f"evt_{number}" for number in range(501)])


def test_stripe_silent_or_an_effect_that_is_not_stored_leaves_it_missed(desk: Border) -> None:
    desk.pays(2_500, hears=False)
    found = replays.missed(desk.world, desk.world.now() - DAY)
    call(desk.local, "PUT", "/_local/fault", {"path": "/v1/events", "status": 500, "count": 1})
    assert [why for _, why in replays.replay(desk.world, found[-1:], **BY).failed] == ["provider_failed"]
    assert balance(desk) == 0
    replays.replay(desk.world, found, **BY)
    assert balance(desk) == 2_500


def test_one_that_cannot_be_applied_holds_up_no_other_and_is_told_at_the_end(
    desk: Border, soulseer: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    for cents in (2_500, 1_000):
        desk.pays(cents, hears=False)
    found = replays.missed(desk.world, desk.world.now() - DAY)
    bad = next(each.id for each in found if each.kind == "checkout.session.completed")
    call(desk.local, "PUT", "/_local/fault", {"path": f"/v1/events/{bad}", "status": 500, "count": 1})
    capsys.readouterr()
    assert soulseer("webhooks", "replay", "--missing", *WHY) == 1
    rows = said(capsys)["rows"]
    assert [row["event"] for row in rows if "why_not" in row] == [bad]
    assert rows[-1]["why_not"] == "provider_failed"
    assert len(rows) == len(found)
    assert 0 < balance(desk) < 3_500
    assert soulseer("webhooks", "replay", "--missing", *WHY) == 0
    assert balance(desk) == 3_500


# --- readers' accounts -----------------------------------------------------------------------------


def test_what_was_told_of_readers_accounts_is_found_account_by_account_and_applied_once(
    desk: Border, soulseer: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.reader_is_ready()
    payee = payees.payee_of(desk.world, READER)
    assert payee
    call(desk.local, "POST", f"/_local/accounts/{payee.account}/require", {"currently_due": ["individual.id_number"]})
    capsys.readouterr()
    assert soulseer("webhooks", "list", "--vendor", "connect") == 0
    rows = said(capsys)["rows"]
    assert {(row["account"], row["type"]) for row in rows} == {(payee.account, "account.updated")}
    assert [each.account for each in replays.missed(desk.world, desk.world.now() - DAY)] == []
    one = rows[0]["event"]
    assert soulseer("webhooks", "replay", one, *WHY) == 1  # it is none of our own account
    assert soulseer("webhooks", "replay", one, "--account", payee.account, *WHY) == 0
    seen = payees.payee_of(desk.world, READER)
    assert seen
    assert seen.status != payee.status
    assert soulseer("webhooks", "replay", "--missing", "--vendor", "connect", *WHY) == 0
    capsys.readouterr()
    assert soulseer("webhooks", "list", "--vendor", "connect") == 0
    assert said(capsys)["rows"] == []


def test_an_account_that_stripe_shows_us_no_more_keeps_nobody_from_the_others(desk: Border) -> None:
    desk.reader_is_ready()
    lost = Payee("usr_lost", "acct_lost", due_at=1)
    desk.tables.write(*payees.rows_of(desk.world).add_payee(lost))
    readers = ["usr_lost", READER, "usr_unknown"]
    assert replays.missed_of_readers(desk.world, readers, desk.world.now() - DAY)


def test_an_account_is_named_beside_events_alone(soulseer: Command) -> None:
    assert soulseer("webhooks", "replay", "--missing", "--account", "acct_1", *WHY) == 1
    assert soulseer("webhooks", "replay", "evt_1", "--vendor", "connect", *WHY) == 1
    with pytest.raises(SystemExit):
        soulseer("webhooks", "replay", "evt_1", "--account", "usr_1", *WHY)


# --- Apple -----------------------------------------------------------------------------------------


def test_what_apple_could_not_deliver_is_applied_once_and_a_late_delivery_adds_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    world = made()
    gone = heard("REFUND", REFUNDED, 2)
    store(world).lost = [heard("ONE_TIME_CHARGE", BOUGHT, 1), gone, heard("TEST", None, 3)]
    apple.hear(world, store(world).lost[2])
    assert isinstance(world.now, HandClock)
    world.now.forward(HOUR)
    capsys.readouterr()

    def soulseer(*arguments: str) -> int:
        return run(
            ["webhooks", *arguments, "--vendor", "apple", "--local", "--json"], lambda _: world, lambda: "arn:ops"
        )

    assert soulseer("list") == 0
    assert [row["type"] for row in said(capsys)["rows"]] == ["ONE_TIME_CHARGE", "REFUND"]
    assert soulseer("replay", "--missing", "--reason", "because") == 0
    assert posted(world) == []
    for _ in range(2):
        assert soulseer("replay", "--missing", *WHY) == 0
    assert sorted(posted(world)) == [-500, 500]
    apple.hear(world, gone)
    assert sorted(posted(world)) == [-500, 500]
    capsys.readouterr()
    assert soulseer("list") == 0
    assert said(capsys)["rows"] == []
    store(world).down = True
    assert soulseer("list") == 1


def test_what_apple_did_deliver_and_a_restore_has_forgotten_is_found_too() -> None:
    world = made()
    store(world).taken = [heard("ONE_TIME_CHARGE", BOUGHT, 1), heard("REFUND", REFUNDED, 2)]
    assert isinstance(world.now, HandClock)
    world.now.forward(HOUR)
    since = world.now() - 2 * HOUR
    assert replays.missed_of_apple(world, since, undelivered=True) == []
    found = replays.missed_of_apple(world, since)
    assert [each.kind for each in found] == ["ONE_TIME_CHARGE", "REFUND"]
    replays.replay(world, found, **BY)
    assert sorted(posted(world)) == [-500, 500]
    assert replays.missed_of_apple(world, since) == []


# --- by the command line ---------------------------------------------------------------------------


def test_a_replay_says_first_what_it_will_apply(
    soulseer: Command, desk: Border, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.pays(2_500, hears=False)
    capsys.readouterr()
    assert soulseer("webhooks", "list", "--since", "24h") == 0
    rows = said(capsys)["rows"]
    assert {row["type"] for row in rows} == {kind for kind, _ in TOPPED_UP}
    assert soulseer("webhooks", "replay", "--missing", "--reason", "because") == 0
    assert len(said(capsys)["would"]) == 2
    assert balance(desk) == 0
    paid = next(row["event"] for row in rows if row["type"] == "checkout.session.completed")
    assert soulseer("webhooks", "replay", paid, *WHY) == 0
    assert [row["event"] for row in said(capsys)["rows"]] == [paid]
    assert balance(desk) == 2_500
    for _ in range(2):
        assert soulseer("webhooks", "replay", "--missing", *WHY) == 0
    assert soulseer("webhooks", "replay", "evt_nothing", *WHY) == 1


@pytest.mark.parametrize(
    "how",
    [("list", "--since", "31d"), ("list", "--since", "0h"), ("list", "--since", "yesterday"), ("replay", *WHY),
     ("replay", "pi_1", *WHY), ("replay", "evt_1", "--missing", *WHY)],
)  # fmt: skip
def test_what_cannot_be_meant_is_wrong_usage(soulseer: Command, how: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit):
        soulseer("webhooks", *how)
