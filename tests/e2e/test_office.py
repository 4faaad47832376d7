"""What people of the platform do by hand, on the running stack: correcting balances, dividing a reading, replaying."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

from chalicelib.sessions.store import Sessions
from infra.local.phone import new_key
from infra.local.waiting import until
from tests.e2e.stage import SOON, Stage, StripeDesk, refusal

WHY = ("--reason", "e2e", "--yes")


def two_people() -> tuple[str, str]:
    """Operators that no other test knows: what one does alone counts for a day."""
    return f"ann-{uuid4().hex[:8]}", f"bea-{uuid4().hex[:8]}"


def test_credit_is_corrected_by_one_person_and_above_the_limit_by_two(stage: Stage) -> None:
    ann, bea = two_people()
    client = stage.client()
    small = ("wallet", "adjust", client.id, "--amount", "700", "--ref", "t1", *WHY)
    for _ in range(2):
        assert stage.admin(*small, by=ann)["done"]
    assert client.credit() == 700
    (line, *_) = client.api.get("/v1/wallet/entries?account=credit")["items"]
    assert (line["kind"], line["description"], line["amount"]["amount"]) == ("adjusted", "Correction by us", 700)
    asked = client.api.send("POST", "/v1/wallet/refunds", {}, key=new_key())
    assert refusal(asked) == (402, "insufficient_funds")

    (request,) = stage.admin("wallet", "adjust", client.id, "--amount", "15000", "--ref", "t2", *WHY, by=ann)["rows"]
    assert client.credit() == 700
    code, _, complained = stage.office.run("adjustments", "approve", request["id"], *WHY, "--local", by=ann)
    assert code == 1
    assert "forbidden" in complained
    assert stage.admin("adjustments", "approve", request["id"], *WHY, by=bea)["rows"][0]["state"] == "posted"
    assert client.credit() == 15_700
    assert stage.admin("adjustments", "show", request["id"])["rows"][0]["asked_by"].endswith(ann)

    def told() -> bool:
        kinds = [each["kind"] for each in client.api.get("/v1/notifications")["items"]]
        return kinds.count("adjusted") == 2

    until("the client being told twice", told, seconds=SOON)


def test_a_reading_that_does_not_add_up_is_listed_told_and_divided(stage: Stage) -> None:
    ann, _ = two_people()
    with stage.pair(1_000) as pair:
        pair.begin()
        pair.client.leave()
        pair.hang_up()
        row = pair.await_state("paused")
        _, operations = Sessions(stage.world.tables, stage.world.settings.tables.sessions).replace(
            replace(row, connected_before=900_000), row
        )
        stage.world.tables.write(*operations)
        pair.client.do("end")
        row = pair.await_row("the reading being in review", lambda row: row.in_review)
        listed = until(
            "the reading being listed",
            lambda: [each["id"] for each in stage.admin("sessions", "list", "--state", "review")["rows"]],
            seconds=SOON,
        )
        assert row.id in listed
        held = 1_000 - pair.client.credit()
        assert held > 0
        divided = ("sessions", "settle", row.id, "--earned", "100", "--refund", "50", *WHY)
        for _ in range(2):
            assert stage.admin(*divided, by=ann)["done"]
        assert pair.client.credit() == 1_000 - held + 50
        assert pair.row.state == "finalized"
        (told,) = stage.admin("sessions", "timeline", row.id)["rows"]
        whats = [line["what"] for line in told["timeline"]]
        assert whats[0] == "asked for"
        assert "session_divided" in whats
        assert pair.receipt()["total"]["amount"] == held - 50


def test_a_topup_whose_event_was_missed_is_replayed_once(stage: Stage, desk: StripeDesk, quiet: None) -> None:
    client = stage.client()
    desk.pull("chaos", copies=0)
    try:
        client.top_up(2_500)
        missed = until(
            "both events of the payment being missed",
            lambda: found if len(found := stage.admin("webhooks", "list", "--since", "1h")["rows"]) > 1 else None,
            seconds=SOON,
        )
    finally:
        desk.pull("chaos", copies=1)
    assert {each["type"] for each in missed} == {"payment_intent.succeeded", "checkout.session.completed"}
    assert client.credit() == 0
    assert len(stage.admin("webhooks", "replay", "--missing", "--since", "1h", *WHY)["rows"]) == len(missed)
    assert client.credit() == 2_500
    for each in missed:
        desk.resend(each["event"])
        desk.delivered(each["event"])
    assert client.credit() == 2_500
    assert stage.admin("webhooks", "replay", *(each["event"] for each in missed), *WHY)["rows"] == []
