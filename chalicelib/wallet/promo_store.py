"""Promotional codes in the table ``wallet``.

``promo`` / the code                    the code; in one partition, so that they can be listed
``promo#{code}`` / ``{user}``           how often one person redeemed it
``user#{user}`` / ``promo-tries``       wrong guesses
"""

from dataclasses import asdict, replace
from typing import Final

from chalicelib.runtime.tables import Absent, Clause, Equals, Key, Put, Tables
from chalicelib.wallet.model.promo import Code, Tries

_CODES: Final = "promo"


class Promos:
    """Reads codes, and says which operations would write them: each fails when another write came first."""

    def __init__(self, tables: Tables, name: str) -> None:
        self._tables = tables
        self._name = name

    def get(self, code: str) -> Code | None:
        """The code, strongly consistent."""
        item = self._tables.get(self._name, {"pk": _CODES, "sk": code})
        return Code(**{name: item[name] for name in Code.__dataclass_fields__}) if item else None

    def page(self, limit: int, start: Key | None) -> tuple[list[Code], Key | None]:
        """A page of all codes, by name."""
        page = self._tables.query(self._name, ("pk", _CODES), limit=limit, start=start)
        fields = Code.__dataclass_fields__
        return [Code(**{name: item[name] for name in fields}) for item in page.items], page.next_key

    def keep(self, code: Code, was: Code | None) -> Put:
        """Adds the code, or puts it in the place of what it ``was``."""
        raised = replace(code, rev=was.rev + 1 if was else 1)
        return Put(self._name, {"pk": _CODES, "sk": code.code, **asdict(raised)}, _unchanged(was.rev if was else 0))

    def times(self, code: str, user: str) -> int:
        """How often ``user`` has redeemed the code, strongly consistent."""
        item = self._tables.get(self._name, _redemptions(code, user))
        return item["rev"] if item else 0

    def redeem(self, code: str, user: str, times: int) -> Put:
        """Counts one redemption more than the ``times`` that were read."""
        return Put(self._name, _redemptions(code, user) | {"rev": times + 1}, _unchanged(times))

    def tries(self, user: str) -> Tries:
        """Wrong guesses of ``user``, strongly consistent."""
        item = self._tables.get(self._name, _tries(user))
        return Tries(**{name: item[name] for name in Tries.__dataclass_fields__}) if item else Tries()

    def keep_tries(self, user: str, tries: Tries) -> Put:
        """Puts ``tries`` in the place of those with the same rev."""
        item = _tries(user) | asdict(replace(tries, rev=tries.rev + 1))
        return Put(self._name, item, _unchanged(tries.rev))


def _redemptions(code: str, user: str) -> Key:
    return {"pk": f"promo#{code}", "sk": user}


def _tries(user: str) -> Key:
    return {"pk": f"user#{user}", "sk": "promo-tries"}


def _unchanged(rev: int) -> tuple[Clause, ...]:
    return (Equals("rev", rev) if rev else Absent("pk"),)
