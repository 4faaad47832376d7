"""What a person sees of the play: one picture that fits the terminal, or plain lines."""

import io
from dataclasses import replace

import pytest
from rich.color import Color
from rich.console import Console

from infra.local.pages import HAS_ONE, Board, Bought, Bubble, Chat, Counter, Customer, Good, Mailbox, Shelf, Written
from infra.local.screen import COLOURS, LiveScreen, PlainScreen, Shown
from infra.local.stream_watch import Shopping, StreamMoment
from infra.local.watch import Moment

TALK = Moment(
    state="active",
    reason=None,
    client_here=True,
    reader_here=True,
    channel=1,
    in_channel=frozenset({"client"}),
    minutes=3,
    into_minute=6.4,
    minute=15.0,
    balance=750,
    left=54.0,
    ends_in=None,
    ends_after=20.0,
    ending="grace",
)
SHOW = StreamMoment(
    state="live",
    reason=None,
    host_here=True,
    viewers=3,
    peak=4,
    watching=(("Clara", True), ("Ben", True), ("Dan", False)),
    gifts=12,
    coins=3_400,
    pace=(0,) * 27 + (1, 4, 8),
    leaders=(("Clara", 2_000), ("Ben", 1_000), ("Mia", 300), ("Eve", 100)),
    ends_in=None,
    ends_after=12.0,
)
SHOPPING = Shopping((("Clara", "Stripe", 0, 6_500), ("Ben", "App Store", 2_500, 2_500), ("Mia", "Google Play", 0, 0)))
CHAT = Chat(
    "Clara",
    1_000,
    (
        Bubble("Clara", "Which card is this?", 0, locked=False, files=1),
        Bubble("Rosa", "The Star.", 0, locked=False, files=0),
        Bubble("Rosa", "Say yes.", 100, locked=False, files=0),
        Bubble("Rosa", None, 100, locked=True, files=0),
    ),
)
MAILBOX = Mailbox(
    owner="Rosa",
    unread=4,
    newest="Clara unlocked your reply",
    letters=1,
    subject="Clara unlocked your reply",
    text="Hello Rosa,\n\nClara paid $1.00 for your reply.\n\nSoulSeer\n",
    html="<p>Hello Rosa,</p>\n<p>Clara paid $1.00 for your reply.</p>\n",
)
BOARD = Board(
    "Mia", "The Star", (Written("Clara", "<p>Look</p>", "shown"), Written("Dan", "<p>Buy</p>", "shown")), reports=2
)
SHELF = Shelf((Good("Moon calendar", "file", 400, 400, "Rosa"), Good("Tarot deck", "thing", 1_995, left=3)))
COUNTER = Counter(
    "Tarot deck",
    1_995,
    0,
    (
        Customer("Clara", 1_210, 3_800, HAS_ONE),
        Customer("Ben", 3_000, 3_000, "out_of_stock"),
        Customer("Mia", 0, 0, "tops up"),
    ),
)
BOUGHT = Bought(
    "Dan",
    "shipped",
    "$27.50 on a page of Stripe's",
    (
        ("thing", "$17.95", "Tarot deck, shipped: USPS 9400100003"),
        ("file", "$3.60", "Moon calendar, refunded"),
        ("coupon", "-$2.40", "MOON10, off the prices above already"),
        ("shipping", "$5.95", "Standard shipping"),
        ("back", "-$3.60", "to the card"),
    ),
)
MOMENTS: list[Shown | None] = [
    None,
    TALK,
    replace(TALK, state="created", minutes=0, in_channel=frozenset(), ends_in=59.6, ends_after=60.0, ending="ringing"),
    replace(TALK, state="paused", reason="client_left", client_here=False, ends_in=12.0),
    replace(TALK, state="reconnecting", reason="low_balance", ends_in=0.0, balance=123_456_789, minutes=180),
    replace(TALK, state="finalized", reason="grace_expired", left=0.0, channel=12),
    SHOPPING,
    Shopping((("A name of many words, as some have", "Google Play", 123_456_789, 123_456_789),) * 40),
    SHOW,
    replace(SHOW, state="scheduled", host_here=False, viewers=0, peak=0, watching=(), gifts=0, coins=0, leaders=()),
    replace(SHOW, host_here=False, ends_in=7.4),
    replace(SHOW, state="finalized", reason="host_gone", host_here=False),
    replace(SHOW, watching=tuple((f"Viewer {number}", True) for number in range(40)), gifts=9_999, coins=123_456_789),
    Chat("Clara", 0),
    CHAT,
    Chat(
        "A name of many words, as some have",
        123_456_789,
        (Bubble("X" * 40, "word\n" * 800, 100, locked=False, files=4),) * 9,
    ),
    MAILBOX,
    replace(MAILBOX, unread=12_345, letters=1_000, newest="A title " * 40, subject="", text="", html="", by_mail=False),
    BOARD,
    Board(
        "Mia", "A title " * 15, (Written("X" * 40, "<p>word</p>\n" * 900, "removed"),) * 9, reports=3, verdict="removed"
    ),
    Shelf(),
    SHELF,
    Shelf((Good("A name\n" * 40, "physical", 123_456_789, 123_456_789, "A name " * 9, 10),) * 40),
    Counter("Tarot deck", 1_995, 3),
    COUNTER,
    Counter("A name " * 40, 123_456_789, 12_345, (Customer("X" * 40, 123_456_789, 1, "word " * 90),) * 40),
    Bought("Dan", "pending", "$0.00"),
    BOUGHT,
    Bought("X" * 40, "pending", "word " * 90, (("what " * 9, "$1 " * 40, "word\n" * 900),) * 40),
]
LONG = "tells a story that is much longer than any line of a terminal of eighty columns could ever be"


