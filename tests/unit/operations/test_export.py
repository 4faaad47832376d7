"""Product §1: everything that a person has, as JSON in a private bucket, by a link that expires."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.accounts import suppression
from chalicelib.gateways import World
from chalicelib.gateways.mail import Letter
from chalicelib.kernel.errors import Forbidden, NotFound, ProviderFailed, RateLimited, Unavailable
from chalicelib.kernel.time import DAY, MINUTE, rfc3339
from chalicelib.moderation import service as moderation
from chalicelib.notifications.model.notice import Notice
from chalicelib.notifications.service import tell
from chalicelib.operations import exports, handlers
from chalicelib.operations.model.export import KEPT, MOST
from chalicelib.runtime.identity import Claims
from chalicelib.sessions import afterwards
from chalicelib.sessions import service as sessions
from chalicelib.sessions.model import commands
from chalicelib.wallet import purchases
from chalicelib.wallet.model.purchase import Told
from tests.support.payee import Desk
from tests.support.purse import OWNER, Purse
from tests.support.reading import CLIENT, READER, Stage
from tests.support.show import Show
from tests.support.worlds import NOON, Executions, HandClock, OfflineMail, OfflineObjects, hand_world

ADA = Claims("auth0|ada", "ada@example.test", "Ada")


class Refusing(OfflineMail):
    def send(self, letter: Letter) -> None:
        raise ProviderFailed


@pytest.fixture
def world() -> World:
    return hand_world()


@pytest.fixture
def ada(world: World) -> str:
    return accounts.sign_in(world, ADA).id


def forward(world: World, millis: int) -> None:
    assert isinstance(world.now, HandClock)
    world.now.forward(millis)


def files(world: World) -> dict[str, Any]:
    assert isinstance(world.exports, OfflineObjects)
    return {key: json.loads(content) for key, content in world.exports.held.items()}


def letters(world: World) -> list[Letter]:
    assert isinstance(world.mail, OfflineMail)
    return world.mail.sent


def test_one_is_made_at_a_time_and_a_clock_makes_it(world: World, ada: str) -> None:
    export = exports.ask(world, ada, "exp_1")
    assert export.status(world.now()) == "pending"
    assert exports.link(world, export) is None
    assert exports.ask(world, ada, "exp_1") == exports.ask(world, ada, "exp_2") == export
    assert isinstance(world.clock, Executions)
    assert world.clock.started == {"exp_1-0": world.now()}
    assert handlers.tell(world, {"kind": "export", "id": "exp_1", "epoch": 0}) == {"done": True}
    assert list(files(world)) == [f"{ada}/exp_1.json"]
    assert exports.ask(world, ada, "exp_2").id == "exp_2"


def test_a_finished_one_is_mailed_once_and_linked_until_it_expires(world: World, ada: str) -> None:
    exports.ask(world, ada, "exp_1")
    for _ in range(3):
        assert exports.advance(world, "exp_1") is None
    (letter,) = letters(world)
    assert letter.to == "ada@example.test"
    assert f"memory:///{ada}/exp_1.json?3600" in letter.text
    export = exports.export_of(world, ada, "exp_1")
    assert exports.link(world, export) == f"memory:///{ada}/exp_1.json?900"
    forward(world, KEPT - 1)
    assert export.status(world.now()) == "ready"
    forward(world, 1)
    assert export.status(world.now()) == "expired"
    assert exports.link(world, export) is None


def test_it_is_nobody_elses(world: World, ada: str) -> None:
    exports.ask(world, ada, "exp_1")
    with pytest.raises(Forbidden):
        exports.export_of(world, "usr_other", "exp_1")
    with pytest.raises(NotFound):
        exports.export_of(world, ada, "exp_2")


def test_five_can_be_had_in_seven_days(world: World, ada: str) -> None:
    for number in range(MOST):
        exports.ask(world, ada, f"exp_{number}")
        exports.advance(world, f"exp_{number}")
    forward(world, DAY)
    with pytest.raises(RateLimited) as refused:
        exports.ask(world, ada, "exp_more")
    assert refused.value.wait == KEPT - DAY
    forward(world, KEPT - DAY)
    assert exports.ask(world, ada, "exp_more").id == "exp_more"


def test_it_waits_for_the_post_and_not_for_one_that_refuses(world: World, ada: str) -> None:
    mail = world.mail
    assert isinstance(mail, OfflineMail)
    exports.ask(world, ada, "exp_1")
    mail.down = True
    with pytest.raises(Unavailable):
        exports.advance(world, "exp_1")
    assert exports.export_of(world, ada, "exp_1").status(world.now()) == "ready"
    mail.down = False
    assert exports.advance(world, "exp_1") is None
    assert len(letters(world)) == 1
    refusing = hand_world(world.tables, mail=Refusing())
    exports.ask(refusing, ada, "exp_2")
    assert exports.advance(refusing, "exp_2") is None


def test_no_link_is_mailed_to_an_address_that_takes_no_letters(world: World, ada: str) -> None:
    suppression.suppress(world, "ada@example.test", "complaint", NOON)
    export = exports.ask(world, ada, "exp_1")
    assert exports.advance(world, "exp_1") is None
    assert letters(world) == []
    assert exports.link(world, exports.export_of(world, ada, export.id))
    (row,) = world.tables.query(world.settings.tables.notices, ("pk", ada)).items
    assert row["kind"] == "mail_suppressed"


def test_the_minute_tick_makes_one_whose_clock_was_lost(world: World, ada: str) -> None:
    class Context:
        def get_remaining_time_in_millis(self) -> int:
            return 60_000

    exports.ask(world, ada, "exp_1")
    forward(world, MINUTE)
    done = [
        handlers.work(world, {"shard": str(shard)}, Context(), lambda facts: None)["advanced"]
        for shard in range(world.settings.tick_shards)
    ]
    assert sum(done) == 1
    assert exports.export_of(world, ada, "exp_1").finished


def test_it_holds_everything_that_the_person_has_and_nothing_that_is_secret() -> None:
    stage = Stage(credit=500)
    world = stage.world
    person = accounts.sign_in(world, ADA).id
    accounts.add_device(world, person, "ios", "secret-token")
    accounts.agree(world, person, "terms", "1")
    accounts.block(world, person, accounts.sign_in(world, Claims("auth0|bob", None, None)).id)
    told = exports.everything(world, person)
    assert told["profile"]["email"] == "ada@example.test"
    assert [len(told[name]) for name in ("consents", "devices", "blocks")] == [1, 1, 1]
    assert "secret-token" not in json.dumps(told)
    assert told["reader"] is None
    stage.begun().at(30).client(commands.finish)
    afterwards.write_session_note(world, "ses_1", CLIENT, "A thought.")
    afterwards.review(world, "ses_1", CLIENT, 5, "Helped me.")
    moderation.report(world, READER, "ses_1", "other", "Something odd.")
    world.tables.write(*_profile(world, CLIENT), *_profile(world, READER))
    of_client, of_reader = exports.everything(world, CLIENT), exports.everything(world, READER)
    (session,) = of_client["sessions_as_client"]
    assert (session["id"], session["charged"]["amount"]) == ("ses_1", 250)
    assert (session["note"]["text"], session["review"]["rating"]) == ("A thought.", 5)
    assert [(each["item"], each["text"]) for each in of_reader["reports_made"]] == [("ses_1", "Something odd.")]
    assert of_client["reports_made"] == []
    assert of_reader["sessions_as_reader"][0]["review"] is None
    assert [each["kind"] for each in of_client["credit_entries"]][-1] == "topup"
    assert [each["id"] for each in of_reader["sessions_as_reader"]] == ["ses_1"]
    assert len(of_reader["earnings_entries"]) == 1
    assert of_client["sessions_as_reader"] == of_client["cut_short"] == []
    assert sessions.load(world, "ses_1").state == "finalized"


def _profile(world: World, person: str) -> list[Any]:
    from chalicelib.accounts.model.person import newcomer
    from chalicelib.accounts.store import People

    return [People(world.tables, "accounts").add(newcomer(person, None, None, 0))]


def test_a_reader_has_their_own_profile_in_it(world: World, ada: str) -> None:
    from tests.support.reading import add_reader

    add_reader(world, ada)
    world.tables.rows["accounts"][ada, "profile"]["role"] = "reader"  # type: ignore[attr-defined]
    assert exports.everything(world, ada)["reader"]["name"] == f"Name of {ada}"


def test_who_bought_coins_has_their_statement_and_their_purchases_in_it() -> None:
    purse = Purse()
    purse.buys("coins_100")
    purchases.learn(purse.world, Told("google", "GPA.1", OWNER, "coins_500", 500, True, NOON + 2_000, "live"))
    purchases.learn(purse.world, Told("google", "GPA.1", OWNER, "coins_500", 500, False, NOON + 3_000, "live"))
    purse.world.tables.write(*_profile(purse.world, OWNER))
    told = exports.everything(purse.world, OWNER)
    assert [each["kind"] for each in told["coins_entries"]] == ["coins_taken_back", "coins_bought", "coins_bought"]
    assert [(each["store"], each["coins"], each["not_taken_back"]) for each in told["coin_purchases"]] == [
        ("google", 500, 0),
        ("stripe", 100, 100),
    ]
    assert told["cut_short"] == []


def test_a_reader_has_their_payouts_in_it() -> None:
    desk = Desk().ready().earned(2_000)
    payout = desk.paid_out()
    assert payout
    told = exports.everything(desk.world, READER)
    assert [(each["id"], each["status"]) for each in told["payouts"]] == [(payout.id, "paid")]
    assert told["payout_account"]["status"] == "ready"


def test_what_one_was_told_is_in_it_as_one_reads_it(world: World, ada: str) -> None:
    for number in (1, 2):
        tell(world, Notice(ada, "refund", {"amount": 250, "refund": "rfd_1"}, str(number), NOON + number))
    told = exports.everything(world, ada)["notifications"]
    assert [(each["at"], each["title"], each["about"], each["read"]) for each in told] == [
        (rfc3339(NOON + number), "A payment goes back to your card", {"refund": "rfd_1"}, False) for number in (2, 1)
    ]


def test_gifts_that_were_sent_and_tickets_that_were_kept_are_in_it(world: World, ada: str) -> None:
    accounts.change(world, ada, accounts.Changes(birth_date=date(1990, 1, 1)))
    show, off = Show(world, "1").live("premium", 300), Show(world, "2")
    show.buys(ada, 1_000)
    show.pays(ada)
    given = show.gives(ada).sent
    off.scheduled("premium", 200).pays(ada)
    off.ends()
    told = exports.everything(world, ada)
    assert [(each["stream"], each["gift"], each["coins"]) for each in told["gifts_sent"]] == [
        (show.stream, "rose", 100)
    ]
    assert told["gifts_sent"][0]["id"] == given.id
    assert [(each["stream"], each["coins"]) for each in told["tickets"]] == [(show.stream, 300)]
    assert [each["kind"] for each in told["coins_entries"]] == [
        "ticket_back",
        "ticket",
        "gift",
        "ticket",
        "coins_bought",
    ]
