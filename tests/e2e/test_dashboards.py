"""Dashboards: one look says what all the other endpoints and the ledger say, once the sums have caught up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from infra.local.people import RATE
from infra.local.phone import Json, Phone
from infra.local.waiting import until
from tests.e2e.stage import SOON, Pair, Stage, refusal

CREDIT: Final = 5_000
TIP: Final = 300
SPENT: Final = RATE + TIP
EARNED: Final = RATE * 70 // 100 + TIP * 70 // 100
ZONE: Final = "Pacific/Auckland"
WHY: Final = ("--reason", "e2e: dashboards", "--yes")


@pytest.fixture(scope="module")
def pair(stage: Stage) -> Iterator[Pair]:
    """A top-up, a reading of a minute, a tip, a note, and a reader who is kept at hand."""
    pair = Pair(stage, stage.client(CREDIT), stage.reader())
    pair.begin()
    pair.hang_up()
    assert pair.client.do("end")["state"] == "finalized"
    api = pair.client.api
    api.post(f"/v1/sessions/{pair.id}/tip", {"amount": TIP})
    api.put(f"/v1/sessions/{pair.id}/note", {"text": "The river."})
    api.put(f"/v1/favorites/{pair.reader.id}", {"notify_online": False})
    yield pair
    pair.part()


@pytest.fixture(scope="module")
def admin(stage: Stage) -> Phone:
    return Phone(stage.api(stage.stack.tokens["admin"]))


def caught_up(phone: Phone, path: str, field: str, cents: int) -> Json:
    """The dashboard, once its sums say that much."""

    def look() -> Json | None:
        seen: Json = phone.api.get(f"/v1/dashboard/{path}")
        return seen if seen["totals"][field]["amount"] == cents else None

    return until(f"{field} of {cents} cents on a dashboard", look, seconds=SOON)


def amounts(series: list[Json], field: str) -> list[int]:
    return [day[field]["amount"] for day in series]


def test_a_client_sees_what_their_statement_says(pair: Pair) -> None:
    seen = caught_up(pair.client, f"client?days=2&zone={ZONE}", "spent", SPENT)
    get = pair.client.api.get
    assert seen["wallet"] == get("/v1/wallet")
    assert seen["entries"] == get("/v1/wallet/entries?limit=10")["items"]
    assert seen["favorites"] == get("/v1/favorites")["items"]
    assert [(note["session"], note["text"]) for note in seen["notes"]] == [(pair.id, "The river.")]
    entries = get("/v1/wallet/entries?limit=100")["items"]
    paid_in = sum(entry["amount"]["amount"] for entry in entries if entry["kind"] == "topup")
    total = sum(entry["amount"]["amount"] for entry in entries)
    assert seen["totals"]["topped_up"]["amount"] == paid_in == CREDIT
    assert seen["totals"]["spent"]["amount"] == paid_in - total == SPENT
    assert {source: money["amount"] for source, money in seen["totals"]["spent_on"].items() if money["amount"]} == {
        "reading": RATE,
        "tip": TIP,
    }
    assert (seen["totals"]["readings"], seen["totals"]["minutes"]) == (1, 1)
    assert seen["trend"]["now"] == seen["totals"]
    assert sum(amounts(seen["series"], "spent")) == SPENT
    assert len(seen["series"]) == 2


def test_a_reader_sees_what_their_earnings_say(pair: Pair) -> None:
    seen = caught_up(pair.reader, "reader?days=92", "earned", EARNED)
    get = pair.reader.api.get
    earned = get("/v1/reader/earnings")
    # Some is available in between: the hold is short here.
    assert seen["earnings"]["balance"] == earned["balance"]
    assert sum(seen["earnings"][name]["amount"] for name in ("pending", "available")) == EARNED
    assert seen["totals"]["earned"]["amount"] == earned["balance"]["amount"] == EARNED
    assert seen["sessions"] == get("/v1/sessions?as=reader&limit=5")["items"]
    assert seen["availability"] == get("/v1/reader/availability")
    assert seen["rates"] == get("/v1/reader/profile")["rates"]
    assert (seen["next_payout"], seen["rating"], seen["reviews"]) == (None, None, 0)
    assert (seen["totals"]["readings"], seen["totals"]["minutes"]) == (1, 1)
    assert amounts(seen["series"], "earned")[:-2] == [0] * 90
    assert sum(amounts(seen["series"], "earned")) == EARNED


def test_an_admin_sees_the_platform_and_who_waits(stage: Stage, pair: Pair, admin: Phone) -> None:
    caught_up(pair.reader, "reader", "earned", EARNED)
    newcomer = stage.client()
    invited = stage.admin("readers", "invite", *WHY)["rows"][0]["token"]
    newcomer.api.post("/v1/reader/invitation", {"token": invited})
    slug = f"new-{newcomer.id[-12:].lower()}"
    newcomer.api.put("/v1/reader/profile", {"slug": slug, "name": "Nova"})

    def look() -> Json | None:
        seen: Json = admin.api.get("/v1/dashboard/admin?days=1")
        return seen if seen["onboarding"]["readers"]["profile"] >= 1 else None

    seen = until("a reader who waits in the sums", look, seconds=SOON)
    assert slug in {reader["slug"] for reader in seen["onboarding"]["unverified"]}
    assert seen["onboarding"]["waiting"]["count"] >= 1
    assert seen["onboarding"]["readers"]["verified"] >= 1
    assert seen["totals"]["spent"]["amount"] >= SPENT
    assert seen["totals"]["minutes"] >= 1
    assert len(seen["series"]) == 1
    stage.admin("readers", "verify", newcomer.id, *WHY)
    after = admin.api.get("/v1/dashboard/admin")
    assert slug not in {reader["slug"] for reader in after["onboarding"]["unverified"]}


def test_a_dashboard_is_for_whom_it_is_and_of_days_that_there_are(pair: Pair, admin: Phone, stage: Stage) -> None:
    client, reader = pair.client.api, pair.reader.api
    assert refusal(client.send("GET", "/v1/dashboard/reader")) == (403, "forbidden")
    assert refusal(client.send("GET", "/v1/dashboard/admin")) == (403, "forbidden")
    assert refusal(reader.send("GET", "/v1/dashboard/admin")) == (403, "forbidden")
    assert refusal(admin.api.send("GET", "/v1/dashboard/reader")) == (403, "forbidden")
    assert refusal(stage.api().send("GET", "/v1/dashboard/client")) == (401, "unauthenticated")
    for path, field in (("client?days=0", "days"), ("client?days=93", "days"), ("client?zone=Mars/Olympus", "zone")):
        refused = client.send("GET", f"/v1/dashboard/{path}")
        assert refusal(refused) == (422, "invalid")
        assert [error["field"] for error in refused.json["errors"]] == [field]


def test_a_report_draws_what_the_dashboards_say(stage: Stage, pair: Pair, tmp_path: Path) -> None:
    seen = caught_up(pair.reader, "reader?days=7", "earned", EARNED)
    (told,) = stage.admin("report", "reader", pair.reader.id, "--days", "7")["rows"]
    assert told == {"reader": pair.reader.id} | {name: seen[name] for name in ("period", "totals", "trend", "series")}
    caught_up(pair.client, "client", "spent", SPENT)
    (told,) = stage.admin("report", "client", pair.client.id)["rows"]
    assert told["totals"]["spent"]["amount"] == SPENT
    code, said, _ = stage.office.run("report", "client", pair.client.id, "--local")
    assert (code, "Spent  $5.50" in said, "The river." in said) == (0, True, False)
    page, picture = tmp_path / "it.html", tmp_path / "it.png"
    stage.admin("report", "platform", "--html", str(page), "--png", str(picture))
    assert "Earned by readers" in page.read_text(encoding="utf-8")
    assert picture.read_bytes().startswith(b"\x89PNG")
    code, _, complained = stage.office.run("report", "platform", "--days", "93", "--local")
    assert (code, "days: from 1 to 92" in complained) == (1, True)
    code, _, complained = stage.office.run("report", "platform", "--png", "it.gif", "--local")
    assert (code, "ends in .png" in complained) == (2, True)
