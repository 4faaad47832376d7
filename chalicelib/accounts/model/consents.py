"""What a person agreed to. A history: nothing is ever taken out of it, and the first time counts.

What may be taken back keeps that, too; given again, it is one more consent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

from chalicelib.kernel.errors import InvalidState, NotFound
from chalicelib.kernel.time import Millis

Document = Literal["terms", "guidelines", "consumption"]
"""``consumption``: that a store which decides on a refund is told how much of the purchase was used."""
WITHDRAWABLE: Final = frozenset({"consumption"})
"""What nobody has to agree to."""

MOST: Final = 100
"""Versions that one person can have agreed to: far more than there will ever be."""


@dataclass(frozen=True, slots=True)
class Consent:
    """One version of one document, and when it was agreed to first."""

    document: Document
    version: str
    at: Millis
    withdrawn_at: Millis | None = None


@dataclass(frozen=True, slots=True)
class Consents:
    """Everything a person agreed to, oldest first."""

    given: tuple[Consent, ...] = ()
    rev: int = 0

    def of(self, document: Document, version: str) -> Consent | None:
        """The consent to that version, if it was given and holds."""
        return next((each for each in self.holding(document) if each.version == version), None)

    def holding(self, document: Document) -> tuple[Consent, ...]:
        """The consents to any version of it that were not withdrawn."""
        return tuple(each for each in self.given if each.document == document and each.withdrawn_at is None)


def agreed(consents: Consents, document: Document, version: str, now: Millis) -> Consents:
    """The history with that version in it; as it was where it is in it already. Raises InvalidState beyond 100."""
    if consents.of(document, version):
        return consents
    if len(consents.given) >= MOST:
        raise InvalidState("There are too many consents of yours. Contact support.")
    return replace(consents, given=(*consents.given, Consent(document, version, now)))


def withdrawn(consents: Consents, document: str, now: Millis) -> Consents:
    """The history with no consent to that document that holds.

    Raises NotFound where it is no document, InvalidState for one that cannot be taken back.
    """
    if document not in get_args(Document):
        raise NotFound("There is no such document.")
    if document not in WITHDRAWABLE:
        raise InvalidState("This was agreed to for as long as the account is there.")
    holding = [each for each in consents.given if each.document == document and each.withdrawn_at is None]
    given = tuple(replace(each, withdrawn_at=now) if each in holding else each for each in consents.given)
    return replace(consents, given=given)
