"""Tickets: who pays once, in coins, may watch a premium stream (product §6)."""

from chalicelib.gateways import World


def has_ticket(world: World, stream: str, user: str) -> bool:
    """Whether the person has paid to watch the stream, and did not get it back."""
    return world.tables.get(world.settings.tables.live, {"pk": f"ticket#{stream}", "sk": user}) is not None
