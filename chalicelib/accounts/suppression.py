"""Which addresses no letters are sent to: those that take none, and those whose people called one unwanted.

    inbox   mail#{hash of the address} / suppressed     whether, why, since when

It goes by the address, not by the person: who moves to another address is written to again. The row keeps a hash, so
that an address which was given up is not kept for this. Mail that was never ours to send is no matter of this: a code
or a file that somebody asks for is refused, or shown in the app, where it cannot be mailed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final, Literal

from chalicelib.gateways import World
from chalicelib.kernel.time import Millis
from chalicelib.runtime import audit
from chalicelib.runtime.retries import undisturbed
from chalicelib.runtime.tables import Absent, Equals, Key, Put

Why = Literal["bounce", "complaint", "released"]

_SUPPRESSED: Final = "suppressed"


@dataclass(frozen=True, slots=True)
class Mark:
    """What is known of an address. ``released`` keeps what was heard before from being heard again."""

    why: Why
    at: Millis
    """When the address refused, or somebody complained, or the mark was taken back."""


def mark_of(world: World, address: str) -> Mark | None:
    """Why no letters are sent to the address; None where they are."""
    found = _found(world, address)
    return found if found and found.why != "released" else None


def suppress(world: World, address: str, why: Why, at: Millis) -> bool:
    """Send no more letters to the address. False where that is so already, or was taken back after ``at``."""

    def attempt() -> bool:
        was = _found(world, address)
        if was and (was.why != "released" or was.at >= at):
            return False
        world.tables.write(_keep(world, address, Mark(why, at), was))
        return True

    return undisturbed(world.sleep, attempt)


def release(world: World, address: str, *, actor: str, reason: str) -> bool:
    """Send letters to the address again, for an admin. False where they are sent already."""

    def attempt() -> bool:
        was, now = _found(world, address), world.now()
        if was is None or was.why == "released":
            return False
        entry = audit.entry(
            world.settings.tables.audit,
            subject=_key(address)["pk"],
            action="mail_released",
            actor=actor,
            reason=reason,
            at=now,
            detail={"before": was.why, "since": was.at},
        )
        world.tables.write(_keep(world, address, Mark("released", max(now, was.at)), was), entry)
        return True

    return undisturbed(world.sleep, attempt)


def _found(world: World, address: str) -> Mark | None:
    item = world.tables.get(world.settings.tables.inbox, _key(address))
    return Mark(item["why"], item["at"]) if item else None


def _keep(world: World, address: str, mark: Mark, was: Mark | None) -> Put:
    """Fails when another mark came first."""
    when = (Equals("at", was.at), Equals("why", was.why)) if was else (Absent("pk"),)
    return Put(world.settings.tables.inbox, _key(address) | {"why": mark.why, "at": mark.at}, when)


def _key(address: str) -> Key:
    return {"pk": f"mail#{hashlib.sha256(address.casefold().encode()).hexdigest()}", "sk": _SUPPRESSED}
