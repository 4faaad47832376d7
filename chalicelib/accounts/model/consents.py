"""What a person agreed to. A history: nothing is ever taken out of it, and the first time counts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

from chalicelib.kernel.errors import InvalidState
from chalicelib.kernel.time import Millis

Document = Literal["terms", "guidelines"]

MOST: Final = 100
"""Versions that one person can have agreed to: far more than there will ever be."""


@dataclass(frozen=True, slots=True)
class Consent:
    """One version of one document, and when it was agreed to first."""

    document: Document
    version: str
    at: Millis


@dataclass(frozen=True, slots=True)
class Consents:
    """Everything a person agreed to, oldest first."""

    given: tuple[Consent, ...] = ()
    rev: int = 0

    def of(self, document: Document, version: str) -> Consent | None:
        """The consent to that version, if it was given."""
        return next((each for each in self.given if (each.document, each.version) == (document, version)), None)


def agreed(consents: Consents, document: Document, version: str, now: Millis) -> Consents:
    """The history with that version in it; as it was where it is in it already. Raises InvalidState beyond 100."""
    if consents.of(document, version):
        return consents
    if len(consents.given) >= MOST:
        raise InvalidState("There are too many consents of yours. Contact support.")
    return replace(consents, given=(*consents.given, Consent(document, version, now)))
