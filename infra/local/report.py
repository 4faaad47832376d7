"""The end of the play on paper: receipt, statement, earnings, and the proof."""

from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from infra.local.phone import Json
from infra.local.play import Played
from infra.local.proof import ChannelProof, LedgerProof
from infra.local.second_act import Crossed
from infra.local.watch import dollars

_POSTING: Final = 30
"""So much of the key of a posting is shown."""
_CLOCK: Final = slice(11, 21)
"""``16:43:59.1`` of an RFC 3339 moment."""


def report(console: Console, played: Played) -> None:
    """Print all that there is: a play that stopped early has no receipt."""
    if played.receipt:
        console.print(_receipt(played.receipt), _statement(played.statement), sep="")
        console.print(_earnings(played))
    if played.crossed:
        console.print(_crossed(played.crossed))
    if played.channels:
        console.print(_channels(played.channels))
    if played.proof:
        console.print(_proof(played.proof))
    for check in played.failed:
        console.print(Text.assemble(("✗ ", "bold red"), f"{check.what}: {check.saw or 'it did not hold'}"))
    if played.went_well:
        console.print(Text(f"✓ All {len(played.checks)} checks held.", "bold green"))
    else:
        console.print(Text(f"✗ {len(played.failed)} of {len(played.checks)} checks did not hold.", "bold red"))


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


def _earnings(played: Played) -> Table:
    total = played.receipt["total"]["amount"]
    table = _table("Where the price of the reading went")
    table.add_column("of", ratio=1)
    table.add_column("share", justify="right")
    table.add_column("amount", justify="right")
    table.add_row("the reader", "70 %", dollars(played.earned))
    table.add_row("the platform", "30 %", dollars(total - played.earned))
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


def _channels(found: ChannelProof) -> Table:
    table = _claims("Proof, asked of Agora")
    closed = f"{found.channels - len(found.unclosed)} of {found.channels} channels"
    _claim(table, "each channel was closed by the product", closed, held=not found.unclosed)
    _claim(table, "nobody is in any of them", f"{len(found.inside)} with somebody", held=not found.inside)
    tokens = f"{found.opening} of {found.tokens} tokens"
    _claim(table, "a token of before opens nothing: each tried again", tokens, held=not found.opening)
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
