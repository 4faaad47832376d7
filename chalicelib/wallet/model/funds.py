"""How long a wallet lasts at a rate: what leases, warnings, wakes and the seconds on a phone are reckoned from."""

from dataclasses import dataclass

from chalicelib.kernel.money import Cents
from chalicelib.kernel.settings import Rules
from chalicelib.kernel.time import Millis
from chalicelib.wallet.model.buckets import Buckets
from chalicelib.wallet.model.chain import Entry, Run
from chalicelib.wallet.model.meter import limited, next_boundary, purse


@dataclass(frozen=True, slots=True)
class Funds:
    """What a reading must know of the wallet that pays it, at one moment."""

    frozen: str | None
    minute: int
    """Minutes paid so far; 0 before the meter is opened."""
    next_minute: Millis | None
    """When the next minute begins on the running meter."""
    run_out: Millis | None
    """When the running meter meets a minute that cannot be paid; None where it stands or never does."""
    lasts: Millis
    """Connected time that is paid or affordable, from this moment on."""
    stood: Run | None
    """Set where a freeze stood the meter and its session has not paused yet."""
    limited: bool = False
    """It is the client's own limits that pay no further minute, whatever the balance is."""


def funds(
    head: Entry, session: str, rate: Cents, minutes: int, now: Millis, rules: Rules, ceiling: Cents | None = None
) -> Funds:
    """The funds for ``session`` at ``rate`` cents a minute, of at most ``minutes`` if its meter is not open yet.

    A meter that runs has a ceiling of its own; any other is bound by ``ceiling``.
    """
    meter = head.meter if head.meter and head.meter.session == session else None
    if meter is None:
        count = 0 if head.frozen else _affordable(purse(head, ceiling), rate, now, minutes, rules)
        return Funds(head.frozen, 0, None, None, count * rules.minute, None, limited(head, ceiling, rate, now))
    run = meter.run
    paid = meter.minute * rules.minute
    left = paid - meter.connected(now)
    begins = next_boundary(meter, rules) if run else now + left
    room = meter.max_minutes - meter.minute
    ceiling = meter.ceiling if run else ceiling
    left_in = purse(head, ceiling)
    count = _affordable(left_in, meter.rate, begins, room, rules) if begins is not None and not head.frozen else 0
    running = run is not None and run.until is None
    run_out = begins + count * rules.minute if running and begins is not None and count < room else None
    return Funds(
        frozen=head.frozen,
        minute=meter.minute,
        next_minute=begins if running else None,
        run_out=run_out,
        lasts=max(0, left + count * rules.minute),
        stood=run if run and run.until is not None else None,
        limited=begins is not None and limited(head, ceiling, meter.rate, begins),
    )


def _affordable(buckets: Buckets, rate: Cents, begins: Millis, limit: int, rules: Rules) -> int:
    """How many minutes in a row can be paid, each when it begins: a lot counts for those before its expiry."""
    count = 0
    while count < limit and any(lot.rest and lot.expires_at > begins for lot in buckets.lots):
        if buckets.spendable(begins) < rate:
            return count
        buckets, _ = buckets.spend(rate, begins)
        begins += rules.minute
        count += 1
    return min(limit, count + max(0, buckets.paid) // rate)
