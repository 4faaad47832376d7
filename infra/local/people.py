"""Three people who are ready to try things: a client, a reader and an admin.

They sign in and fill in their profiles by the API, as anybody does; only what an admin alone may do, inviting and
verifying the reader and making the admin, goes straight to the services which the admin command line calls too.
What a person has already, from an earlier run with the same state, is left as it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import requests

if TYPE_CHECKING:
    from chalicelib.gateways import World

RATE: Final = 250
"""Cents per minute, in every modality."""
_REASON: Final = "ready person of a local stack"
_ACTOR: Final = "local-stack"
_ANSWER_SECONDS: Final = 30
_ADDRESS: Final = "192.0.2.1"
"""Where the local gateway is told that they are: the few first requests that an address has are left to whoever tries
the stack out.
"""


@dataclass(frozen=True, slots=True)
class Person:
    subject: str
    email: str
    name: str


PEOPLE: Final = {
    "client": Person("local|client", "clara@example.test", "Clara"),
    "reader": Person("local|reader", "rosa@example.test", "Rosa"),
    "admin": Person("local|admin", "ada@example.test", "Ada"),
}


def make_people(api_url: str, world: "World", tokens: Mapping[str, str]) -> dict[str, str]:
    """The id of each of ``PEOPLE``, made ready; ``tokens`` are theirs. Raises requests.HTTPError."""
    from chalicelib.accounts import service as accounts

    me = {name: _call(api_url, tokens[name], "GET", "/v1/me") for name in PEOPLE}
    for name, person in me.items():
        if not person["birth_date"]:
            _call(api_url, tokens[name], "PATCH", "/v1/me", {"birth_date": "1990-05-17"})
    make_reader(api_url, world, tokens["reader"], PEOPLE["reader"])
    if me["admin"]["role"] != "admin":
        accounts.set_role(world, me["admin"]["id"], "admin", actor=_ACTOR, reason=_REASON)
    return {name: person["id"] for name, person in me.items()}


def make_reader(api_url: str, world: "World", token: str, person: Person, rate: int = RATE) -> str:
    """A verified reader, offline, who takes ``rate`` cents per minute. Returns the id. Raises requests.HTTPError."""
    from chalicelib.readers import service as readers

    me = _call(api_url, token, "GET", "/v1/me")
    if me["role"] == "client":
        invitation, _ = readers.invite(world, email=person.email, actor=_ACTOR, reason=_REASON)
        _call(api_url, token, "POST", "/v1/reader/invitation", {"token": invitation})
    profile = _call(api_url, token, "GET", "/v1/reader/profile")
    if not profile["slug"]:
        description = {
            "slug": f"{person.name.lower()}-{me['id'][-6:].lower()}",
            "name": person.name,
            "biography": "Reads tarot for the people who try SoulSeer out.",
            "specialties": ["tarot"],
            "languages": ["en"],
        }
        _call(api_url, token, "PUT", "/v1/reader/profile", description)
    if not profile["rates"]:
        _call(api_url, token, "PUT", "/v1/reader/rates", dict.fromkeys(("text", "voice", "video"), rate))
    if not profile["verified"]:
        readers.verify(world, me["id"], actor=_ACTOR, reason=_REASON)
    return str(me["id"])


def _call(api_url: str, token: str, method: str, path: str, body: Any = None) -> Any:
    headers = {"authorization": f"Bearer {token}", "x-forwarded-for": _ADDRESS}
    response = requests.request(method, f"{api_url}{path}", json=body, headers=headers, timeout=_ANSWER_SECONDS)
    if not response.ok:
        raise requests.HTTPError(f"{method} {path} answered {response.status_code}: {response.text[:500]}")
    return response.json()
