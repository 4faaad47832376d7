"""What a release is asked for, what it shows, and what may come of it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from scripts.deployment.changes import Change, Statement
from scripts.deployment.events import Event
from scripts.deployment.smoke import Check
from scripts.deployment.stack import Wanted


class Outcome(IntEnum):
    """What came of it: the exit code of ``scripts/deploy.py``."""

    DONE = 0
    """Deployed and answering, or nothing to do."""
    REFUSED = 1
    """Nothing has changed: it was refused, declined, or CloudFormation took it back by itself."""
    WENT_BACK = 3
    """It did not answer as it should, and the release before is in its place again."""
    STANDS = 4
    """It does not answer as it should and nothing better could be put in its place, or nobody knows yet what became of
    it: somebody is wanted now.
    """


@dataclass(frozen=True, slots=True)
class Shown:
    """What is about to happen, for a person to agree to."""

    stack: str
    kind: str
    """``CREATE`` or ``UPDATE``."""
    source: str
    changes: Sequence[Change]
    rights: Sequence[Statement]
    parameters: Sequence[tuple[str, str, str]]
    refused: Sequence[Change]
    only_shown: bool

    @property
    def asks(self) -> bool:
        """Whether there is something to agree to."""
        return not self.refused and not self.only_shown


@dataclass(frozen=True, slots=True)
class Hands:
    """What a release needs of whoever runs it."""

    agree: Callable[[Shown], bool]
    """Shows it, and asks where ``asks`` says so."""
    say: Callable[[str], None]
    told: Callable[[Event], None]
    smoke: Callable[[Mapping[str, str], bool], list[Check]]
    """Looks, and shows what it found. Given the outputs, and whether this code or any older one answers."""
    now: Callable[[], str]
    """RFC 3339."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is wanted."""

    wanted: Wanted
    said: str
    allowed: Collection[str] = ()
    """Logical ids of what may be replaced or removed although it holds something."""
    watch_minutes: int = 0
    only_shown: bool = False
    """Whether the change is not to be made."""
    still: bool = False
    """Whether the stage stands still: nobody can look whether it answers, and tables of another set may come."""
    by: str = ""
    source: str = ""
    of: str = ""
    """The older release that this is again; empty for the code of this tree."""
    left: str = ""
    """The release that is gone back from."""
