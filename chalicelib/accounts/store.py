"""The accounts table.

``{person}`` / ``profile``                              the person
``{person}`` / ``consents`` ``devices`` ``preferences`` ``limits``
``{person}`` / ``blocks``                               how many they blocked
``blocks#{person}`` / ``{user}``                        one whom they blocked
``device#{id}`` / ``device``                            whose it is: what keeps a token with one person
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any, Final

from chalicelib.accounts.model.blocks import Block, Tally
from chalicelib.accounts.model.consents import Consent, Consents
from chalicelib.accounts.model.devices import Device, Devices
from chalicelib.accounts.model.limits import Limits, Setting
from chalicelib.accounts.model.person import Person
from chalicelib.accounts.model.preferences import Preferences, QuietHours
from chalicelib.runtime.tables import Absent, Check, Delete, Equals, Item, Key, Operation, Put, Tables, whole

_PROFILE: Final = "profile"
_CONSENTS: Final = "consents"
_DEVICES: Final = "devices"
_PREFERENCES: Final = "preferences"
_LIMITS: Final = "limits"
_BLOCKS: Final = "blocks"
_SETTINGS: Final = ("day", "week", "month", "self_excluded_until")
_MOST_PAGES: Final = 1_000


class People:
    """Reads people, and says which operations would write them."""

    def __init__(self, tables: Tables, name: str) -> None:
        self._tables = tables
        self._name = name

    def find(self, person_id: str) -> Person | None:
        """The person, strongly consistent: a suspension holds from the very next request."""
        item = self._tables.get(self._name, {"pk": person_id, "sk": _PROFILE})
        return _from_item(item) if item else None

    def names(self, people_ids: Sequence[str]) -> dict[str, str]:
        """What these people are called, of those who are known. At most 100, no two alike."""
        found = self._tables.get_many(self._name, [{"pk": each, "sk": _PROFILE} for each in people_ids])
        return {item["pk"]: item["display_name"] for item in found if item}

    def having_email(self, email: str) -> list[Person]:
        """Everybody with this address, by reading the whole table: for the command line only.

        Raises Unavailable beyond 1,000 pages (about 1 GB).
        """
        return [
            _from_item(item)
            for item in whole(self._tables, self._name, most=_MOST_PAGES)
            if item["sk"] == _PROFILE and (item.get("email") or "").casefold() == email.casefold()
        ]

    def add(self, person: Person) -> Put:
        """Adds a newcomer; fails when the person exists."""
        return Put(self._name, _to_item(person), when=(Absent("pk"),))

    def replace(self, person: Person, was: Person) -> Put:
        """Changes the person; fails when another write came first."""
        return Put(self._name, _to_item(person), when=(Equals("rev", was.rev),))

    def still(self, person: Person) -> Check:
        """Fails a transaction where the person has another standing by then."""
        return Check(self._name, {"pk": person.id, "sk": _PROFILE}, (Equals("status", person.status),))


class Belongings:
    """Reads what a person set, and says which operations would write it: each fails when another write came first."""

    def __init__(self, tables: Tables, name: str) -> None:
        self._tables = tables
        self._name = name

    # one row a kind, each with a rev of its own

    def consents(self, person_id: str) -> Consents:
        """What the person agreed to."""
        item = self._of(person_id, _CONSENTS)
        return Consents(tuple(Consent(**each) for each in item["given"]), item["rev"]) if item else Consents()

    def keep_consents(self, person_id: str, consents: Consents) -> Put:
        """Puts ``consents`` in the place of those with the same rev."""
        return self._keep(person_id, _CONSENTS, consents.rev, {"given": [asdict(each) for each in consents.given]})

    def preferences(self, person_id: str) -> Preferences:
        """Which notices the person wants."""
        item = self._of(person_id, _PREFERENCES)
        if item is None:
            return Preferences()
        chosen = {kind: frozenset(channels) for kind, channels in item["chosen"].items()}
        return Preferences(chosen, QuietHours(**item["quiet"]) if item["quiet"] else None, item["rev"])

    def keep_preferences(self, person_id: str, preferences: Preferences) -> Put:
        """Puts ``preferences`` in the place of those with the same rev."""
        chosen = {kind: sorted(channels) for kind, channels in preferences.chosen.items()}
        quiet = asdict(preferences.quiet) if preferences.quiet else None
        return self._keep(person_id, _PREFERENCES, preferences.rev, {"chosen": chosen, "quiet": quiet})

    def limits(self, person_id: str) -> Limits:
        """What the person lets themselves spend, as stored."""
        item = self._of(person_id, _LIMITS)
        if item is None:
            return Limits()
        return Limits(**{name: Setting(**item[name]) for name in _SETTINGS}, rev=item["rev"])

    def keep_limits(self, person_id: str, limits: Limits) -> Put:
        """Puts ``limits`` in the place of those with the same rev."""
        return self._keep(person_id, _LIMITS, limits.rev, {name: asdict(getattr(limits, name)) for name in _SETTINGS})

    # devices

    def devices(self, person_id: str) -> Devices:
        """The person's devices."""
        item = self._of(person_id, _DEVICES)
        return Devices(tuple(Device(**each) for each in item["registered"]), item["rev"]) if item else Devices()

    def keep_devices(self, person_id: str, devices: Devices) -> Put:
        """Puts ``devices`` in the place of those with the same rev."""
        registered = [asdict(each) for each in devices.registered]
        return self._keep(person_id, _DEVICES, devices.rev, {"registered": registered})

    def device_owner(self, device_id: str) -> str | None:
        """Whose device this is, strongly consistent."""
        item = self._tables.get(self._name, _device_key(device_id))
        return str(item["person"]) if item else None

    def claim_device(self, device_id: str, person_id: str, was: str | None) -> Put:
        """Makes the device the person's; fails when it is no longer whose it ``was``."""
        when = Absent("pk") if was is None else Equals("person", was)
        return Put(self._name, _device_key(device_id) | {"person": person_id}, when=(when,))

    def let_device_go(self, device_id: str, person_id: str) -> Delete:
        """Makes the device nobody's; fails when it is another's."""
        return Delete(self._name, _device_key(device_id), when=(Equals("person", person_id),))

    # blocks

    def block(self, person_id: str, user: str) -> Block | None:
        """The block of ``user`` by the person, strongly consistent."""
        item = self._tables.get(self._name, _block_key(person_id, user))
        return Block(person_id, user, item["created_at"]) if item else None

    def apart(self, person_id: str, users: Sequence[str]) -> set[str]:
        """Those of them whom the person blocked, or who blocked the person, strongly consistent. At most 50, no two
        alike, and not the person.
        """
        keys = [key for each in users for key in (_block_key(person_id, each), _block_key(each, person_id))]
        found = self._tables.get_many(self._name, keys)
        return {each for each, *pair in zip(users, found[::2], found[1::2], strict=True) if any(pair)}

    def blocks(self, person_id: str, limit: int, after: str | None) -> tuple[list[Block], str | None]:
        """A page of the people whom the person blocked, by id, and after whom the next one starts."""
        start = _block_key(person_id, after) if after else None
        page = self._tables.query(self._name, ("pk", _blocks_of(person_id)), limit=limit, start=start)
        found = [Block(person_id, item["sk"], item["created_at"]) for item in page.items]
        return found, str(page.next_key["sk"]) if page.next_key else None

    def tally(self, person_id: str) -> Tally:
        """How many the person blocked."""
        item = self._of(person_id, _BLOCKS)
        return Tally(item["count"], item["rev"]) if item else Tally()

    def add_block(self, block: Block, tally: Tally) -> tuple[Operation, ...]:
        """Adds the block, to a tally that was read; fails when it exists, or another one came first."""
        added = Put(
            self._name,
            _block_key(block.person, block.user) | {"created_at": block.created_at},
            when=(Absent("pk"),),
        )
        return added, self._keep(block.person, _BLOCKS, tally.rev, {"count": tally.count + 1})

    def remove_block(self, block: Block, tally: Tally) -> tuple[Operation, ...]:
        """Takes the block back; fails when it is gone, or another change came first."""
        key = _block_key(block.person, block.user)
        gone = Delete(self._name, key, when=(Equals("created_at", block.created_at),))
        return gone, self._keep(block.person, _BLOCKS, tally.rev, {"count": tally.count - 1})

    def no_block(self, person_id: str, user: str) -> Check:
        """Fails where the person blocked ``user``."""
        return Check(self._name, _block_key(person_id, user), when=(Absent("pk"),))

    # the end

    def forget_blocks(self, blocks: Sequence[Block]) -> list[Delete]:
        """Takes these blocks away, whatever the tally says: it goes too."""
        return [Delete(self._name, _block_key(each.person, each.user)) for each in blocks]

    def forget(self, person_id: str) -> list[Delete]:
        """Takes away the rows of a person, but for the profile and the consents."""
        return [
            Delete(self._name, {"pk": person_id, "sk": kind}) for kind in (_DEVICES, _PREFERENCES, _LIMITS, _BLOCKS)
        ]

    def _of(self, person_id: str, kind: str) -> Item | None:
        return self._tables.get(self._name, {"pk": person_id, "sk": kind})

    def _keep(self, person_id: str, kind: str, rev: int, content: Mapping[str, Any]) -> Put:
        when = Equals("rev", rev) if rev else Absent("pk")
        return Put(self._name, {"pk": person_id, "sk": kind, **content, "rev": rev + 1}, when=(when,))


def _blocks_of(person_id: str) -> str:
    return f"blocks#{person_id}"


def _block_key(person_id: str, user: str) -> Key:
    return {"pk": _blocks_of(person_id), "sk": user}


def _device_key(device_id: str) -> Key:
    return {"pk": f"device#{device_id}", "sk": "device"}


def _to_item(person: Person) -> Item:
    """What a person has not told is left out."""
    told = {name: value for name, value in asdict(person).items() if value is not None}
    born = {"birth_date": person.birth_date.isoformat()} if person.birth_date else {}
    return {"pk": told.pop("id"), "sk": _PROFILE, **told, **born}


def _from_item(item: Item) -> Person:
    born = item.get("birth_date")
    return Person(
        id=item["pk"],
        role=item["role"],
        status=item["status"],
        display_name=item["display_name"],
        birth_date=date.fromisoformat(born) if born else None,
        time_zone=item["time_zone"],
        locale=item["locale"],
        email=item.get("email"),
        created_at=item["created_at"],
        rev=item["rev"],
    )
