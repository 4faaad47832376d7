"""The end of the play on paper: receipt, statement, earnings, coins, gifts, a reply's dollar, the shop, the proof."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from infra.local.books import Crossed
from infra.local.fifth_act import Takings
from infra.local.phone import Json
from infra.local.play import Played
from infra.local.proof import ChannelProof, LedgerProof
from infra.local.screen import CYAN, GREEN
from infra.local.third_act import Purse, Sales, Show
from infra.local.watch import dollars
from scripts.admin.charts.bars import bar, columns, spread

_POSTING: Final = 30
"""So much of the key of a posting is shown."""
_BAR: Final = 40
"""Columns of the longest bar."""
_PARTS: Final = 36
"""Of the time in which gifts came …"""
_HEIGHT: Final = 3
"""… and the lines in which they are drawn."""
_CLOCK: Final = slice(11, 21)
"""``16:43:59.1`` of an RFC 3339 moment."""


def report(console: Console, played: Played) -> None:
    """Print all that there is: a play that stopped early has no receipt."""
    if played.receipt:
        console.print(_receipt(played.receipt), _statement(played.statement), sep="")
        others = played.receipt["total"]["amount"] - played.earned
        console.print(_split("Where the price of the reading went", played.earned, others))
    if played.show:
        _stream(console, played.show)
    if played.shares:
        console.print(_split("Where the dollar of a reply went", played.shares.reader, played.shares.platform))
    if played.takings:
        console.print(_takings(played.takings))
    _end(console, played)
    for check in played.failed:
        console.print(Text.assemble(("✗ ", "bold red"), f"{check.what}: {check.saw or 'it did not hold'}"))
    if played.went_well:
        console.print(Text(f"✓ All {len(played.checks)} checks held.", "bold green"))
    else:
        console.print(Text(f"✗ {len(played.failed)} of {len(played.checks)} checks did not hold.", "bold red"))


def _end(console: Console, played: Played) -> None:
    if played.crossed:
        console.print(_crossed(played.crossed))
    channels = [found for found in (played.channels, played.show and played.show.channels) if found]
    if channels:
        console.print(_channels(channels))
    if played.proof:
        console.print(_proof(played.proof))
    if played.dashboard:
        console.print(_dashboard(played.dashboard))


def _receipt(receipt: Json) -> Table:
    table = _table("Receipt of the reading")
    table.add_column("minute", justify="right")
    table.add_column("charged at")
    table.add_column("amount", justify="right")
    for minute in receipt["minutes"]:
        table.add_row(str(minute["number"]), minute["at"][_CLOCK], _money(minute["amount"]))
    for refund in receipt["refunds"]:
        table.add_row("back", refund["at"][_CLOCK], f"-{_money(refund['amount'])}")
    table.add_section()
    table.add_row("total", "", _money(receipt["total"]), style="bold")
    return table


def _statement(entries: list[Json]) -> Table:
    table = _table("Statement of the client's credit")
    table.add_column("at")
    table.add_column("entry", ratio=1)
    table.add_column("amount", justify="right")
    table.add_column("balance", justify="right")
    for entry in entries:
        amount = entry["amount"]["amount"]
        style = "green" if amount > 0 else "" if amount else "dim"
        table.add_row(
            entry["at"][_CLOCK],
            entry["description"],
            dollars(amount) if amount else "",
            _money(entry["balance"]),
            style=style,
        )
    return table


def _split(title: str, readers: int, platforms: int) -> Table:
    table = _table(title)
    table.add_column("of", ratio=1)
    table.add_column("share", justify="right")
    table.add_column("amount", justify="right")
    table.add_row("the reader", "70 %", dollars(readers))
    table.add_row("the platform", "30 %", dollars(platforms))
    return table


def _stream(console: Console, show: Show) -> None:
    if show.gifts:
        console.print(_pace(show.gifts))
    if show.leaders:
        console.print(_leaders(show.leaders))
    if show.purses:
        console.print(_purses(show.purses))
    if show.sales:
        console.print(_sales(show.sales))


def _pace(gifts: list[Json]) -> Table:
    """Gifts over time, two columns of the terminal for each part of it."""
    moments = [datetime.fromisoformat(each["at"]).timestamp() for each in gifts]
    first, span = moments[0], max(moments[-1] - moments[0], 0.001)
    counts = spread(moments, first, span, _PARTS)
    table = _table(f"{len(gifts)} gifts in {span:.1f} s")
    table.show_header = False
    table.add_column(no_wrap=True)
    for line in columns([count for count in counts for _ in range(2)], _HEIGHT):
        table.add_row(Text(line, GREEN))
    coins = sum(each["coins"] for each in gifts)
    table.add_row(f"{gifts[0]['at'][_CLOCK]} to {gifts[-1]['at'][_CLOCK]}, {coins:,} coins", style="dim")
    return table


def _leaders(leaders: list[Json]) -> Table:
    most = leaders[0]["coins"]
    table = _table("Leaderboard of the stream")
    table.add_column("who")
    table.add_column("", no_wrap=True, ratio=1)
    table.add_column("gifts", justify="right")
    table.add_column("coins", justify="right")
    for each in leaders:
        drawn = bar(each["coins"], most, CYAN, _BAR)
        table.add_row(each["sender"]["display_name"], drawn, f"{each['gifts']}", f"{each['coins']:,}")
    return table


def _purses(purses: Sequence[Purse]) -> Table:
    table = _table("Coins")
    table.add_column("who")
    table.add_column("bought at", ratio=1)
    for name in ("bought", "tickets", "gifts", "taken back", "left"):
        table.add_column(name, justify="right")
    for each in purses:
        moved = (each.bought, -each.tickets, -each.gifts, -each.taken_back)
        left = Text(f"{each.left:,}", "red" if each.left < 0 else "")
        table.add_row(each.name, each.store, *(f"{coins:,}" if coins else "" for coins in moved), left)
    table.add_section()
    sums = [
        sum(each.bought for each in purses),
        -sum(each.tickets for each in purses),
        -sum(each.gifts for each in purses),
        -sum(each.taken_back for each in purses),
        sum(each.left for each in purses),
    ]
    table.add_row("all", "", *(f"{coins:,}" for coins in sums), style="bold")
    return table


def _sales(sales: Sequence[Sales]) -> Table:
    table = _table("Where their value went")
    table.add_column("of", ratio=1)
    for name in ("sold", "coins", "value", "the reader", "the platform"):
        table.add_column(name, justify="right")
    whole = Sales(
        "all",
        sum(each.count for each in sales),
        sum(each.coins for each in sales),
        sum(each.reader for each in sales),
        sum(each.platform for each in sales),
    )
    for each in (*sales, whole):
        if each is whole:
            table.add_section()
        shares = (each.reader + each.platform, each.reader, each.platform)
        style = "bold" if each is whole else ""
        table.add_row(each.kind, f"{each.count}", f"{each.coins:,}", *map(dollars, shares), style=style)
    return table


def _takings(takings: Sequence[Takings]) -> Table:
    table = _table("Where the shop's money went")
    table.add_column("of", ratio=1)
    for name in ("sold", "paid", "given back", "the reader", "the platform"):
        table.add_column(name, justify="right")
    whole = Takings(
        "all",
        0,
        sum(each.paid for each in takings),
        sum(each.back for each in takings),
        sum(each.reader for each in takings),
    )
    for each in (*takings, whole):
        if each is whole:
            table.add_section()
        went = (each.paid, -each.back, each.reader, each.platform)
        style = "bold" if each is whole else ""
        table.add_row(each.what, f"{each.sold or ''}", *map(dollars, went), style=style)
    return table


def _crossed(crossed: Crossed) -> Table:
    table = _table("Stripe's balance, and the ledger")
    table.add_column("at Stripe", ratio=1)
    table.add_column("amount", justify="right")
    table.add_column("posted as", no_wrap=True)
    table.add_column("")
    for each in crossed.crossings:
        posted = each.posting if len(each.posting) <= _POSTING else f"{each.posting[: _POSTING - 1]}…"
        mark = Text("✓", "bold green") if each.posting else Text("✗", "bold red")
        table.add_row(each.what, dollars(each.amount), posted, mark)
    for difference in crossed.differences:
        table.add_row(difference, "", "", Text("✗", "bold red"))
    return table


def _channels(proofs: Sequence[ChannelProof]) -> Table:
    """Of the reading and the stream together."""
    channels, unclosed = sum(each.channels for each in proofs), sum(len(each.unclosed) for each in proofs)
    inside, opening = sum(len(each.inside) for each in proofs), sum(each.opening for each in proofs)
    table = _claims("Proof, asked of Agora")
    closed = f"{channels - unclosed} of {channels} channels"
    _claim(table, "each channel was closed by the product", closed, held=not unclosed)
    _claim(table, "nobody is in any of them", f"{inside} with somebody", held=not inside)
    tokens = f"{opening} of {sum(each.tokens for each in proofs)} tokens"
    _claim(table, "a token of before opens nothing: each tried again", tokens, held=not opening)
    return table


def _proof(proof: LedgerProof) -> Table:
    table = _claims("Proof, from the whole ledger")
    broken = [chain for chain in proof.chains if chain.broken_at is not None]
    for currency, total in sorted(proof.totals.items()):
        _claim(table, f"the trial balance of {currency} is zero", str(total), held=total == 0)
    chains = f"{len(proof.chains)} chains, {proof.entries} entries"
    _claim(table, "every hash chain verifies, first entry to last", chains, held=not broken)
    drifted = f"{len(proof.drifted)} differ"
    _claim(table, "every balance is the sum of its entries", drifted, held=not proof.drifted)
    left = dollars(sum(proof.unsettled.values()))
    _claim(table, "nothing is left in a clearing account", left, held=not proof.unsettled)
    return table


_NUMBERS: Final = {
    "paid in": ("topped_up", ""),
    "paid for coins and orders": ("sold", ""),
    "spent": ("spent", "spent_on"),
    "earned by readers": ("earned", "earned_by"),
    "kept by the platform": ("kept", "kept_of"),
    "sent back to cards": ("refunded", ""),
    "paid out to readers": ("paid_out", ""),
}
"""Of a dashboard's totals: what each is called here, and where its parts are."""


