"""The end of the play on paper: what of the stream is drawn and added up, and that it fits the terminal."""

import io
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console

from chalicelib.dashboards.model.series import days_until
from chalicelib.dashboards.platform_schemas import PlatformView
from chalicelib.dashboards.service import Books, Numbers, PlatformDashboard, Waits
from infra.local.fifth_act import Takings
from infra.local.fourth_act import Shares
from infra.local.play import Played
from infra.local.proof import ChannelProof
from infra.local.report import report
from infra.local.telling import Check
from infra.local.third_act import Purse, Sales, Show

CLARA = Purse("Clara", "Stripe", 6_500, 125, 5_500, 0, 875)
BEN = Purse("Ben", "App Store", 2_500, 125, 1_900, 2_500, -2_025)
FAN = Purse("A name of many words, as some have", "Google Play", 1_000_000, 100_000, 899_999, 0, 1)


def gift(second: float, coins: int = 100) -> dict[str, Any]:
    return {"id": f"gft_{second}", "coins": coins, "at": f"2026-11-26T16:43:{second:06.3f}Z"}


def leader(name: str, coins: int, gifts: int) -> dict[str, Any]:
    return {"sender": {"id": "usr_1", "display_name": name}, "coins": coins, "gifts": gifts}


def shown(played: Played, width: int = 80) -> list[str]:
    console = Console(file=io.StringIO(), width=width, highlight=False, color_system=None)
    report(console, played)
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def line(lines: list[str], beginning: str) -> list[str]:
    """The words of the line that begins so."""
    (found,) = [each for each in lines if each.strip().startswith(beginning)]
    return found.split()


def played(**show: Any) -> Played:
    return Played(checks=[Check("all is well", held=True)], show=Show(**show))


def test_coins_are_told_by_person_and_added_up() -> None:
    lines = shown(played(purses=[CLARA, BEN]))
    assert line(lines, "Clara") == ["Clara", "Stripe", "6,500", "-125", "-5,500", "875"]
    assert line(lines, "Ben") == ["Ben", "App", "Store", "2,500", "-125", "-1,900", "-2,500", "-2,025"]
    assert line(lines, "all") == ["all", "9,000", "-250", "-7,400", "-2,500", "-1,150"]


def test_their_value_is_the_readers_and_the_platforms() -> None:
    lines = shown(played(sales=[Sales("gifts", 3, 700, 490, 210), Sales("tickets", 2, 250, 174, 76)]))
    assert line(lines, "gifts") == ["gifts", "3", "700", "$7.00", "$4.90", "$2.10"]
    assert line(lines, "tickets") == ["tickets", "2", "250", "$2.50", "$1.74", "$0.76"]
    assert line(lines, "all") == ["all", "5", "950", "$9.50", "$6.64", "$2.86"]


def test_a_replys_dollar_is_the_readers_and_the_platforms() -> None:
    lines = shown(Played(checks=[Check("all is well", held=True)], shares=Shares(70, 30)))
    assert line(lines, "the reader") == ["the", "reader", "70", "%", "$0.70"]
    assert line(lines, "the platform") == ["the", "platform", "30", "%", "$0.30"]


def test_the_shops_money_is_told_by_thing_and_added_up() -> None:
    takings = (Takings("Tarot deck", 4, 7_780, 1_995, 0), Takings("Moon calendar", 2, 760, 360, 280))
    lines = shown(Played(checks=[Check("all is well", held=True)], takings=takings))
    assert line(lines, "Tarot deck")[2:] == ["4", "$77.80", "-$19.95", "$0.00", "$57.85"]
    assert line(lines, "Moon calendar")[2:] == ["2", "$7.60", "-$3.60", "$2.80", "$1.20"]
    assert line(lines, "all") == ["all", "$85.40", "-$23.55", "$2.80", "$59.05"]


