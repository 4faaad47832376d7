"""The verbs of coins and of the packs that they are sold in. Prices are in cents."""

from argparse import ArgumentParser, Namespace
from dataclasses import replace
from typing import Final

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.kernel.errors import NotFound
from chalicelib.kernel.time import rfc3339
from chalicelib.operations.model.adjustment import What, wanted
from chalicelib.wallet import bought, coins, packs, purchases
from chalicelib.wallet.model.packs import Pack, must_cover, with_pack
from scripts.admin.adjustments import by_hand
from scripts.admin.asking import WHY, Answer, Facts, Plan, Verb, a_number, a_text, an_id, takes_nothing, takes_user

_MOST_SHOWN: Final = 100


def show_coins(world: World, asked: Namespace) -> Answer:
    """How many there are, and the hundred newest purchases."""
    person = accounts.person(world, asked.user)
    found, more = bought.bought_by(world, person.id, _MOST_SHOWN, None)
    told = [
        {"at": rfc3339(each.at), "store": each.store, "id": each.id, "coins": each.coins, "stands": each.left}
        for each in found
    ]
    balance = coins.balance(world, person.id)
    older: Facts = {"older": f"there are, beside these {_MOST_SHOWN}"} if more else {}
    return Answer([{"user": person.id, "coins": balance, "purchases": told} | older])


def grant_coins(world: World, asked: Namespace) -> Plan:
    """``--ref`` is what makes it once: the same person, the same ref, the same coins."""
    return _adjust(world, asked, "coins_granted", asked.coins, "give {name} {coins} coins")


def take_coins(world: World, asked: Namespace) -> Plan:
    """Never more than there are. ``--ref`` as in ``grant``."""
    return _adjust(world, asked, "coins_withdrawn", -asked.coins, "take {coins} coins from {name}")


def _adjust(world: World, asked: Namespace, kind: What, amount: int, will: str) -> Plan:
    person = accounts.person(world, asked.user)
    worth = world.settings.cents_per_100_coins
    change = wanted(kind, person.id, amount, asked.ref, cents_per_100_coins=worth)
    said = will.format(name=f"{person.display_name} ({person.id})", coins=asked.coins)
    return by_hand(
        world,
        asked,
        change,
        (said,),
        lambda: {"user": person.id, "amount": amount, "coins": coins.balance(world, person.id)},
    )


# --- packs ---------------------------------------------------------------------------------------


def list_packs(world: World, asked: Namespace) -> Answer:
    """All of them, also those that are not sold any more."""
    del asked
    return Answer([_facts(each) for each in purchases.packs_of(world).packs])


def set_pack(world: World, asked: Namespace) -> Plan:
    """A pack keeps its coins for good: refused where they would change. The product has to be at both stores too."""
    pack = Pack(asked.pack, asked.coins, asked.price)
    will = f"sell {pack.id}: {pack.coins} coins for {pack.price} cents on the web; both stores must know it"
    return _keep(world, pack, will)


def stop_pack(world: World, asked: Namespace) -> Plan:
    """What was bought of it stays, and so does what we hear of later."""
    known = purchases.pack_of(world, asked.pack)
    if known is None:
        raise NotFound("There is no such pack.")
    return _keep(world, replace(known, active=False), f"sell {known.id} no more; take it out of both stores too")


def _keep(world: World, pack: Pack, will: str) -> Plan:
    was = purchases.packs_of(world)
    must_cover(pack, world.settings.cents_per_100_coins)

    def act(operator: str, reason: str) -> Answer:
        return Answer([_facts(packs.keep(world, pack, actor=operator, reason=reason))])

    return Plan(() if with_pack(was, pack) == was else (will,), act)


def _facts(pack: Pack) -> Facts:
    return {"id": pack.id, "coins": pack.coins, "price_cents": pack.price, "active": pack.active}


def _takes_pack(parser: ArgumentParser) -> None:
    parser.add_argument("pack", type=a_text, metavar="PACK", help="such as coins_500; its product id at both stores")


def _takes_terms(parser: ArgumentParser) -> None:
    _takes_pack(parser)
    parser.add_argument("--coins", type=a_number, required=True, help="for good")
    parser.add_argument("--price", type=a_number, required=True, help="cents, on the web")


def _takes_adjustment(parser: ArgumentParser) -> None:
    takes_user(parser)
    parser.add_argument("--coins", type=a_number, required=True, help="how many")
    parser.add_argument("--ref", type=an_id, required=True, help="what it is for, such as a ticket: done once a ref")


VERBS: Final = (
    Verb(
        "coins",
        "show",
        "Show a person's coins, and what they bought.",
        ("coins show usr_… --stage prod",),
        takes_user,
        show_coins,
    ),
    Verb(
        "coins",
        "grant",
        "Give a person coins, once for a ref.",
        (f"coins grant usr_… --coins 500 --ref ticket-1234 --stage prod {WHY}",),
        _takes_adjustment,
        grant_coins,
        changes=True,
    ),
    Verb(
        "coins",
        "take",
        "Take coins from a person, once for a ref.",
        (f"coins take usr_… --coins 500 --ref ticket-1234 --stage prod {WHY}",),
        _takes_adjustment,
        take_coins,
        changes=True,
    ),
    Verb(
        "coins",
        "packs",
        "List the packs of coins, sold or not.",
        ("coins packs --stage prod", "coins packs --local --json"),
        takes_nothing,
        list_packs,
    ),
    Verb(
        "coins",
        "set-pack",
        "Sell a pack of coins, or change its price on the web.",
        (f"coins set-pack coins_500 --coins 500 --price 699 --stage prod {WHY}",),
        _takes_terms,
        set_pack,
        changes=True,
    ),
    Verb(
        "coins",
        "stop-pack",
        "Sell a pack of coins no more.",
        (f"coins stop-pack coins_500 --stage prod {WHY}",),
        _takes_pack,
        stop_pack,
        changes=True,
    ),
)