def live(width: int, height: int, lines: int = 0) -> LiveScreen:
    console = Console(
        file=io.StringIO(), force_terminal=True, width=width, height=height, highlight=False, color_system="256"
    )
    screen = LiveScreen(console)
    screen.begin("4 of 10: The client drops out of the channel, and Agora tells")
    for number in range(lines):
        screen.tell("client", f"line {number}")
    return screen


def written(screen: LiveScreen | PlainScreen) -> str:
    assert isinstance(screen.console.file, io.StringIO)
    return screen.console.file.getvalue()


def frame(screen: LiveScreen, now: Shown | None) -> list[str]:
    """The rows of one frame, without their colours."""
    with screen.showing(lambda: now):
        rows = screen.console.render_lines(screen, pad=False)
    return ["".join(segment.text for segment in row) for row in rows]


@pytest.mark.parametrize(("width", "height"), [(80, 24), (80, 40), (60, 20), (200, 50)])
@pytest.mark.parametrize("now", MOMENTS)
def test_a_frame_fits_the_terminal_and_nothing_wraps(width: int, height: int, now: Shown | None) -> None:
    screen = live(width, height, lines=100)
    screen.tell("reader", LONG)
    rows = frame(screen, now)
    assert len(rows) == height
    assert max(len(row) for row in rows) <= min(width, 80)


def test_a_frame_says_at_a_glance_how_the_reading_is() -> None:
    title, *rows = frame(live(80, 24, lines=1), TALK)
    assert "4 of 10: The client drops out" in title
    shown = [" ".join(row.strip("│").replace("░", "").replace("█", "").split()) for row in rows]
    assert shown[:6] == [
        "state ● active both are there, the meter runs",
        "minute 3 6 of 15 s",
        "credit $7.50 54 s of talk",
        "present ● client ● reader",
        "channel 1 ● client ○ reader",
        "deadline none",
    ]
    assert rows[2].count("█") == 27


def test_a_frame_says_at_a_glance_how_the_stream_is() -> None:
    rows = frame(live(80, 24, lines=1), SHOW)[1:]
    shown = [" ".join(row.strip("│").replace("░", "").replace("█", "").split()) for row in rows]
    assert shown[:6] == [
        "state ● live the reader is there",
        "counted 3, peak 4 ● Clara ● Ben ○ Dan in channel",
        "gifts 12 ▁▄ 3,400 coins",
        "Clara 2,000",
        "Ben 1,000",
        "Mia 300",
    ]
    assert [rows[place].count("█") for place in (2, 3, 4, 5)] == [1, 30, 15, 4]


def test_before_there_is_a_stream_a_frame_shows_who_buys_coins() -> None:
    rows = frame(live(80, 24, lines=1), SHOPPING)[1:]
    shown = [" ".join(row.strip("│").replace("░", "").replace("█", "").split()) for row in rows]
    assert shown[:4] == [
        "state ○ no stream viewers buy coins",
        "Clara 0 coins Stripe",
        "Ben 2,500 coins App Store",
        "Mia 0 coins Google Play",
    ]
    assert [rows[place].count("█") for place in (1, 2, 3)] == [0, 30, 0]


def shown_rows(now: Shown) -> list[str]:
    """The picture's rows without its frame and its bars."""
    rows = frame(live(80, 24, lines=1), now)[1:7]
    return [" ".join(row.strip("│").replace("░", "").replace("█", "").split()) for row in rows]


def test_a_conversation_shows_what_is_free_paid_and_locked() -> None:
    assert shown_rows(CHAT) == [
        "phone ● Clara $10.00 of credit",
        "Clara free Which card is this? and a picture",
        "Rosa free The Star.",
        "Rosa $1.00, paid Say yes.",
        "Rosa $1.00, locked",
        "",
    ]
    assert frame(live(80, 24), CHAT)[5].count("░") == 30, "nothing of what it says is there"


def test_a_mailbox_shows_both_parts_of_a_letter_and_whether_more_are_wanted() -> None:
    assert shown_rows(MAILBOX) == [
        "phone ● Rosa 4 unread in the inbox",
        "inbox newest Clara unlocked your reply",
        "mail 1 letter Clara unlocked your reply",
        "plain text Clara paid $1.00 for your reply.",
        "HTML <p>Clara paid $1.00 for your reply.</p>",
        "more mail ● wanted about the wallet",
    ]
    assert "○ not wanted" in frame(live(80, 24), replace(MAILBOX, by_mail=False))[6]


