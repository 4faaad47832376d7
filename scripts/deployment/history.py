"""What was released, what became of it, and which release is the one to go back to. Values in, values out.

A release is written down before it is made, and again once it is known what became of it. One that nobody wrote the end
of was left in its middle: the next run finds out whether it stands.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final, Literal, get_args

from scripts.deployment.failures import DeployFailed

Became = Literal["running", "good", "unseen", "failed", "went back", "bad"]
"""``running``: nobody wrote its end yet. ``unseen``: it stands, and nobody has looked whether it answers. ``failed``:
CloudFormation could not make it, and nothing has changed. ``went back``: it was made, and another was put in its place.
``bad``: it does not answer as it should, and stands.
"""
NEVER_STOOD: Final[tuple[Became, ...]] = ("failed", "went back")


NAMED: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")
"""How a release is named: by its moment, so that names are in the order that they were made."""


@dataclass(frozen=True, slots=True)
class Release:
    """What a stage was once made of."""

    at: str
    """RFC 3339; its name."""
    template_key: str
    parameters: Mapping[str, str]
    """But for those that are hidden."""
    said: str
    """What the person said it is: a reason, a word, nothing."""
    by: str = ""
    """Who released it, as AWS knows them."""
    source: str = ""
    """Which commit it was made from, and what speaks against it."""
    became: Became = "good"
    of: str = ""
    """The release that this one is again."""
    left: str = ""
    """The release that somebody went back from by this one."""

    @property
    def origin(self) -> str:
        """The release that was first made of this."""
        return self.of or self.at

    def is_of(self, template_key: str, parameters: Mapping[str, str]) -> bool:
        """Whether it is made of just that."""
        return self.template_key == template_key and dict(self.parameters) == dict(parameters)


def written(release: Release) -> dict[str, Any]:
    """As it is kept."""
    return asdict(release)


def read(kept: object) -> Release:
    """What was kept; what a later version of this program adds is left out. Raises ValueError for no release."""
    known = {each.name for each in fields(Release)}
    given = {name: value for name, value in kept.items() if name in known} if isinstance(kept, dict) else {}
    parameters = given.pop("parameters", None)
    if not isinstance(parameters, dict) or not {"at", "template_key", "said"} <= given.keys():
        raise ValueError("it lacks something")
    if not all(isinstance(each, str) for each in (*given.values(), *parameters.values())):
        raise ValueError("something of it is no text")
    if not NAMED.fullmatch(given["at"]):
        raise ValueError("its name is no moment")
    if given.get("became", "good") not in get_args(Became):
        raise ValueError("what became of it is no word that is known here")
    return Release(parameters=parameters, **given)


def must_be_older(found: Sequence[Release], now: str) -> None:
    """Given the newest first. Raises DeployFailed for one of a moment that is yet to come: what is written down now
    would count as made before it.
    """
    if found and found[0].at >= now:
        raise DeployFailed(
            f"The newest release is of {found[0].at}, and it is {now}: a clock is wrong, here or where that was made. "
            "Put this one right, or wait until then; what is written down of a moment that no clock showed, take away."
        )


def told(found: Sequence[Release]) -> list[Release]:
    """The newest first, as they are shown: what somebody went back from later is good no more."""
    gone = _gone(found)
    return [replace(each, became="went back") if each.at in gone else each for each in found]


def _gone(found: Sequence[Release]) -> set[str]:
    """What somebody went back from: it, and what it was again."""
    left = {each.left for each in found if each.left and each.became not in (*NEVER_STOOD, "running")}
    return left | {each.origin for each in found if each.at in left}


def _in_vain(found: Sequence[Release]) -> set[str]:
    """What somebody went back to, and it did not answer."""
    return {each.of for each in found if each.of and each.became in ("went back", "bad")}


def standing(found: Sequence[Release]) -> Release | None:
    """The one that stands: the newest that was not taken back. Given the newest first."""
    return next((each for each in told(found) if each.became not in NEVER_STOOD), None)


def named(found: Sequence[Release], at: str) -> Release:
    """The release of that name. Raises DeployFailed."""
    for each in found:
        if each.at == at:
            return each
    raise DeployFailed(f"There is no release {at}: --list shows those there are.")


def before(found: Sequence[Release]) -> Release:
    """The newest good release before the one that stands. Raises DeployFailed.

    Whatever somebody went back from is good no more, and a release that is an older one again counts as that one. So
    who goes back twice goes back two releases, and never to the one that they left; nor to one that was tried in vain.
    """
    now = standing(found)
    if now is None:
        raise DeployFailed("Nothing stands that one could go back from: --list shows what was released.")
    in_vain = _in_vain(found) | {now.origin}
    for each in told(found):
        if each.became == "good" and each.at < now.origin and each.origin not in in_vain:
            return each
    raise DeployFailed("There is no good release before the one that stands: --list shows what was released.")
