"""Of two who do the same after a reading, or its opposite, one comes between any two steps of the other.

On the tables in memory, as ``test_interleavings``.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.kernel.errors import Problem
from chalicelib.moderation import service as moderation
from chalicelib.readers import reviews
from chalicelib.readers import service as readers
from chalicelib.runtime.retries import undisturbed
from chalicelib.sessions import afterwards
from chalicelib.sessions import service as sessions
from chalicelib.sessions.model.afterwards import Guarantee
from chalicelib.wallet import service as wallet
from tests.integration.test_interleavings import MOST_STEPS, Interrupted, on, rows_of
from tests.support.duo import RATE, Duo, assert_books_balance, assert_whole
from tests.support.memory import MemoryTables
from tests.support.reading import pay_in
from tests.support.worlds import HandClock

ADMIN: dict[str, str] = {"actor": "arn:admin", "reason": "ticket 7"}
WHY = "Not what I was told."
NUMBERS = itertools.count()
"""Two puts of the very same row are one."""

Act = Callable[[Duo], Any]


def asked(duo: Duo) -> Guarantee:
    return afterwards.ask_guarantee(duo.world, duo.session, duo.client, WHY)


def reviewed(duo: Duo) -> reviews.Review:
    return afterwards.review(duo.world, duo.session, duo.client, 2, "Hm.")


ACTS: dict[str, Act] = {
    "tip": lambda duo: afterwards.tip(duo.world, duo.session, duo.client, "tip_1", 300),
    "another tip": lambda duo: afterwards.tip(duo.world, duo.session, duo.client, "tip_2", 300),
    "review": reviewed,
    "reply": lambda duo: afterwards.reply(duo.world, reviewed(duo).id, duo.reader, "Thanks."),
    "remove": lambda duo: reviews.remove(duo.world, reviewed(duo).id, **ADMIN),
    "rates": lambda duo: readers.set_rates(duo.world, duo.reader, {"text": 200}),
    "ask": asked,
    "grant": lambda duo: afterwards.grant(duo.world, asked(duo).id, **ADMIN),
    "refuse": lambda duo: afterwards.refuse(duo.world, asked(duo).id, **ADMIN),
    "report": lambda duo: moderation.report(duo.world, duo.client, duo.session, "other", ""),
    "top up": lambda duo: pay_in(duo.world, duo.client, 700, "topup:more"),
    "purchase": lambda duo: wallet.spend(duo.world, duo.client, "order", 60, "platform:shop", "order:1", "ord_1"),
    "another earning": lambda duo: undisturbed(duo.world.sleep, lambda: earns(duo)),
}


def may_be_refused(first: str, second: str) -> bool:
    """One undoes the other, or writes first what the other removes."""
    return {first, second} == {"grant", "refuse"} or "remove" in (first, second)


def earns(duo: Duo) -> None:
    _, posting = wallet.earn(duo.world, f"earnings:{duo.reader}", "other", 70, "platform:other", f"x{next(NUMBERS)}")
    duo.world.tables.write(posting)


def answered(act: Act, duo: Duo) -> object:
    try:
        return act(duo)
    except Problem as problem:
        return problem.code


def what_is_there(duo: Duo) -> tuple[Any, ...]:
    """The balances and the rest; every cent is somewhere, and the rating is that of what is shown."""
    assert_books_balance(duo.world)
    shown = reviews.page(duo.world, duo.reader, 10, None)[0]
    reader = readers.reader(duo.world, duo.reader)
    assert (reader.rating_total, reader.rating_count) == (sum(each.rating for each in shown), len(shown))
    return (
        assert_whole(duo.world, duo.account),
        wallet.ledger(duo.world).head(f"earnings:{duo.reader}").balance,
        [each.reply for each in shown],
        reader.rates,
        [each.status for each in afterwards.pending_guarantees(duo.world)],
        len(moderation.waiting(duo.world, "pending", None, 100, None)[0]),
    )


@pytest.mark.parametrize("first", ACTS)
def test_whichever_comes_between_any_steps_of_another_both_are_done_once(first: str) -> None:
    base = on(MemoryTables(), HandClock().now)
    sessions.advance(base.world, base.ended(connected=1_000))
    start, moment = rows_of(base), base.world.now()
    assert wallet.head(base.world, base.client).balance == 5_000 - RATE

    def copy() -> MemoryTables:
        tables = MemoryTables()
        tables.rows = {table: dict(rows) for table, rows in start.items()}
        return tables

    for second in ACTS:
        orders = []
        for order in ((first, second), (second, first)):
            duo = on(copy(), moment)
            for name in order:
                answered(ACTS[name], duo)
            orders.append(what_is_there(duo))
        for at in itertools.count():
            assert at < 2 * MOST_STEPS, f"{first} takes more steps than that"
            beside = copy()
            other = on(beside, moment)
            answers: list[object] = []

            def act(other: Duo = other, answers: list[object] = answers, second: str = second) -> None:
                answers.append(answered(ACTS[second], other))

            tables = Interrupted(at, act)
            tables.rows = beside.rows
            duo = on(tables, moment)
            answers.append(answered(ACTS[first], duo))
            if tables.calls <= at:
                break
            told = f"{second!r} came before step {at} of {first!r}"
            if not may_be_refused(first, second):
                assert not any(isinstance(answer, str) for answer in answers), f"{told}: {answers}"
            assert what_is_there(duo) in orders, told
