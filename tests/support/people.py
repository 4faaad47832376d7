"""People by their rows: for tests of services that know others by their ids alone."""

from dataclasses import replace

from chalicelib.accounts.model.person import Status, newcomer
from chalicelib.accounts.store import People
from chalicelib.gateways import World
from chalicelib.kernel.roles import Role


def person(world: World, user: str, status: Status = "active", role: Role = "client") -> str:
    """Somebody with this id, standing and role; their id."""
    people = People(world.tables, world.settings.tables.accounts)
    made = newcomer(user, None, f"{user}@example.test", world.now())
    world.tables.write(people.add(replace(made, status=status, role=role)))
    return user
