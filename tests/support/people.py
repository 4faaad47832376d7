"""People by their rows: for tests of services that know others by their ids alone."""

from dataclasses import replace

from chalicelib.accounts.model.person import Status, newcomer
from chalicelib.accounts.store import People
from chalicelib.gateways import World


def person(world: World, user: str, status: Status = "active") -> str:
    """Somebody with this id and standing; their id."""
    people = People(world.tables, world.settings.tables.accounts)
    world.tables.write(people.add(replace(newcomer(user, None, f"{user}@example.test", world.now()), status=status)))
    return user
