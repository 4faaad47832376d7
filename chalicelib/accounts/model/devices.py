"""The devices that a person's pushes go to."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final, Literal

from chalicelib.kernel.time import Millis

Platform = Literal["ios", "android"]

MOST: Final = 10
"""One more, and the oldest goes: somebody with eleven phones has changed them."""


@dataclass(frozen=True, slots=True)
class Device:
    """One app on one phone. The id derives from platform and token, so a token is never two devices."""

    id: str
    platform: Platform
    token: str = field(repr=False)
    """Who holds it can send pushes there: it never leaves."""
    created_at: Millis


@dataclass(frozen=True, slots=True)
class Devices:
    """A person's devices, oldest first."""

    registered: tuple[Device, ...] = ()
    rev: int = 0

    def of(self, device_id: str) -> Device | None:
        """The device of that id, if it is the person's."""
        return next((each for each in self.registered if each.id == device_id), None)


def with_device(devices: Devices, device: Device) -> tuple[Devices, tuple[Device, ...]]:
    """The devices with one more as the newest, and those that had to go for it."""
    others = tuple(each for each in devices.registered if each.id != device.id)
    gone = others[: max(0, len(others) + 1 - MOST)]
    return replace(devices, registered=(*others[len(gone) :], device)), gone


def without(devices: Devices, device_id: str) -> Devices:
    """The devices without that one."""
    return replace(devices, registered=tuple(each for each in devices.registered if each.id != device_id))