def _dashboard(seen: Json) -> Table:
    """What an admin's says of all time, and who waits."""
    totals, onboarding = seen["totals"], seen["onboarding"]
    table = _table("The platform, as an admin's dashboard shows it")
    table.add_column("what")
    table.add_column("in all", justify="right")
    table.add_column("by", ratio=1)
    for what, (name, parts) in _NUMBERS.items():
        some = totals[parts] if parts else {}
        by = ", ".join(f"{part} {_money(money)}" for part, money in some.items() if money["amount"])
        table.add_row(what, _money(totals[name]), Text(by, "dim"))
    readings = f"{totals['readings']}, {totals['minutes']} minutes"
    standing = ", ".join(f"{count} {name}" for name, count in onboarding["readers"].items() if count)
    table.add_row("readings", readings)
    table.add_row("people", str(totals["people"]), Text(f"readers: {standing}", "dim"))
    return table


def _claims(title: str) -> Table:
    table = _table(title)
    table.add_column("claim", ratio=1)
    table.add_column("found", justify="right")
    table.add_column("")
    return table


def _claim(table: Table, what: str, found: str, *, held: bool) -> None:
    table.add_row(what, found, Text("✓", "bold green") if held else Text("✗", "bold red"))


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE, expand=True)


def _money(money: Json) -> str:
    return dollars(money["amount"])