def test_the_leaderboard_is_drawn_to_the_first() -> None:
    lines = shown(played(leaders=[leader("Clara", 5_500, 15), leader("Ben", 1_375, 11)]))
    first, second = (next(each for each in lines if name in each) for name in ("Clara", "Ben"))
    assert (first.count("█"), second.count("█")) == (40, 10)
    assert (first.split()[-2:], second.split()[-2:]) == (["15", "5,500"], ["11", "1,375"])


def test_gifts_are_drawn_over_time() -> None:
    lines = shown(played(gifts=[gift(1), *[gift(2.0)] * 2, *[gift(4.6, 500)] * 3]))
    assert any("6 gifts in 3.6 s" in each for each in lines)
    assert any("16:43:01.0 to 16:43:04.6, 1,800 coins" in each for each in lines)
    assert [each.count("█") for each in lines if "█" in each] == [2, 4, 6], "three, two and one, from above"


def test_one_gift_is_drawn_too() -> None:
    assert any("1 gifts in 0.0 s" in each for each in shown(played(gifts=[gift(1)])))


def test_channels_of_the_reading_and_the_stream_are_told_together() -> None:
    both = played(channels=ChannelProof(1, (), (), 6, 0))
    both.channels = ChannelProof(3, ("ses_1-1",), ("ses_1-2",), 9, 1)
    lines = shown(both)
    assert line(lines, "each channel was closed")[-5:] == ["3", "of", "4", "channels", "✗"]
    assert line(lines, "nobody is in any")[-4:] == ["1", "with", "somebody", "✗"]
    assert line(lines, "a token of before")[-5:] == ["1", "of", "15", "tokens", "✗"]


def test_a_play_that_stopped_early_tells_what_there_is() -> None:
    stopped = Played(checks=[Check("a gift is sent", held=False, saw="503")], show=Show())
    assert shown(stopped) == ["✗ a gift is sent: 503", "✗ 1 of 1 checks did not hold."]


@pytest.mark.parametrize("width", [80, 120])
def test_nothing_is_wider_than_the_terminal(width: int) -> None:
    whole = played(
        purses=[CLARA, BEN, FAN],
        leaders=[leader(FAN.name, 1_000_000, 120), leader("Ben", 1, 1)],
        gifts=[gift(each / 10) for each in range(1, 300)],
        sales=[Sales("gifts", 1_000, 1_000_000, 700_000, 300_000), Sales("tickets", 500, 50_000, 35_000, 15_000)],
        channels=ChannelProof(1, (), (), 6, 0),
    )
    whole.takings = (Takings("A name of many words, as some have", 1_000, 123_456_789, 23_456_789, 70_000_000),)
    assert max(len(each) for each in shown(whole, width)) <= width


def test_a_dashboard_is_told_with_the_parts_that_are_something() -> None:
    told = PlatformView.of(
        PlatformDashboard(
            unverified=(),
            onboarding=Waits(0, False, None),
            moderation={"pending": Waits(0, False, None), "appealed": Waits(0, False, None)},
            refunds=Waits(0, False, None),
            guarantees=Waits(0, False, None),
            asked=0,
            books=Books(False, None, 0, None, Waits(0, False, None), Waits(0, False, None)),
            numbers=Numbers(
                days_until(0, 1, ZoneInfo("UTC")),
                (),
                {},
                {},
                {
                    "spent.reading": 500,
                    "spent.tip": 100,
                    "readings": 2,
                    "minutes": 7,
                    "standing.verified": 3,
                    "people": 9,
                },
            ),
        )
    ).model_dump()
    lines = shown(Played(checks=[Check("all is well", held=True)], dashboard=told))
    assert line(lines, "spent") == ["spent", "$6.00", "reading", "$5.00,", "tip", "$1.00"]
    assert line(lines, "paid out") == ["paid", "out", "to", "readers", "$0.00"]
    assert line(lines, "readings") == ["readings", "2,", "7", "minutes"]
    assert line(lines, "people") == ["people", "9", "readers:", "3", "verified"]