def test_a_thread_shows_its_posts_and_how_near_the_newest_is_to_be_hidden() -> None:
    assert shown_rows(BOARD)[:4] == [
        "phone ● Mia “The Star”",
        "Clara ● shown <p>Look</p>",
        "Dan ● shown <p>Buy</p>",
        "reports 2 of 3",
    ]
    assert frame(live(80, 24), BOARD)[4].count("█") == 20
    gone = frame(live(80, 24), replace(BOARD, posts=BOARD.posts[:1], reports=3))[3]
    assert (gone.count("█"), "hidden" in gone) == (30, True)
    assert "removed" in frame(live(80, 24), replace(BOARD, reports=3, verdict="removed"))[4]


def test_a_shop_shows_what_each_thing_costs_and_how_many_are_left() -> None:
    assert shown_rows(SHELF) == [
        "shop ● 2 on sale as everybody sees it, the newest first",
        "file $4.00 Moon calendar, by Rosa, 400 coins in an app",
        "thing $19.95 Tarot deck, 3 left",
        "",
        "",
        "",
    ]


def test_a_counter_shows_who_has_a_piece_and_what_each_has_left() -> None:
    assert shown_rows(COUNTER)[:4] == [
        "shop ○ none left Tarot deck, $19.95",
        "Clara $12.10 has one",
        "Ben $30.00 out_of_stock",
        "Mia $0.00 tops up",
    ]
    assert [frame(live(80, 24), COUNTER)[place].count("█") for place in (2, 3, 4)] == [10, 30, 0]
    assert shown_rows(replace(COUNTER, left=2))[0] == "shop ● 2 left Tarot deck, $19.95"


def test_an_order_shows_each_of_its_items_and_what_went_back() -> None:
    assert shown_rows(BOUGHT) == [
        "phone ● Dan order shipped, $27.50 on a page of Stripe's",
        "thing $17.95 Tarot deck, shipped: USPS 9400100003",
        "file $3.60 Moon calendar, refunded",
        "coupon -$2.40 MOON10, off the prices above already",
        "shipping $5.95 Standard shipping",
        "back -$3.60 to the card",
    ]


def test_a_stream_whose_host_is_gone_says_when_it_ends() -> None:
    state = frame(live(80, 24), replace(SHOW, host_here=False, ends_in=6.0))[1]
    assert "ends in 6 s" in state
    assert state.count("█") == 15


def test_the_timeline_does_not_jump_when_a_reading_begins() -> None:
    places = [next(n for n, row in enumerate(frame(live(80, 24, 1), now)) if "line 0" in row) for now in MOMENTS]
    assert len(set(places)) == 1


def test_the_newest_lines_are_shown_and_the_newest_stands_out() -> None:
    screen = live(80, 24, lines=100)
    with screen.showing(lambda: TALK):
        rows = screen.console.render_lines(screen, pad=False)
    assert [f"line {number}" in "".join(part.text for part in rows[-1]) for number in (98, 99)] == [False, True]
    assert all(part.style and part.style.bold for part in rows[-1] if part.text.strip())
    assert not any(part.style and part.style.bold for part in rows[-2] if "line" in part.text)


def test_a_frame_takes_the_other_screen_and_the_whole_timeline_stays_afterwards() -> None:
    screen = live(80, 24, lines=100)
    screen.tell("reader", LONG)
    with screen.showing(lambda: TALK):
        pass
    enters, leaves = "\x1b[?1049h", "\x1b[?1049l"
    during, after = written(screen).split(leaves)
    assert enters in during
    assert LONG not in during
    assert all(f"line {number}" in after for number in range(100))
    assert LONG in after


def test_where_there_is_no_terminal_lines_are_plain_and_whole() -> None:
    screen = PlainScreen(Console(file=io.StringIO(), width=80, highlight=False, color_system=None))
    with screen.showing(lambda: TALK):
        screen.begin("1 of 10: The client signs in")
        screen.tell("reader", LONG)
        screen.tell("✓", "held")
    lines = written(screen).splitlines()
    assert lines == ["", "1 of 10: The client signs in", f"   0.0  reader  {LONG}", "   0.0       ✓  held"]


@pytest.mark.parametrize("colour", COLOURS)
def test_each_colour_is_readable_on_dark_and_on_light(colour: str) -> None:
    """By the contrast of WCAG 2, which asks 3 of what is large and 4.5 of what is small; both at once reach 4.6."""

    def linear(part: int) -> float:
        share = part / 255
        return share / 12.92 if share <= 0.03928 else ((share + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(part) for part in Color.parse(colour).get_truecolor())
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    assert min(1.05 / (luminance + 0.05), (luminance + 0.05) / 0.05) >= 3.9
