"""What is posted, by kinds: of which chain which entry, or of which journal which fact."""

from __future__ import annotations

from chalicelib.dashboards.model import measures
from chalicelib.runtime.tables import Item

Kind = tuple[str, str]


def posted_as(row: Item) -> Kind | None:
    """Of which kind a row of the ledger is; None for a receipt."""
    match str(row["account"]).partition(":")[0]:
        case "receipt":
            return None
        case "platform":
            return row["kind"], str(row["seq"]).partition(":")[0]
        case chain:
            return chain, row["kind"]


def summed() -> set[Kind]:
    """All kinds that the sums know."""
    return {(whose, kind) for each in (measures._CHAINS, measures._JOURNALS) for whose in each for kind in each[whose]}
