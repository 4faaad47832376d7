"""The verbs of satisfaction requests. Money is in cents."""

from argparse import ArgumentParser, Namespace
from typing import Final

from chalicelib.gateways import World
from chalicelib.kernel.time import rfc3339
from chalicelib.sessions import afterwards
from chalicelib.sessions.model.afterwards import Guarantee, decided
from scripts.admin.asking import WHY, Answer, Facts, Plan, Verb, an_id, takes_nothing


def list_guarantees(world: World, asked: Namespace) -> Answer:
    """Those that nobody has decided. What somebody wrote here is not to be copied elsewhere."""
    del asked
    return Answer([_guarantee_facts(each) for each in afterwards.pending_guarantees(world)])


def grant_guarantee(world: World, asked: Namespace) -> Plan:
    """Refused where it was refused before."""
    request = afterwards.guarantee(world, asked.guarantee)
    if decided(request, "granted", world.now()) == request:
        return Plan()
    moved = afterwards.restitution_of(world, request)
    promo = f", {moved.promo} of them promotional, for seven days" if moved.promo else ""

    def act(operator: str, reason: str) -> Answer:
        return Answer([_guarantee_facts(afterwards.grant(world, request.id, actor=operator, reason=reason))])

    return Plan(
        (
            f"give {request.amount} cents back to the client {request.user} for {request.session}{promo}",
            f"take {moved.from_reader} cents of that from the earnings of the reader",
            f"let the platform bear the other {moved.from_platform} cents",
        ),
        act,
    )


def refuse_guarantee(world: World, asked: Namespace) -> Plan:
    """Refused where it was granted before. The client cannot ask again for this reading."""
    request = afterwards.guarantee(world, asked.guarantee)
    done = decided(request, "refused", world.now()) == request

    def act(operator: str, reason: str) -> Answer:
        return Answer([_guarantee_facts(afterwards.refuse(world, request.id, actor=operator, reason=reason))])

    return Plan(() if done else (f"refuse the request of {request.user} for {request.amount} cents",), act)


def _guarantee_facts(request: Guarantee) -> Facts:
    return {
        "id": request.id,
        "status": request.status,
        "amount": request.amount,
        "session": request.session,
        "client": request.user,
        "asked_at": rfc3339(request.asked_at),
        "reason": request.reason,
    }


def _takes_guarantee(parser: ArgumentParser) -> None:
    parser.add_argument(
        "guarantee", type=an_id, metavar="ID", help="the request's id, gua_…; `guarantees list` tells it"
    )


VERBS: Final = (
    Verb(
        "guarantees",
        "list",
        "List the satisfaction requests that nobody has decided, oldest first. Money is in cents.",
        ("guarantees list --stage prod", "guarantees list --local --json"),
        takes_nothing,
        list_guarantees,
    ),
    Verb(
        "guarantees",
        "grant",
        "Give a client back what a reading cost, from the reader and the platform.",
        (f"guarantees grant gua_… --stage prod {WHY}",),
        _takes_guarantee,
        grant_guarantee,
        changes=True,
    ),
    Verb(
        "guarantees",
        "refuse",
        "Refuse a satisfaction request.",
        (f"guarantees refuse gua_… --stage prod {WHY}",),
        _takes_guarantee,
        refuse_guarantee,
        changes=True,
    ),
)
