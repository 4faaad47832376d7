"""The verbs of the gift catalogue. Prices are in coins."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from contextlib import suppress
from typing import Final

from chalicelib.gateways import World
from chalicelib.kernel.errors import NotFound
from chalicelib.live import gifts
from chalicelib.live.model.gift import GIFT_ID, Gift, with_gift
from scripts.admin.asking import WHY, Answer, Facts, Plan, Verb, a_number, a_text, takes_nothing


def list_gifts(world: World, asked: Namespace) -> Answer:
    """All of them, also those that are not given any more."""
    del asked
    return Answer([_facts(each) for each in gifts.catalogue(world).gifts])


def set_gift(world: World, asked: Namespace) -> Plan:
    """Also brings back one that was stopped. What was sent before stays what it was."""
    gift = Gift(asked.gift, asked.name, asked.coins, asked.animation or f"{asked.gift}_v1")
    catalogue = gifts.catalogue(world)
    known: Gift | None = None
    with suppress(NotFound):
        known = catalogue.gift(gift.id)
    with_gift(catalogue, gift)  # what is not acceptable is refused before it is confirmed

    def act(operator: str, reason: str) -> Answer:
        return Answer([_facts(gifts.set_gift(world, gift, actor=operator, reason=reason))])

    was = f", now {_named(known)}" if known else ", a new one"
    return Plan(() if known == gift else (f"offer {_named(gift)}{was}",), act)


def stop_gift(world: World, asked: Namespace) -> Plan:
    """It stays in the catalogue, for what was sent of it."""
    gift = gifts.catalogue(world).gift(asked.gift)

    def act(operator: str, reason: str) -> Answer:
        return Answer([_facts(gifts.stop_gift(world, gift.id, actor=operator, reason=reason))])

    return Plan((f"let nobody give {gift.id} any more",) if gift.active else (), act)


def _named(gift: Gift) -> str:
    return f"{gift.name} ({gift.id}) for {gift.coins} coins, {gift.animation}{'' if gift.active else ', stopped'}"


def _facts(gift: Gift) -> Facts:
    return {
        "gift": gift.id,
        "name": gift.name,
        "coins": gift.coins,
        "animation": gift.animation,
        "active": gift.active,
    }


def _gift(written: str) -> str:
    if not GIFT_ID.fullmatch(written):
        raise ArgumentTypeError("write 1 to 32 small letters, digits and underscores, such as rose")
    return written


def _takes_gift(parser: ArgumentParser) -> None:
    parser.add_argument("gift", type=_gift, metavar="GIFT", help="its id: small letters, digits and underscores")


def _takes_terms(parser: ArgumentParser) -> None:
    _takes_gift(parser)
    parser.add_argument("--name", type=a_text, required=True, help="what people see")
    parser.add_argument("--coins", type=a_number, required=True, help="what it costs")
    parser.add_argument("--animation", type=a_text, help="what the apps show (its id and _v1)")


VERBS: Final = (
    Verb(
        "gifts",
        "list",
        "List the gifts, also those that were stopped.",
        ("gifts list --stage prod", "gifts list --local --json"),
        takes_nothing,
        list_gifts,
    ),
    Verb(
        "gifts",
        "set",
        "Offer a gift, or change one. What was sent before stays what it was.",
        (f"gifts set rose --name Rose --coins 100 --local {WHY}",),
        _takes_terms,
        set_gift,
        changes=True,
    ),
    Verb(
        "gifts",
        "stop",
        "Let nobody give it any more.",
        (f"gifts stop rose --stage prod {WHY}",),
        _takes_gift,
        stop_gift,
        changes=True,
    ),
)
