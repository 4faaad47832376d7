"""Pushing to one device of a person's: its endpoint at SNS, made on first use, and what becomes of one that is dead.

    inbox   endpoint#{device} / endpoint        where pushes to the device go

Nothing is pushed to a device that is not the person's at that moment: the registration is read each time, so who signs
out or hands a phone on gets no more of it from then on. The endpoint itself is removed when ``device_gone`` is told.
"""

from contextlib import suppress
from typing import Final

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model.devices import Device
from chalicelib.gateways import World
from chalicelib.gateways.push import DeadToken, Message
from chalicelib.kernel.errors import NotFound, ProviderFailed
from chalicelib.kernel.time import DAY, SECOND, Millis
from chalicelib.notifications.model.notice import Notice, things
from chalicelib.notifications.model.words import Words
from chalicelib.notifications.telling import notification_of
from chalicelib.runtime.logs import log
from chalicelib.runtime.tables import Delete, Key, Put

_ENDPOINT: Final = "endpoint"


_WORTH: Final[Millis] = DAY
"""How long a push is worth something that does not say so."""
_RESERVED: Final = {"from": "user"}
"""Names that Google keeps for itself, and ours for the same."""


def message(notice: Notice, said: Words, unread: int, now: Millis) -> Message:
    """What phones show of the notice: once, however often it is pushed, by the name of its line in the inbox."""
    line = notification_of(notice)
    until = now + _WORTH if notice.worthless_after is None else notice.worthless_after
    ids = {_RESERVED.get(name, name): value for name, value in things(notice.facts).items()}
    return Message(
        name=line.id,
        title=said.subject,
        text=said.text,
        about={**ids, "id": line.id, "kind": notice.kind},
        group=notice.about or "account",
        unread=unread,
        seconds=max(1, (until - now) // SECOND),
    )


def push_to(world: World, person_id: str, device_id: str, message: Message) -> None:
    """Show the message on that device of the person's, if it still is theirs and its app is still there.

    Raises Unavailable where it is not known to be on its way. What SNS refuses for good is logged, and let go.
    """
    device = accounts.devices_of(world, person_id).of(device_id)
    if device is None:
        return
    try:
        if _pushed(world, device, message):
            log.info("pushed", kind=message.group, user=person_id, id=device_id)
    except ProviderFailed:
        log.warning("push_let_go", kind=message.group, user=person_id, id=device_id)  # it would be refused again
    except DeadToken:
        log.info("device_dead", user=person_id, id=device_id)
        with suppress(NotFound):  # they were quicker
            accounts.remove_device(world, person_id, device_id)


def forget_device(world: World, device_id: str) -> None:
    """Remove the endpoint of a device that nobody has any more. Raises Unavailable.

    One who signs in again meanwhile loses nothing: a missing endpoint is made anew.
    """
    endpoint = _kept(world, device_id)
    if endpoint is None or accounts.device_owner(world, device_id):
        return
    try:
        world.push.forget(endpoint)
    except ProviderFailed:
        log.warning("endpoint_not_removed", id=device_id)
    world.tables.write(Delete(world.settings.tables.inbox, _key(device_id)))


def _pushed(world: World, device: Device, message: Message) -> bool:
    """False where nothing is pushed to such devices here."""
    endpoint = _kept(world, device.id) or _made(world, device)
    if endpoint is None:
        return False
    try:
        world.push.push(endpoint, message)
    except NotFound:  # removed after it was made: by an earlier owner's leaving, or by hand
        if fresh := _made(world, device):
            world.push.push(fresh, message)
    return True


def _made(world: World, device: Device) -> str | None:
    endpoint = world.push.endpoint(device.platform, device.token)
    if endpoint:
        world.tables.write(Put(world.settings.tables.inbox, _key(device.id) | {"arn": endpoint}))
    return endpoint


def _kept(world: World, device_id: str) -> str | None:
    item = world.tables.get(world.settings.tables.inbox, _key(device_id))
    return str(item["arn"]) if item else None


def _key(device_id: str) -> Key:
    return {"pk": f"endpoint#{device_id}", "sk": _ENDPOINT}
